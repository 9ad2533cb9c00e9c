"""Capacity curves: how the score of a cell grows with the parameters of its stitch, and up to where it is real."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from matplotlib.figure import Figure

from modelstitch.results import plots
from modelstitch.results.comparison import Comparison
from modelstitch.results.rows import CellRow
from modelstitch.results.sentences import TITLES, margin
from modelstitch.specs import TRAINED


@dataclass(frozen=True)
class Point:
    """One stitch on a curve: its label, its parameters, its accuracy (mean over seeds)."""

    stitch: str
    n_parameters: int
    accuracy: float


@dataclass(frozen=True)
class Curve:
    """The capacity curve of one pair of cuts.

    Attributes:
        sender_cut, receiver_cut: the cell.
        points: of the real grid, by number of parameters.
        controls: of each control that was run.
        sufficient: the smallest stitch that reaches the wanted share of the receiver's own accuracy, or None.
        caught_up: the smallest stitch with which some control does as well as the real grid, within sampling error;
            below it the compatibility is real. None where no control ever does, or none was run.
    """

    sender_cut: str
    receiver_cut: str
    points: tuple[Point, ...]
    controls: dict[str, tuple[Point, ...]]
    sufficient: Point | None
    caught_up: Point | None


def capacity_curves(comparison: Comparison, share: float = 0.95) -> list[Curve]:
    """Return the capacity curve of every pair of cuts, of stitches that were fitted to the first objective.

    Args:
        comparison: a run with several families, such as one of ``--ladder``.
        share: of the receiver's own accuracy that counts as sufficient.
    """
    baseline = comparison.baseline("receiver")
    objective = comparison.objectives[0]
    cells = [cell for cell in comparison.cells if cell.objective == objective]
    pairs = dict.fromkeys((cell.sender_cut, cell.receiver_cut) for cell in cells)
    curves = []
    for sender_cut, receiver_cut in pairs:
        here = [c for c in cells if (c.sender_cut, c.receiver_cut) == (sender_cut, receiver_cut)]
        points = _points(cell for cell in here if cell.control == TRAINED)
        controls = {
            control: _points(cell for cell in here if cell.control == control)
            for control in comparison.controls
            if control != TRAINED
        }
        sufficient = next(
            (point for point in points if baseline is not None and point.accuracy >= share * baseline), None
        )
        caught_up = next(
            (point for point in points if _reached(point, controls.values(), comparison.n_effective)), None
        )
        curves.append(Curve(sender_cut, receiver_cut, points, controls, sufficient, caught_up))
    return curves


def curves_figure(comparison: Comparison, width: float | None = None) -> Figure:
    """Draw all capacity curves, one small picture a cell.

    Args:
        comparison: a run with several families.
        width: of the figure in inches; as wide as its pictures want it without.
    """
    panels = []
    for curve in capacity_curves(comparison):
        lines: dict[str, tuple[Point, ...]] = {TITLES[TRAINED]: curve.points}
        lines.update({TITLES[name]: points for name, points in curve.controls.items()})
        panels.append(
            (
                f"{curve.sender_cut} -> {curve.receiver_cut}",
                {
                    name: ([point.n_parameters for point in points], [point.accuracy for point in points])
                    for name, points in lines.items()
                },
            )
        )
    heading = f"{comparison.sender} into {comparison.receiver}: what more parameters buy"
    return plots.capacity(panels, comparison.baseline("receiver"), heading, width)


def _points(cells: Iterable[CellRow]) -> tuple[Point, ...]:
    by_stitch: dict[str, list[CellRow]] = {}
    for cell in cells:
        if cell.accuracy is not None:
            by_stitch.setdefault(cell.stitch, []).append(cell)
    points = [
        Point(stitch, rows[0].n_parameters, sum(row.accuracy or 0.0 for row in rows) / len(rows))
        for stitch, rows in by_stitch.items()
    ]
    return tuple(sorted(points, key=lambda point: point.n_parameters))


def _reached(point: Point, controls: Iterable[tuple[Point, ...]], n_heldout: int) -> bool:
    slack = margin(n_heldout, point.accuracy)
    return any(
        other.stitch == point.stitch and other.accuracy >= point.accuracy - slack
        for points in controls
        for other in points
    )
