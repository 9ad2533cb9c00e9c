"""Capacity curves: what a cell keeps, and its score, against the number of parameters of its stitch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from modelstitch.evidence.verdict import Verdict
from modelstitch.results.rows import CellKey, CellRow
from modelstitch.specs import CONTROLS, TRAINED
from modelstitch.specs.verdicts import Learnt, VerdictName
from modelstitch.util.arguments import checked

if TYPE_CHECKING:
    from modelstitch.results.comparison import Comparison

_AT_LEAST_PARTLY = (VerdictName.PARTLY, VerdictName.INTERCHANGEABLE)

CaughtUpBy = Literal["untrained", "label-only"]


@dataclass(frozen=True)
class CurvePoint:
    """One stitch on a curve; numbers are means over seeds, and NaN where they are not known.

    Attributes:
        stitch, n_parameters: its label and size.
        score: held-out score.
        kept: share of the receiver's content within classes that is kept.
        verdict: over all seeds; None for a control, or without the evidence for one.
    """

    stitch: str
    n_parameters: int
    score: float
    kept: float = math.nan
    verdict: Verdict | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Curve:
    """The capacity curve of one pair of cuts.

    The trained sender is *ahead* with a stitch that is at least *partly* and, where untrained senders were
    drawn, *learnt*. A stitch whose verdict is *cannot tell* says nothing about this.

    Attributes:
        sender_cut, receiver_cut: the cell.
        points: of the real grid, from the smallest stitch up.
        untrained: of the untrained senders that were drawn for the verdicts.
        controls: of each control that was run.
        interchangeable: the smallest stitch that is *interchangeable*; None where none is.
        ahead: the largest stitch with which the trained sender is ahead. Up to here compatibility is real.
        caught_up: the smallest judged stitch above it. From here on the trained sender is not shown to keep
            more than an untrained or a label-only one. None where the largest stitch is still ahead.
        caught_up_by: ``label-only`` where no more than the label is shown to come across, else ``untrained``.
    """

    sender_cut: str
    receiver_cut: str
    points: tuple[CurvePoint, ...]
    untrained: tuple[CurvePoint, ...]
    controls: dict[str, tuple[CurvePoint, ...]]
    interchangeable: CurvePoint | None
    ahead: CurvePoint | None
    caught_up: CurvePoint | None
    caught_up_by: CaughtUpBy | None

    @property
    def is_judged(self) -> bool:
        """Whether some stitch has a verdict other than *cannot tell*."""
        return any(_is_known(point.verdict) for point in self.points)


@checked()
def capacity_curves(comparison: Comparison) -> list[Curve]:
    """Return the capacity curve of every pair of cuts, for stitches that were fitted to the first objective.

    Label-only senders need no curve of *kept*: they are its 0 at every stitch.

    Args:
        comparison: a run with several families, such as one of ``--ladder``.

    Example:
        ``result`` is what :func:`modelstitch.compare` returned.

        >>> import modelstitch as ms
        >>> (curve,) = ms.capacity_curves(result)
        >>> curve.sender_cut, curve.receiver_cut, len(curve.points)
        ('2', '2', 1)
    """
    objective = comparison.objectives[0]
    cells = [cell for cell in comparison.cells if cell.objective == objective]
    verdicts = comparison.cell_verdicts()
    kept = {(row.control, row.key): row.kept for row in comparison.kept if row.kept is not None}
    draws = any(CONTROLS[control].random_sender for control in comparison.controls)

    def curve(sender_cut: str, receiver_cut: str) -> Curve:
        own = [cell for cell in cells if (cell.sender_cut, cell.receiver_cut) == (sender_cut, receiver_cut)]
        grids = {
            control: _points([cell for cell in own if cell.control == control], kept, verdicts)
            for control in comparison.controls
        }
        points = grids.pop(TRAINED, ())
        ahead = [point for point in points if _is_ahead(point.verdict, draws=draws)]
        above = points[points.index(ahead[-1]) + 1 :] if ahead else points
        behind = [point for point in above if _is_ahead(point.verdict, draws=draws) is False]
        if not ahead:  # small stitches carry nothing, of any sender
            behind = [point for point in behind if _name(point) in _AT_LEAST_PARTLY] or behind
        caught_up = behind[0] if behind else None
        return Curve(
            sender_cut,
            receiver_cut,
            points,
            _of_untrained(points),
            grids,
            next((point for point in points if _name(point) is VerdictName.INTERCHANGEABLE), None),
            ahead[-1] if ahead else None,
            caught_up,
            _caught_up_by(caught_up),
        )

    # A self-stitch may have rows that the real grid has not.
    real = [cell for cell in cells if cell.control == TRAINED] or cells
    return [curve(*pair) for pair in dict.fromkeys((cell.sender_cut, cell.receiver_cut) for cell in real)]


def _points(
    cells: Sequence[CellRow],
    kept: dict[tuple[str, CellKey], float],
    verdicts: dict[tuple[str, str, str], Verdict],
) -> tuple[CurvePoint, ...]:
    """Return the points of one grid; a failed cell has no score, and a stitch without any has no point."""
    by_stitch: dict[str, list[CellRow]] = {}
    for cell in cells:
        if cell.score is not None:
            by_stitch.setdefault(cell.stitch, []).append(cell)
    points = [
        CurvePoint(
            stitch,
            rows[0].n_parameters,
            _mean(row.score for row in rows),
            _mean(kept.get((row.control, row.key)) for row in rows),
            verdicts.get((rows[0].sender_cut, rows[0].receiver_cut, stitch))
            if rows[0].control == TRAINED
            else None,
        )
        for stitch, rows in by_stitch.items()
    ]
    return tuple(sorted(points, key=lambda point: point.n_parameters))


def _of_untrained(points: Iterable[CurvePoint]) -> tuple[CurvePoint, ...]:
    return tuple(
        CurvePoint(point.stitch, point.n_parameters, math.nan, _mean(point.verdict.untrained))
        for point in points
        if point.verdict is not None and point.verdict.untrained
    )


def _is_known(verdict: Verdict | None) -> bool:
    return verdict is not None and verdict.name is not VerdictName.CANNOT_TELL


def _is_ahead(verdict: Verdict | None, *, draws: bool) -> bool | None:
    """Tell whether the trained sender is shown to keep more than a control; None where it is not known."""
    if verdict is None or not _is_known(verdict):
        return None
    if verdict.name not in _AT_LEAST_PARTLY:
        return False
    if verdict.learnt is Learnt.NOT_ASKED:
        return None if draws else True
    return verdict.learnt is Learnt.LEARNT


def _caught_up_by(point: CurvePoint | None) -> CaughtUpBy | None:
    if point is None:
        return None
    return "untrained" if _name(point) in _AT_LEAST_PARTLY else "label-only"


def _name(point: CurvePoint) -> VerdictName | None:
    return None if point.verdict is None else point.verdict.name


def _mean(values: Iterable[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else math.nan
