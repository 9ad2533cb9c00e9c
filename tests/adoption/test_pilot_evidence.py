"""The two e-processes of a pilot: their formula, their guarantee, and what they find."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelstitch.adoption.pilot.decision import PilotRule, decide, forecast
from modelstitch.adoption.pilot.processes import log_evidence
from modelstitch.errors import DataError, SpecError

MARGINS = st.floats(0.001, 0.9)


def by_hand(x: list[float], d: float, side: int) -> float:
    """The capital of one process, example by example, as its formula says."""
    total = 0.0
    for c, w in ((0.5, 0.25), (1.0, 0.5), (2.0, 0.25)):
        capital, squares = w, 0.25
        for t, value in enumerate(x, 1):
            bet = min(c * d / (squares / t), 0.9 / (1 - side * d))
            capital *= 1 + side * bet * (value + d)
            squares += (value + d) ** 2
        total += capital
    return total


@settings(max_examples=30)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=12), MARGINS)
def test_the_formula(x: list[float], d: float) -> None:
    worse, better = log_evidence(np.array(x), d)
    assert math.isclose(math.exp(worse[-1]), by_hand(x, d, 1), rel_tol=1e-9)
    assert math.isclose(math.exp(better[-1]), by_hand(x, d, -1), rel_tol=1e-9)


@settings(max_examples=15)
@given(st.floats(0.002, 0.6), st.floats(0, 1), st.floats(0, 0.9))
def test_no_bet_gains_on_average_where_its_claim_is_wrong(d: float, share: float, beyond: float) -> None:
    # All sequences of right, equal and wrong answers, with their probabilities: the mean is exact.
    n = 6
    for side in (1, -1):
        # The mean is -d, or farther on the side of the null hypothesis.
        mean = -d - beyond * (1 - d) if side == 1 else -d + beyond * (1 + d)
        q = abs(mean) + share * (1 - abs(mean))  # share of examples with different scores
        probability = {1.0: (q + mean) / 2, -1.0: (q - mean) / 2, 0.0: 1 - q}
        paths = np.array(list(itertools.product(probability, repeat=n)))
        weights = np.prod(np.vectorize(probability.get)(paths), axis=1)
        evidence = log_evidence(paths, d)[0 if side == 1 else 1]
        assert (np.exp(evidence) * weights[:, None]).sum(0).max() <= 1 + 1e-9


def trials(mean: float, share: float, d: float, n_trials: int, k: int = 1) -> dict[str, int]:
    """Count the answers of pilots of 10,000 examples, of which ``share`` have different scores."""
    rng = np.random.default_rng(0)
    drawn = rng.random((n_trials, 10_000))
    x = np.where(drawn < (share + mean) / 2, 1.0, np.where(drawn < share, -1.0, 0.0))
    results = [decide(row, PilotRule(margin=d, k=k)).result for row in x]
    return {result: results.count(result) for result in set(results)}


@pytest.mark.parametrize(
    ("mean", "result", "least", "most"),
    [(0.0, "passed", 36, 40), (-0.02, "passed", 0, 6), (-0.04, "failed", 36, 40), (0.02, "failed", 0, 0)],
)
def test_the_bar_in_short(mean: float, result: str, least: int, most: int) -> None:
    assert least <= trials(mean, 0.1, 0.02, 40).get(result, 0) <= most


def test_a_later_pilot_needs_more() -> None:
    zeros = np.zeros(1000)
    n = [decide(zeros, PilotRule(margin=0.02, k=k)).n for k in (1, 2, 3)]
    assert n == sorted(set(n))
    assert all(n[k - 1] * math.log1p(0.9 * 0.02 / 0.98) < math.log(20 * 2**k) + 2 for k in (1, 2, 3))


def test_the_first_answer_stays() -> None:
    rule = PilotRule(margin=0.1)
    x = np.concatenate([np.zeros(100), np.full(200, -1.0)])
    assert decide(x, rule).result == "passed"
    assert decide(x, rule) == decide(x[:150], rule)
    assert decide(x[::-1].copy(), rule).result == "failed"


def test_the_horizon_ends_it() -> None:
    rule = PilotRule(margin=0.02, horizon=50)
    found = decide(np.zeros(80), rule)
    assert (found.result, found.n, found.ended) == ("undecided", 50, True)
    assert not decide(np.zeros(49), rule).ended
    assert decide(np.zeros(0), rule).n == 0


def test_a_forecast_is_about_right() -> None:
    rule = PilotRule(margin=0.02)
    needed = decide(np.zeros(1000), rule).n
    found = forecast(np.zeros(60), rule)
    assert found is not None
    assert found.more == needed - 60
    assert found.decided == 1
    # With many differences and no drift a small margin is rarely decided.
    few = np.tile([1.0, -1.0, 0.0, 0.0], 20)
    unsure = forecast(few, PilotRule(margin=0.005, horizon=500))
    assert unsure is not None
    assert unsure.decided < 0.3
    assert forecast(np.zeros(10), rule) is None
    assert forecast(np.zeros(needed), rule) is None


@pytest.mark.parametrize("wrong", [math.nan, 1.5, -math.inf])
def test_scores_out_of_range(wrong: float) -> None:
    with pytest.raises(DataError, match="expected differences of scores from -1 to 1"):
        decide(np.array([0.0, wrong]), PilotRule(margin=0.02))


@pytest.mark.parametrize(
    "rule",
    [{"margin": 0.0}, {"margin": 1.0}, {"margin": math.nan}, {"margin": -0.1}, {"horizon": 0}, {"k": 0}],
)
def test_rules_that_cannot_be(rule: dict[str, float]) -> None:
    with pytest.raises(SpecError, match="expected"):
        PilotRule(**{"margin": 0.02, **rule})  # type: ignore[arg-type]
