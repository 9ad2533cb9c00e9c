"""Intervals by betting, against a gambler that is followed step by step."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from modelstitch.adoption.betting import betting_interval
from modelstitch.adoption.score_intervals import difference_interval, mean_interval


def capital(x: list[float], m: float, alpha: float) -> float:
    """Return the most that half of both gamblers' capital reached, step by step as the paper writes it."""
    n, seen, squares, up, down, most = len(x), 0.0, 0.0, 1.0, 1.0, 0.0
    for t, value in enumerate(x, start=1):
        variance = (0.25 + squares) / t
        bet = math.sqrt(2 * math.log(2 / alpha) / (n * variance))
        up *= 1 + min(bet, 0.5 / m if m else math.inf) * (value - m)
        down *= 1 - min(bet, 0.5 / (1 - m) if m < 1 else math.inf) * (value - m)
        most = max(most, up / 2, down / 2)
        seen += value
        squares += (value - (0.5 + seen) / (t + 1)) ** 2
    return most


@pytest.mark.parametrize("spread", [0.0, 0.05, 0.4])
def test_the_ends_of_a_betting_interval_are_where_a_gambler_wins(spread: float) -> None:
    generator = torch.Generator().manual_seed(1)
    values = (0.6 + spread * (torch.rand(80, generator=generator) - 0.5)).double()
    _, low, high = betting_interval(values)
    x = values[torch.randperm(80, generator=torch.Generator().manual_seed(0))].tolist()
    for inside, outside in ((low + 0.003, low - 0.001), (high - 0.003, high + 0.001)):
        assert capital(x, inside, 0.05) < 20 <= capital(x, outside, 0.05)
    assert high - low > 0.02


def test_a_betting_interval_holds_the_mean_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    missed = 0
    for _ in range(100):
        values = torch.from_numpy(generator.beta(0.4, 2.0, 60))
        _, low, high = betting_interval(values, level=0.8)
        missed += not low <= 0.4 / 2.4 <= high
    # At most 20 of 100 are expected to miss; 30 would have a probability of 1 %.
    assert missed <= 30


def test_values_alike_within_groups_are_counted_by_group() -> None:
    """Patients of one to eight pictures, nearly all of whose answers are right, or nearly all wrong."""
    drawn = np.random.default_rng(0)
    missed = naive = 0
    for _ in range(100):
        sizes = drawn.integers(1, 9, 40)
        right = np.repeat(drawn.beta(0.6, 0.2, 40), sizes)
        groups = torch.from_numpy(np.repeat(np.arange(40), sizes))
        scores = torch.from_numpy(drawn.random(len(right)) < right)
        (mean, low, high), plain = mean_interval(scores, 0.8, groups), mean_interval(scores, 0.8)
        assert mean == pytest.approx(float(scores.double().mean()))
        assert high - low > plain[2] - plain[1]
        missed += not low <= 0.75 <= high
        naive += not plain[1] <= 0.75 <= plain[2]
    assert missed <= 20 < 40 < naive


def test_groups_of_one_example_are_no_groups() -> None:
    drawn = np.random.default_rng(1)
    values = torch.from_numpy(drawn.random(50))
    assert betting_interval(values, groups=torch.arange(50)) == pytest.approx(betting_interval(values))
    # Each value twice, in one group: as much is known as from each value once.
    twice = betting_interval(values.repeat(2), groups=torch.arange(50).repeat(2))
    assert twice == pytest.approx(betting_interval(values))


def test_other_scores_than_right_and_wrong_are_bet_on() -> None:
    scores = torch.full((50,), 0.5)
    assert mean_interval(scores)[1] < 0.5 < mean_interval(scores)[2]
    value, low, high = difference_interval(scores, scores)
    assert value == 0
    assert low < -0.01
    assert high > 0.01
    assert difference_interval(scores.bool(), scores.bool())[2] < 0.1
