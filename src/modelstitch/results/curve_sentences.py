"""What the capacity curves say: which stitches are needed, and up to which one compatibility is real."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from modelstitch.results.curves import Curve, CurvePoint
from modelstitch.wording import Listed, Sentence, say


def of_curves(curves: Sequence[Curve]) -> list[Sentence]:
    """Return two sentences on the curves that have verdicts; none without such a curve."""
    judged = [curve for curve in curves if curve.is_judged]
    if not judged:
        return []
    by = [curve.caught_up_by for curve in judged]
    drawn = any(curve.untrained for curve in judged)
    return [
        say("matrix.ladder", of=len(judged), counts=_counts(curve.interchangeable for curve in judged)),
        say(
            "matrix.ladder_ahead" if drawn else "matrix.ladder_label",
            counts=_counts(curve.ahead for curve in judged),
            untrained=by.count("untrained"),
            label=by.count("label-only"),
            never=by.count(None),
        ),
    ]


def _counts(points: Iterable[CurvePoint | None]) -> Listed:
    """Return how often each stitch is named, the smallest first, and how often none is."""
    named = list(points)
    known = sorted((point for point in named if point is not None), key=lambda point: point.n_parameters)
    counts = {stitch: [p.stitch for p in known].count(stitch) for stitch in (p.stitch for p in known)}
    texts = [say("matrix.ladder_count", stitch=stitch, n=n) for stitch, n in counts.items()]
    if None in named:
        texts.append(say("matrix.ladder_none", n=named.count(None)))
    return Listed(texts)
