"""The picture of the capacity curves: what is kept and the score, against the parameters of the stitch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from modelstitch.evidence.verdict import Thresholds
from modelstitch.results import plots
from modelstitch.results.curves import Curve, CurvePoint, capacity_curves
from modelstitch.results.plots import Line
from modelstitch.results.sentences import title
from modelstitch.specs import CONTROLS, TRAINED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from modelstitch.results.comparison import Comparison


def curves_figure(comparison: Comparison, width: float | None = None) -> Figure:
    """Draw all capacity curves, one small picture for each cell.

    Solid lines are *kept*, with the interval of the trained sender; 0 is what a label-only sender keeps. Thin
    dotted lines are scores. The dashed lines are those of the verdict. Without *kept* all lines are scores,
    and the dashed line is the score of the whole receiver.

    Args:
        comparison: a run with several families.
        width: of the figure in inches; the natural width of its pictures without it.
    """
    curves = capacity_curves(comparison)
    score = comparison.score_name
    heading = f"{comparison.sender} into {comparison.receiver}: what more parameters buy"
    if any(_known(curve.points) for curve in curves):
        lines, thresholds = [_kept_lines(curve, score) for curve in curves], Thresholds()
        levels, label = [thresholds.kept_low, thresholds.kept_high], f"kept, and held-out {score} (dotted)"
    else:
        lines = [_score_lines(curve) for curve in curves]
        own = comparison.baseline("receiver")
        levels, label = [] if own is None else [own], f"held-out {score}"
    titles = [f"{curve.sender_cut} -> {curve.receiver_cut}" for curve in curves]
    return plots.capacity(list(zip(titles, lines, strict=True)), levels, heading, width, label)


def _kept_lines(curve: Curve, score: str) -> dict[str, Line]:
    trained, untrained = _known(curve.points), _known(curve.untrained)
    ends = [(p.verdict.kept_low, p.verdict.kept_high) for p in trained if p.verdict is not None]
    low, high = zip(*ends, strict=True) if len(ends) == len(trained) and ends else (None, None)
    kept = {
        "trained, kept": Line(_sizes(trained), [point.kept for point in trained], low, high),
        "untrained, kept": Line(_sizes(untrained), [point.kept for point in untrained]),
        "label only, kept": Line(_sizes(trained), [0.0] * len(trained)),
    }
    label_only = {name: points for name, points in curve.controls.items() if CONTROLS[name].label_only}
    scores = {
        f"{name}, {score}": _scores(points, dotted=True)
        for name, points in {TRAINED: curve.points, **label_only}.items()
    }
    return {name: line for name, line in (kept | scores).items() if len(line.values)}


def _score_lines(curve: Curve) -> dict[str, Line]:
    return {
        title(name): _scores(points) for name, points in {TRAINED: curve.points, **curve.controls}.items()
    }


def _scores(points: tuple[CurvePoint, ...], *, dotted: bool = False) -> Line:
    return Line(_sizes(points), [point.score for point in points], dotted=dotted)


def _known(points: tuple[CurvePoint, ...]) -> tuple[CurvePoint, ...]:
    return tuple(point for point in points if not math.isnan(point.kept))


def _sizes(points: tuple[CurvePoint, ...]) -> list[int]:
    return [point.n_parameters for point in points]
