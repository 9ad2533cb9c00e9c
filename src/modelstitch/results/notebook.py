"""A comparison in a notebook: small, static tables, everything escaped."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import xarray as xr
from markupsafe import Markup, escape

from modelstitch.evidence.verdict import Verdict
from modelstitch.results import figure
from modelstitch.results.colours import shade
from modelstitch.results.plots import KEPT_COLOURS
from modelstitch.results.verdict_cells import percent, verdict_cells
from modelstitch.specs import TRAINED
from modelstitch.specs.verdicts import Learnt
from modelstitch.wording import say

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
            title = f"verdicts{which}: kept, {comparison.score_name}, was it learnt"
            tables.append(verdict_table(title, matrix, verdicts, stitch))
        for control in comparison.controls:
            title = figure.title(comparison, control, stitch).replace("\n", ": ")
            matrix = comparison.matrix(control=control, stitch=stitch)
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
    """Return the verdicts on a matrix as a table, coloured by what is kept; both answers in words."""
    senders, receivers = _names(matrix)
    squares = []
    for sender, row in zip(senders, verdict_cells(matrix, verdicts, stitch), strict=True):
        texts = []
        for receiver, cell in zip(receivers, row, strict=True):
            verdict = verdicts.get((sender, receiver, stitch))
            texts.append((_in_words(verdict, cell.score), *shade(cell.kept, KEPT_COLOURS)))
        squares.append(texts)
    return _table(title, senders, receivers, squares)


def _in_words(verdict: Verdict | None, score: str) -> str:
    """Return both answers and the score, such as ``partly, 71 %; 0.87; not learnt``."""
    if verdict is None:
        return "–"
    kept = "" if math.isnan(verdict.kept) else f", {percent(verdict.kept)} %"
    learnt = "" if verdict.learnt is Learnt.NOT_ASKED else f"; {say(f'learnt.{verdict.learnt}')}"
    return f"{verdict.name}{kept}; {score.split()[0]}{learnt}"


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
