from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from modelstitch.fitting.gram import Accumulator, Gram, Moments, merge, of_rows


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def mixed(n: int, width: int, seed: int) -> Tensor:
    return normal(n, width, seed=seed) @ normal(width, width, seed=seed + 1)


def streamed(x: Tensor, y: Tensor, sizes: Sequence[int]) -> Moments:
    accumulator = Accumulator([("x", "y")])
    for part_x, part_y in zip(x.split(list(sizes)), y.split(list(sizes)), strict=True):
        accumulator.add({"x": part_x}, {"y": part_y})
    return accumulator.moments()["x", "y"]


def assert_are_moments_of(found: Moments, x: Tensor, y: Tensor, tolerance: float = 1e-9) -> None:
    width = x.shape[1]
    covariance = np.cov(np.concatenate([x.double(), y.double()], 1), rowvar=False, bias=True)
    pairs = [
        (found.gram.covariance, covariance[:width, :width]),
        (found.cross.covariance, covariance[:width, width:]),
        (found.cross.variance, covariance.diagonal()[width:]),
        (found.gram.mean, np.mean(x.double().numpy(), 0)),
        (found.cross.mean, np.mean(y.double().numpy(), 0)),
    ]
    assert found.gram.n == len(x)
    for ours, oracle in pairs:
        assert ours.dtype == torch.float64
        np.testing.assert_allclose(ours.numpy(), oracle, rtol=tolerance, atol=tolerance)


batch_sizes = st.lists(st.integers(1, 9), min_size=1, max_size=6)


@settings(deadline=None, max_examples=40)
@given(batch_sizes, st.integers(1, 5), st.integers(1, 4), st.floats(-100, 100), st.integers(0, 99))
def test_moments_are_those_of_all_rows_whatever_the_batches(
    sizes: list[int], n_features: int, n_targets: int, offset: float, seed: int
) -> None:
    x = mixed(sum(sizes), n_features, seed) + offset
    y = mixed(sum(sizes), n_targets, seed + 2) - offset
    assert_are_moments_of(streamed(x, y, sizes), x, y)


@pytest.mark.parametrize(
    ("dtype", "offset", "tolerance"), [(torch.float64, 1e6, 1e-8), (torch.float32, 1e4, 2e-5)]
)
def test_a_large_offset_costs_no_digits(dtype: torch.dtype, offset: float, tolerance: float) -> None:
    x, y = ((normal(600, 4, seed=seed) + offset).to(dtype) for seed in (0, 1))
    assert_are_moments_of(streamed(x, y, [100] * 6), x, y, tolerance)


def test_half_precision_rows_are_summed_in_single_precision() -> None:
    x, y = (normal(500, 3, seed=seed).to(torch.bfloat16) for seed in (0, 1))
    assert_are_moments_of(streamed(x, y, [250, 250]), x, y, 1e-5)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 30), st.integers(1, 30), st.floats(-50, 50))
def test_merged_moments_are_those_of_both_sets_of_rows(n: int, m: int, apart: float) -> None:
    x, y = mixed(n + m, 3, 0), mixed(n + m, 2, 2)
    x[n:] += apart
    y[n:] -= 2 * apart
    merged = merge(of_rows(x[:n], y[:n]), of_rows(x[n:], y[n:]))
    assert_are_moments_of(merged, x, y)
    whole = of_rows(x, y)
    torch.testing.assert_close(merged.gram.covariance, whole.gram.covariance, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(merged.cross.covariance, whole.cross.covariance, rtol=1e-10, atol=1e-10)


def test_known_moments_are_reused_and_those_with_new_targets_are_right() -> None:
    x, y, z = mixed(60, 4, 0), mixed(60, 3, 2), mixed(60, 2, 4)
    earlier = streamed(x, y, [60]).gram
    accumulator = Accumulator([("x", "z")], {"x": earlier})
    for part_x, part_z in zip(x.split(7), z.split(7), strict=True):
        accumulator.add({"x": part_x}, {"z": part_z})
    found = accumulator.moments()["x", "z"]
    assert found.gram is earlier
    assert_are_moments_of(found, x, z)


def test_known_moments_are_not_gathered_again() -> None:
    x, y = mixed(20, 3, 0), mixed(20, 2, 2)
    marked = Gram(20, torch.full((3,), 7.0, dtype=torch.float64), torch.eye(3, dtype=torch.float64))
    accumulator = Accumulator([("x", "y")], {"x": marked})
    with FlopCounterMode(display=False) as counter:
        accumulator.add({"x": x}, {"y": y})
    assert counter.get_total_flops() == 2 * 20 * 3 * 2
    assert accumulator.moments()["x", "y"].gram.mean.tolist() == [7, 7, 7]


def test_pairs_that_share_features_share_one_gram() -> None:
    x, w, y, z = mixed(30, 4, 0), mixed(30, 2, 1), mixed(30, 3, 2), mixed(30, 2, 4)
    accumulator = Accumulator([("x", "y"), ("x", "z"), ("w", "z"), ("x", "y")])
    for rows in torch.arange(30).split(11):
        accumulator.add({"x": x[rows], "w": w[rows]}, {"y": y[rows], "z": z[rows]})
    found = accumulator.moments()
    assert set(found) == {("x", "y"), ("x", "z"), ("w", "z")}
    assert found["x", "y"].gram is found["x", "z"].gram
    assert found["w", "z"].gram is not found["x", "z"].gram
    for (feature, target), each in found.items():
        assert_are_moments_of(each, {"x": x, "w": w}[str(feature)], {"y": y, "z": z}[str(target)])


def test_moments_can_be_read_between_batches() -> None:
    x, y = mixed(20, 3, 0), mixed(20, 2, 2)
    accumulator = Accumulator([("x", "y")])
    accumulator.add({"x": x[:8]}, {"y": y[:8]})
    early = accumulator.moments()["x", "y"]
    accumulator.add({"x": x[8:]}, {"y": y[8:]})
    assert_are_moments_of(early, x[:8], y[:8])
    assert_are_moments_of(accumulator.moments()["x", "y"], x, y)


def test_a_spectrum_rebuilds_the_covariance_and_has_nothing_negative() -> None:
    x = mixed(50, 3, 0)
    gram = of_rows(torch.cat([x, x, torch.zeros(50, 2)], 1), x).gram
    values, vectors = gram.spectrum
    assert (values >= 0).all()
    torch.testing.assert_close((vectors * values) @ vectors.T, gram.covariance, rtol=1e-10, atol=1e-10)
