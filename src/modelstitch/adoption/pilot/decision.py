"""What a pilot says after n examples, and how many more it expects to need."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from modelstitch.adoption.folder.risk import expect_margin
from modelstitch.adoption.pilot.processes import log_evidence
from modelstitch.errors import DataError, SpecError

PilotResult = Literal["passed", "failed", "undecided"]
"""What a pilot says."""

HORIZON = 10_000
"""Examples after which a pilot ends, by default."""

_FIRST_LEVEL = 0.05
_MOST_EXAMPLES = 10_000_000
_FEWEST, _DRAWS = 20, 60
"""Examples before a forecast is made, and continuations that it is made from."""


@dataclass(frozen=True, kw_only=True)
class PilotRule:
    """The rule of one pilot, fixed before its first example.

    Attributes:
        margin: d, the most of the score that the candidate may lose.
        horizon: N, examples after which the pilot ends undecided.
        k: which pilot of its candidate it is, from 1.

    Raises:
        SpecError: a margin that is no share of the score, or a horizon or k below 1.

    Example:
        >>> [PilotRule(margin=0.02, k=k).level for k in (1, 2, 3)]
        [0.05, 0.025, 0.0125]
    """

    margin: float
    horizon: int = HORIZON
    k: int = 1

    def __post_init__(self) -> None:
        expect_margin(self.margin)
        if not 1 <= self.horizon <= _MOST_EXAMPLES:
            raise SpecError(
                f"expected at most 1 to {_MOST_EXAMPLES:,} examples of a pilot, got {self.horizon:,}"
            )
        if self.k < 1:
            raise SpecError(f"expected the number of a pilot from 1 on, got {self.k}")

    @property
    def level(self) -> float:
        """a, the most probability of each wrong answer: .05, and half of it for each further pilot."""
        return float(_FIRST_LEVEL * 0.5 ** (self.k - 1))


@dataclass(frozen=True, kw_only=True)
class PilotDecision:
    """What a pilot says.

    Attributes:
        result: *passed*, *failed* or *undecided*.
        n: examples that it rests on: those up to the decision, or all.
        ended: whether no further example can change it.
        against_worse, against_better: both e-processes after these examples, as logarithms; 0 before any.
        difference: mean difference of the scores over them; None before any.
    """

    result: PilotResult
    n: int
    ended: bool
    against_worse: float
    against_better: float
    difference: float | None


@dataclass(frozen=True, kw_only=True)
class PilotForecast:
    """How a pilot is expected to go on, if examples stay like those so far.

    Attributes:
        more: median number of further examples until it ends.
        decided: share of continuations that are decided before the horizon.
    """

    more: int
    decided: float


def decide(differences: Float[np.ndarray, " n"], rule: PilotRule) -> PilotDecision:
    """Return what a pilot says; it looks after every example, and the first answer stays.

    Args:
        differences: (n,) score of the candidate less that of the original on each example, in their order.
        rule: of the pilot; differences beyond its horizon are not looked at.

    Returns:
        The decision. Where the candidate is worse by the margin or more, *passed* has a probability of at
        most ``rule.level``, however often one looks; likewise *failed* where it is not.

    Raises:
        DataError: NaN, or a difference outside -1 to 1.

    Example:
        >>> rule = PilotRule(margin=0.02)
        >>> decide(np.zeros(300), rule).result, decide(np.zeros(50), rule).result
        ('passed', 'undecided')
        >>> decide(np.full(300, -1.0), rule).result
        'failed'
    """
    x = expect_differences(differences)[: rule.horizon]
    if not len(x):
        return PilotDecision(
            result="undecided", n=0, ended=False, against_worse=0.0, against_better=0.0, difference=None
        )
    worse, better = log_evidence(x, rule.margin)
    at, result = _first(worse, better, rule.level)
    n = min(at + 1, len(x))
    return PilotDecision(
        result=result,
        n=n,
        ended=result != "undecided" or n == rule.horizon,
        against_worse=float(worse[n - 1]),
        against_better=float(better[n - 1]),
        difference=float(x[:n].mean()),
    )


def forecast(differences: Float[np.ndarray, " n"], rule: PilotRule, seed: int = 0) -> PilotForecast | None:
    """Return how an undecided pilot is expected to go on.

    Continuations are drawn from the differences so far, with replacement.

    Args:
        differences: (n,) so far.
        rule: of the pilot.
        seed: of the draws.

    Returns:
        The forecast; None with fewer than 20 examples, or after the end.

    Example:
        >>> found = forecast(np.zeros(100), PilotRule(margin=0.02))
        >>> (found.more < 200, found.decided) if found else None
        (True, 1.0)
    """
    x = expect_differences(differences)
    if len(x) < _FEWEST or decide(x, rule).ended:
        return None
    drawn = np.random.default_rng(seed).choice(x, (_DRAWS, rule.horizon - len(x)))
    whole = np.concatenate([np.broadcast_to(x, (_DRAWS, len(x))), drawn], axis=1)
    ends = [
        _first(worse, better, rule.level)
        for worse, better in zip(*log_evidence(whole, rule.margin), strict=True)
    ]
    more = [min(at + 1, rule.horizon) - len(x) for at, _ in ends]
    decided = sum(result != "undecided" for _, result in ends) / _DRAWS
    return PilotForecast(more=int(np.median(more)), decided=decided)


def expect_differences(differences: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Return differences in float64, after a check that they are finite and from -1 to 1.

    Raises:
        DataError: they are not.
    """
    x = np.asarray(differences, dtype=np.float64)
    wrong = np.flatnonzero(~(np.abs(x) <= 1))
    if len(wrong):
        raise DataError(
            f"expected differences of scores from -1 to 1, got {x[wrong[0]]:g} at example {wrong[0]}"
        )
    return x


def _first(worse: np.ndarray, better: np.ndarray, level: float) -> tuple[int, PilotResult]:
    """Return at which example the first e-process reaches 1/a, and what that says."""
    line = math.log(1 / level)
    passes, fails = (_reached(values, line) for values in (worse, better))
    if passes == fails:  # both reach it never: one that reaches it has the other one below it
        return len(worse), "undecided"
    return (passes, "passed") if passes < fails else (fails, "failed")


def _reached(values: np.ndarray, line: float) -> int:
    hits = np.flatnonzero(values >= line)
    return int(hits[0]) if len(hits) else len(values)
