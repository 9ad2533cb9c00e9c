"""What the commands show: cuts, matrices, verdicts and curves in the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from modelstitch.cli.screen import print_table, tell
from modelstitch.results.rows import CellKey
from modelstitch.specs.verdicts import Learnt, VerdictName

if TYPE_CHECKING:
    import xarray as xr

    from modelstitch.cutting import CutModel
    from modelstitch.evidence.verdict import Verdict
    from modelstitch.results.by_labels import ByLabels
    from modelstitch.results.comparison import Comparison


def plain_cuts(model: CutModel) -> list[dict[str, Any]]:
    """Return the cuts of a model as values that JSON can hold."""
    return [
        {
            "name": cut.name,
            "layout": str(cut.layout),
            "shape": cut.shape,
            "default": cut.boundary,
            "by_values": cut.by_values,
            "before": asdict(cut.before),
            "after": asdict(cut.after),
            "parameters_before": cut.before.share.parameters,
            "multiply_adds_before": cut.before.share.multiply_adds,
            "aliases": cut.aliases,
        }
        for cut in model.cuts
    ]


def print_cuts(model: CutModel, title: str) -> None:
    """Print one row a cut: its layout, whether it is used by default, and the work before it."""
    table = Table(title=title)
    for heading in ("cut", "layout", "shape"):
        table.add_column(heading, no_wrap=True, overflow="fold")
    table.add_column("default")
    for heading in ("params before", "mult-adds before"):
        table.add_column(heading, justify="right")
    table.add_column("also called", overflow="fold")
    for cut in model.cuts:
        before = cut.before
        table.add_row(
            cut.name,
            _shortened(str(cut.layout)),
            " x ".join(map(str, cut.shape)),
            "yes" if cut.boundary else "",
            f"{before.parameters:,} ({100 * before.share.parameters:.0f} %)",
            f"{before.multiply_adds:,} ({100 * before.share.multiply_adds:.0f} %)",
            ", ".join(cut.aliases),
        )
    print_table(table)
    notes = [f"Cut by {model.technique}{model.kept}."]
    if any(cut.layout.kind == "tokens" and cut.layout.grid is None for cut in model.cuts):
        notes.append("Tokens without a grid are read as a sequence: no grid was measured.")
    compared = [cut.name for cut in model.cuts if cut.by_values]
    if compared:
        notes.append(f"Found legal by comparing values: {', '.join(compared)}.")
    for note in notes:
        tell(note)


def _shortened(text: str, most: int = 60) -> str:
    """Cut a long text short: an order of many tokens is in the JSON."""
    return text if len(text) <= most else f"{text[:most]}..."


def print_matrix(matrix: xr.DataArray, title: str) -> None:
    """Print a matrix of accuracies: sender cuts in rows, receiver cuts in columns, darker where higher."""
    tell(title)
    table = Table()
    table.add_column("sender \\ receiver", style="bold")
    for name in matrix["receiver_cut"].to_numpy():
        table.add_column(str(name), justify="right")
    for name, row in zip(matrix["sender_cut"].to_numpy(), matrix.to_numpy(), strict=True):
        table.add_row(str(name), *[_shade(float(value)) for value in row])
    print_table(table)


_MARKS = {
    VerdictName.INTERCHANGEABLE: "inter",
    VerdictName.PARTLY: "part",
    VerdictName.DECODABLE_ONLY: "label",
    VerdictName.INCOMPATIBLE: "none",
    VerdictName.CANNOT_TELL: "?",
}
_LEGEND = (
    "inter = interchangeable, part = partly, label = decodable only, none = incompatible, ? = cannot tell"
)


def print_verdicts(comparison: Comparison, stitch: str) -> None:
    """Print both answers on every cell of the real grid, a legend, and the reason for one of each kind."""
    from modelstitch.results.verdict_cells import legend, percent, verdict_cells

    verdicts, by_seed = comparison.cell_verdicts(stitch), comparison.verdicts(stitch)
    if not verdicts:
        return
    seeds = sorted({key.seed for key in by_seed})
    table = Table(title="verdicts" if len(seeds) == 1 else f"verdicts of {len(seeds)} seeds together")
    table.add_column("sender \\ receiver", style="bold")
    matrix = comparison.matrix(stitch=stitch)
    senders, receivers = (
        [str(name) for name in matrix[axis].to_numpy()] for axis in ("sender_cut", "receiver_cut")
    )
    for name in receivers:
        table.add_column(name)
    for sender, row in zip(senders, verdict_cells(matrix, verdicts, stitch), strict=True):
        texts = []
        for receiver, cell in zip(receivers, row, strict=True):
            verdict = verdicts.get((sender, receiver, stitch))
            of_seeds = [by_seed.get(CellKey(sender, receiver, stitch, seed)) for seed in seeds]
            kept = [each.kept for each in of_seeds if each is not None]
            shown = " ".join("–" if math.isnan(each) else str(percent(each)) for each in kept)
            known = "" if all(math.isnan(each) for each in kept) else f" {shown} %"
            word = "–" if verdict is None else f"{_MARKS[verdict.name]}{known}"
            texts.append(_coloured(f"{word}\n{cell.score}", cell.kept))
        table.add_row(sender, *texts)
    print_table(table)
    for line in legend(comparison, stitch, marks=_MARKS):
        tell(line)
    if len(seeds) > 1:
        tell("Per cent by seed.")
    _print_reasons(verdicts)


def _print_reasons(verdicts: Mapping[tuple[str, str, str], Verdict]) -> None:
    """Print one cell of each pair of answers with its reason."""
    shown: set[tuple[str, str]] = set()
    for (sender, receiver, _), verdict in verdicts.items():
        if (verdict.name, verdict.learnt) in shown:
            continue
        shown.add((verdict.name, verdict.learnt))
        asked = verdict.learnt is not Learnt.NOT_ASKED
        learnt = f", {verdict.learnt} ({verdict.learnt_confidence} confidence)" if asked else ""
        tell(
            f"- {sender} -> {receiver}, {verdict.name} ({verdict.confidence} confidence){learnt}: "
            f"{verdict.sentence}."
        )


def _coloured(text: str, kept: float | None) -> Text:
    """Return a text on the colour of what is kept; dim where nothing is known."""
    from modelstitch.results.colours import shade
    from modelstitch.results.plots import KEPT_COLOURS

    if kept is None:
        return Text(text, style="dim", justify="right")
    fill, ink = shade(kept, KEPT_COLOURS)
    return Text(text, style=f"{ink} on {fill}", justify="right")


def print_labels(found: ByLabels) -> None:
    """Print for each cell its verdict, what it keeps and its score, by every label set."""
    table = Table(title="by label set")
    for heading in ("cell", *found.tried_for):
        table.add_column(heading)
    columns = ["sender_cut", "receiver_cut", "stitch"]
    for (sender, receiver, stitch), rows in found.frame().groupby(columns, sort=False):
        by_labels = {row["labels"]: row for row in rows.to_dict("records")}
        shown = [_labelled(by_labels[name]) if name in by_labels else Text("–") for name in found.tried_for]
        table.add_row(f"{sender} -> {receiver} ({stitch})", *shown)
    print_table(table)
    tell(f"{_LEGEND}; % kept beyond the label of the set; score")


def _labelled(row: Mapping[Any, Any]) -> Text:
    from modelstitch.results.verdict_cells import percent

    kept = None if math.isnan(row["kept"]) else float(row["kept"])
    word = _MARKS[VerdictName(row["name"])] if row["name"] else ""
    parts = [word, "" if kept is None else f"{percent(kept)} %", f"{row['score']:.2f}"]
    return _coloured(" ".join(part for part in parts if part), kept)


def print_curves(comparison: Comparison) -> None:
    """Print for each cell the smallest interchangeable stitch, and up to which one compatibility is real."""
    from modelstitch.results.curves import capacity_curves

    table = Table(title="how much stitch it takes (parameters)")
    for heading in ("cell", "interchangeable from", "real up to", "caught up from"):
        table.add_column(heading)
    for curve in capacity_curves(comparison):
        points = (curve.interchangeable, curve.ahead, curve.caught_up)
        named = ["none" if point is None else f"{point.stitch} ({point.n_parameters:,})" for point in points]
        if curve.caught_up_by is not None:
            named[-1] += f", by {curve.caught_up_by}"
        shown = named if curve.is_judged else ["cannot tell"] * len(points)
        table.add_row(f"{curve.sender_cut} -> {curve.receiver_cut}", *shown)
    print_table(table)


def _shade(value: float) -> Text:
    if value != value:
        return Text("–", style="dim", justify="center")
    green = round(40 + 150 * value)
    style = (
        f"black on rgb({255 - green},{green + 40},{140})" if value > 0.5 else f"white on rgb(60,{green},110)"
    )
    return Text(f" {value:.2f} ", style=style)
