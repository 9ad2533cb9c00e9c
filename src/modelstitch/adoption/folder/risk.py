"""What speaks against a candidate: what its verdict and its confirming examples do not show."""

from __future__ import annotations

import math
from dataclasses import dataclass

from modelstitch.errors import SpecError
from modelstitch.evidence.verdict import Thresholds, Verdict
from modelstitch.geometry.intervals import ValueWithInterval
from modelstitch.specs.verdicts import VerdictName


@dataclass(frozen=True, kw_only=True)
class Risk:
    """What a candidate does not show.

    Attributes:
        reasons: one sentence each; empty where it shows all that is asked.
        accepted: why it is exported all the same; empty where nobody said so.

    Raises:
        SpecError: reasons that nobody accepted.

    Example:
        >>> Risk(reasons=(), accepted="").reasons
        ()
    """

    reasons: tuple[str, ...]
    accepted: str = ""

    def __post_init__(self) -> None:
        if self.reasons and not self.accepted.strip():
            raise SpecError(
                "expected a candidate that shows what it must, got another: "
                f"{'; and '.join(self.reasons)}"
                '; choose another cell, or say why with --accept-risk "reason"'
            )


def reasons_against(
    verdict: Verdict | None,
    lost: ValueWithInterval | None,
    n: int,
    margin: float,
    thresholds: Thresholds | None = None,
) -> tuple[str, ...]:
    """Return what a candidate does not show, one sentence each.

    Args:
        verdict: on its cell; None where the run has none.
        lost: score of the whole receiver less that of the stitched network on the confirming examples, with
            its interval; None where the receiver has no score of its own.
        n: number of confirming examples.
        margin: the most that may be lost.
        thresholds: lines of the verdict; the package's own without it.

    Example:
        >>> reasons_against(None, (0.0, -0.01, 0.01), 300, 0.02)
        ('its run has no verdict on it',)
    """
    found = (_of_verdict(verdict, thresholds or Thresholds()), _of_score(lost, n, margin))
    return tuple(reason for reason in found if reason is not None)


def _of_verdict(verdict: Verdict | None, thresholds: Thresholds) -> str | None:
    if verdict is None:
        return "its run has no verdict on it"
    enough = verdict.name in (VerdictName.PARTLY, VerdictName.INTERCHANGEABLE)
    if enough and verdict.kept_low > thresholds.kept_low:
        return None
    if not math.isfinite(verdict.kept):
        return f"the verdict is {verdict.name.value}, so that it is not shown to be at least partly"
    return (
        f"the verdict is {verdict.name.value}: it keeps {verdict.kept:.2f} ({verdict.kept_low:.2f} to "
        f"{verdict.kept_high:.2f}), and at least partly needs its lower end above {thresholds.kept_low:g}"
    )


def _of_score(lost: ValueWithInterval | None, n: int, margin: float) -> str | None:
    if lost is None:
        return "the whole receiver has no score of its own, so that no loss can be shown to be small"
    value, low, high = lost
    if high <= margin:
        return None
    return (
        f"it is not shown to lose no more than {margin:g}: it loses {value:.3f} ({low:.3f} to {high:.3f}) "
        f"against the whole receiver on {n} confirming examples"
    )


def expect_margin(margin: float) -> None:
    """Raise unless ``margin`` is a share of the score.

    Raises:
        SpecError: it is not.
    """
    if not 0 < margin < 1:
        raise SpecError(f"expected a margin between 0 and 1, such as 0.02, got {margin:g}")
