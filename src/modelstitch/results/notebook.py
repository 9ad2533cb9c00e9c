"""A comparison in a notebook: small, static tables, everything escaped."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import xarray as xr
from markupsafe import Markup, escape

from modelstitch.evidence.verdict import Verdict
from modelstitch.results import figure
from modelstitch.results.colours import VERDICTS, shade
from modelstitch.specs import TRAINED

if TYPE_CHECKING:
    from modelstitch.results.comparison import Comparison

_CELL = "padding:2px 8px;text-align:center"


def of_comparison(comparison: Comparison) -> str:
    """Return a comparison as HTML: its sentences, then verdicts and scores for each stitch."""
    tables = []
    for stitch in comparison.stitches:
        which = f" ({stitch})" if len(comparison.stitches) > 1 else ""
        if TRAINED in comparison.controls and (verdicts := comparison.cell_verdicts(stitch)):
            matrix = comparison.matrix(stitch=stitch)
            tables.append(verdict_table(f"verdicts{which}", matrix, verdicts, stitch))
        for control in comparison.controls:
            title = figure.title(comparison, control, stitch).replace("\n", ": ")
            matrix = comparison.matrix(control, stitch=stitch)
            tables.append(score_table(title, matrix, comparison.doubtful(control, stitch)))
    return whole(repr(comparison), comparison.sentences() if comparison.cells else (), tables)


def score_table(title: str, matrix: xr.DataArray, doubtful: xr.DataArray) -> Markup:
    """Return a matrix of scores as a coloured table; ``?`` stands beside a value that had not converged."""
    squares = []
    for values, moved in zip(matrix.to_numpy(), doubtful.to_numpy(), strict=True):
        row = []
        for value, mark in zip(values, moved, strict=True):
            missing = math.isnan(value)
            text = "–" if missing else f"{value:.3f}{'?' if mark else ''}"
            row.append((text, *shade(None if missing else float(value))))
        squares.append(row)
    return _table(title, *_names(matrix), squares)


def verdict_table(
    title: str, matrix: xr.DataArray, verdicts: Mapping[tuple[str, str, str], Verdict], stitch: str
) -> Markup:
    """Return the verdicts on a matrix as a coloured table, with the per cent kept beyond the label."""
    senders, receivers = _names(matrix)
    squares = []
    for sender in senders:
        row = []
        for receiver in receivers:
            verdict = verdicts.get((sender, receiver, stitch))
            if verdict is None:
                row.append(("–", *shade(None)))
                continue
            fill, ink, _ = VERDICTS[verdict.name]
            kept = "" if math.isnan(verdict.kept) else f", {100 * verdict.kept:.0f} %"
            row.append((f"{verdict.name}{kept}", fill, ink))
        squares.append(row)
    return _table(title, senders, receivers, squares)


def whole(heading: str, sentences: Iterable[str], tables: Iterable[Markup]) -> str:
    """Return a heading, sentences and tables as one piece of HTML."""
    items = Markup("").join(Markup("<li>{}</li>").format(text) for text in sentences)
    return str(
        Markup("<div><p><b>{}</b></p><ul>{}</ul>{}</div>").format(heading, items, Markup("").join(tables))
    )


def _names(matrix: xr.DataArray) -> tuple[list[str], list[str]]:
    senders, receivers = (
        [str(name) for name in matrix[axis].to_numpy()] for axis in ("sender_cut", "receiver_cut")
    )
    return senders, receivers


def _table(
    title: str,
    senders: Sequence[str],
    receivers: Sequence[str],
    squares: Sequence[Sequence[tuple[str, str, str]]],
) -> Markup:
    head = Markup("").join(Markup("<th>{}</th>").format(name) for name in receivers)
    rows = []
    for name, row in zip(senders, squares, strict=True):
        cells = Markup("").join(
            Markup('<td style="{};background:{};color:{}">{}</td>').format(Markup(_CELL), fill, ink, text)
            for text, fill, ink in row
        )
        rows.append(Markup("<tr><th>{}</th>{}</tr>").format(name, cells))
    return Markup(
        "<table><caption>{}</caption><thead><tr><th>sender \\ receiver</th>{}</tr></thead>"
        "<tbody>{}</tbody></table>"
    ).format(escape(title), head, Markup("").join(rows))
