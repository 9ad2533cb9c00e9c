"""Capacity curves: the score of a cell against the number of parameters of its stitch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from matplotlib.figure import Figure

from modelstitch.results import plots
from modelstitch.results.comparison import Comparison
from modelstitch.results.rows import CellRow
from modelstitch.results.sentences import margin, title
from modelstitch.specs import TRAINED


@dataclass(frozen=True)
class CurvePoint:
    """One stitch on a curve: its label, its number of parameters, its score (mean over seeds)."""

    stitch: str
    n_parameters: int
    score: float


@dataclass(frozen=True)
class Curve:
    """The capacity curve of one pair of cuts.

    Attributes:
        sender_cut, receiver_cut: the cell.
        points: of the real grid, by number of parameters.
        controls: of each control that was run.
        sufficient: the smallest stitch that reaches the given share of the receiver's own score.
            None where no stitch does.
        caught_up: the smallest stitch with which some control reaches the real grid, within sampling error.
            Only smaller stitches show a compatibility that is real. None where no control ever does.
    """

    sender_cut: str
    receiver_cut: str
    points: tuple[CurvePoint, ...]
    controls: dict[str, tuple[CurvePoint, ...]]
    sufficient: CurvePoint | None
    caught_up: CurvePoint | None


def capacity_curves(comparison: Comparison, share: float = 0.95) -> list[Curve]:
    """Return the capacity curve of every pair of cuts, for stitches that were fitted to the first objective.

    Args:
        comparison: a run with several families, such as one of ``--ladder``.
        share: of the receiver's own score that counts as sufficient.
    """
    baseline = comparison.baseline("receiver")
    objective = comparison.objectives[0]
    cells = [cell for cell in comparison.cells if cell.objective == objective]
    pairs = dict.fromkeys((cell.sender_cut, cell.receiver_cut) for cell in cells)
    curves = []
    for sender_cut, receiver_cut in pairs:
        cells_of_pair = [c for c in cells if (c.sender_cut, c.receiver_cut) == (sender_cut, receiver_cut)]
        points = _points(cell for cell in cells_of_pair if cell.control == TRAINED)
        controls = {
            control: _points(cell for cell in cells_of_pair if cell.control == control)
            for control in comparison.controls
            if control != TRAINED
        }
        sufficient = next(
            (point for point in points if baseline is not None and point.score >= share * baseline), None
        )
        caught_up = next(
            (point for point in points if _reached(point, controls.values(), comparison.n_effective)), None
        )
        curves.append(Curve(sender_cut, receiver_cut, points, controls, sufficient, caught_up))
    return curves


def curves_figure(comparison: Comparison, width: float | None = None) -> Figure:
    """Draw all capacity curves, one small picture for each cell.

    Args:
        comparison: a run with several families.
        width: of the figure in inches; the natural width of its pictures without it.
    """
    panels = []
    for curve in capacity_curves(comparison):
        lines: dict[str, tuple[CurvePoint, ...]] = {title(TRAINED): curve.points}
        lines.update({title(name): points for name, points in curve.controls.items()})
        panels.append(
            (
                f"{curve.sender_cut} -> {curve.receiver_cut}",
                {
                    name: ([point.n_parameters for point in points], [point.score for point in points])
                    for name, points in lines.items()
                },
            )
        )
    heading = f"{comparison.sender} into {comparison.receiver}: what more parameters buy"
    return plots.capacity(panels, comparison.baseline("receiver"), heading, width, comparison.score_name)


def _points(cells: Iterable[CellRow]) -> tuple[CurvePoint, ...]:
    by_stitch: dict[str, list[CellRow]] = {}
    for cell in cells:
        if cell.score is not None:
            by_stitch.setdefault(cell.stitch, []).append(cell)
    points = [
        CurvePoint(stitch, rows[0].n_parameters, sum(row.score or 0.0 for row in rows) / len(rows))
        for stitch, rows in by_stitch.items()
    ]
    return tuple(sorted(points, key=lambda point: point.n_parameters))


def _reached(point: CurvePoint, controls: Iterable[tuple[CurvePoint, ...]], n_heldout: int) -> bool:
    slack = margin(n_heldout, point.score)
    return any(
        other.stitch == point.stitch and other.score >= point.score - slack
        for points in controls
        for other in points
    )
