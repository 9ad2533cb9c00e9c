"""Intervals of scores, against other ways to compute them."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest
from scipy.stats import t as student_t

from modelstitch.adoption.score_intervals import difference_interval, interval_over_seeds, mean_interval


def pair(both: int, first: int, second: int, neither: int) -> tuple[torch.Tensor, torch.Tensor]:
    rows = [(True, True)] * both + [(True, False)] * first + [(False, True)] * second
    rows += [(False, False)] * neither
    one, other = zip(*rows, strict=True)
    return torch.tensor(one), torch.tensor(other)


def score_statistic(b: int, c: int, n: int, delta: float) -> float:
    """The score statistic of a difference, its free probability found by a numerical maximum."""

    def loss(q: float) -> float:
        terms = ((b, q + delta), (c, q), (n - b - c, 1 - 2 * q - delta))
        return -sum(count * math.log(max(p, 1e-300)) for count, p in terms if count)

    low, high = max(0.0, -delta), (1 - delta) / 2
    q = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-10}).x
    return float((b - c - n * delta) / math.sqrt(n * (2 * q + delta * (1 - delta))))


@settings(max_examples=25)
@given(st.integers(5, 60), st.integers(0, 12), st.integers(0, 12), st.integers(1, 20))
def test_ends_of_the_paired_interval_have_the_statistic_of_its_level(
    both: int, first: int, second: int, neither: int
) -> None:
    n = both + first + second + neither
    value, low, high = difference_interval(*pair(both, first, second, neither))
    assert value == pytest.approx((first - second) / n)
    assert -1 < low < value < high < 1
    for end in (low, high):
        assert abs(score_statistic(first, second, n, end)) == pytest.approx(1.95996, abs=2e-2)


def test_the_paired_interval_turns_with_its_arguments() -> None:
    one, other = pair(60, 9, 2, 10)
    value, low, high = difference_interval(one, other)
    assert difference_interval(other, one) == pytest.approx((-value, -high, -low))


@given(st.integers(1, 300), st.floats(0, 1))
def test_the_interval_of_a_share_is_wilsons(n: int, share: float) -> None:
    right = round(share * n)
    scores = torch.arange(n) < right
    oracle = binomtest(right, n).proportion_ci(0.95, "wilson")
    value, low, high = mean_interval(scores)
    assert (value, low, high) == pytest.approx((right / n, oracle.low, oracle.high), abs=1e-9)
    assert low <= value <= high
    assert low < high


@pytest.mark.parametrize("spread", [0.0, 0.05])
def test_intervals_over_seeds_hold_the_mean_of_all_seeds_and_examples(spread: float) -> None:
    drawn = torch.Generator().manual_seed(0)
    hits = 0
    for _ in range(60):
        easy = 0.7 + 0.2 * torch.rand(60, generator=drawn)
        seeds = spread * torch.randn(3, generator=drawn)
        right = torch.rand(3, 60, generator=drawn) < (easy + seeds[:, None])
        _, low, high = interval_over_seeds(right.double())
        hits += low <= 0.8 <= high
    assert hits >= 57  # at least 95 %


def test_seeds_widen_the_interval_by_students_t() -> None:
    scores = torch.tensor([0.4, 0.5, 0.6])[:, None].expand(3, 200)
    mean, low, high = interval_over_seeds(scores)
    _, inner_low, inner_high = mean_interval(torch.full((200,), 0.5), 0.975)
    half = float(student_t.ppf(1 - 0.05 / 4, 2)) * 0.1 / math.sqrt(3)
    assert (mean, low, high) == pytest.approx((0.5, inner_low - half, inner_high + half), abs=1e-6)
    # Seeds of one score by chance, right on other examples, are not taken for seeds that agree.
    apart = torch.arange(200).remainder(2).double()
    _, low, high = interval_over_seeds(torch.stack([apart, 1 - apart]))
    by_chance = 100 / 199 / 200  # 400 residuals of one half, 199 of them free, of a mean over 200
    half = NormalDist().inv_cdf(1 - 0.05 / 4) * math.sqrt(by_chance / 2)
    assert high - low == pytest.approx(inner_high - inner_low + 2 * half, abs=1e-6)


def test_intervals_of_scores_between_hold_the_truth_and_have_a_width() -> None:
    drawn = torch.Generator().manual_seed(0)
    hits = 0
    for _ in range(200):
        first, second = torch.rand(150, generator=drawn), torch.rand(150, generator=drawn) ** 2
        _, low, high = difference_interval(first, second)
        hits += low <= 0.5 - 1 / 3 <= high
    assert hits >= 190
    _, low, high = mean_interval(torch.full((100,), 0.5))
    assert low < 0.5 < high
