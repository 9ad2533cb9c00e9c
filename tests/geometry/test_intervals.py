from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import binomtest, t

from modelstitch import geometry
from modelstitch.geometry import intervals


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (7, 10), (300, 1000), (50, 50)])
def test_wilson_is_that_of_scipy(hits: int, n: int) -> None:
    wanted = binomtest(hits, n).proportion_ci(method="wilson")
    assert intervals.wilson(hits, n) == pytest.approx((wanted.low, wanted.high), abs=1e-4)


@pytest.mark.parametrize("n", range(2, 11))
def test_quantiles_are_those_of_t(n: int) -> None:
    assert intervals._T_QUANTILES[n] == pytest.approx(t.ppf(0.975, n - 1), abs=0.006)


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    n_groups, size = 10, 50
    x = torch.randn(n_groups * size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    groups = torch.arange(len(x)) % n_groups
    values = torch.stack([x.mean(), *(x[groups != g].mean() for g in range(n_groups))])
    value, low, high = intervals.jackknife_interval(values)
    of_groups = torch.stack([x[groups == g].mean() for g in range(n_groups)])
    half = 2.26 * float(of_groups.std()) / n_groups**0.5
    assert value == pytest.approx(float(x.mean()))
    public = geometry.jackknife(lambda a, b: float((a - b).mean()), x[:, None], torch.zeros(len(x), 1))
    assert (high - low) / 2 == pytest.approx(2.26 * public.standard_error, rel=1e-12)
    assert (high - low) / 2 == pytest.approx(half, rel=1e-6)


def test_without_numbers_there_is_no_interval() -> None:
    value, low, high = intervals.jackknife_interval(torch.tensor([0.5, torch.nan, torch.nan]))
    assert value == 0.5
    assert math.isnan(low)
    assert math.isnan(high)
    assert intervals.mean_interval(torch.tensor([1.0]))[1] == -math.inf
