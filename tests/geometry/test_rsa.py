from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rsatoolbox.data import Dataset
from rsatoolbox.rdm import calc_rdm
from rsatoolbox.rdm.compare import compare_spearman
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from modelstitch.errors import GeometryError
from modelstitch.geometry import rsa
from modelstitch.geometry.rsa import Distance, significant
from tests.geometry.made import normal, related, rotation

distances = st.sampled_from(["euclidean", "correlation"])
seeds = st.integers(0, 1000)


@settings(deadline=None, max_examples=50)
@given(st.integers(4, 20), st.integers(2, 9), st.integers(2, 9), distances, seeds)
def test_it_is_scipys_spearman_of_scipys_distances(
    n: int, d: int, e: int, distance: Distance, seed: int
) -> None:
    x, y = related(n, d, e, seed)
    if distance == "correlation" and min(d, e) == 2:
        return  # correlations of two features are all 1 or -1: ties that rounding breaks in scipy
    expected = spearmanr(pdist(x.numpy(), distance), pdist(y.numpy(), distance)).statistic
    assert rsa(x, y, distance=distance) == pytest.approx(expected, abs=1e-9)


@settings(deadline=None, max_examples=20)
@given(st.integers(4, 20), st.integers(3, 9), distances, seeds)
def test_it_agrees_with_rsatoolbox(n: int, d: int, distance: Distance, seed: int) -> None:
    x, y = related(n, d, d, seed)
    rdms = [calc_rdm(Dataset(each.numpy()), method=distance) for each in (x, y)]
    assert rsa(x, y, distance=distance) == pytest.approx(compare_spearman(*rdms).item(), abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(st.integers(4, 20), st.integers(3, 9), seeds)
def test_euclidean_ignores_rotation_scale_and_translation(n: int, d: int, seed: int) -> None:
    x, y = related(n, d, 4, seed)
    moved = -3 * x @ rotation(d, seed) + normal(d)
    assert rsa(moved, y) == pytest.approx(rsa(x, y), abs=1e-12)
    assert rsa(y, moved) == pytest.approx(rsa(x, y), abs=1e-12)
    assert rsa(x, moved) == pytest.approx(1, abs=1e-12)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    assert rsa(x[order], y[order]) == pytest.approx(rsa(x, y), abs=1e-12)


def test_euclidean_sees_a_linear_map_and_correlation_sees_rotation_and_translation() -> None:
    x, y = related(40, 6, 6)
    assert rsa(x, x * torch.tensor([1.0, 1.0, 1.0, 1.0, 1.0, 30.0])) < 0.99
    value = rsa(x, y, distance="correlation")
    assert abs(rsa(x @ rotation(6), y, distance="correlation") - value) > 1e-3
    assert abs(rsa(x + 5 * normal(6), y, distance="correlation") - value) > 1e-3
    # An offset common to all features and a factor of each row's own do not show.
    assert rsa(3 * x.flip(1) + 7, y, distance="correlation") == pytest.approx(value, abs=1e-12)
    assert rsa(x * (1 + normal(40, 1).abs()), y, distance="correlation") == pytest.approx(value, abs=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.integers(5, 25), seeds)
def test_equal_distances_stay_equal_when_rows_are_turned(n: int, seed: int) -> None:
    """On a grid many distances are equal; after a rotation only up to rounding, which must not order them."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(0, 3, (n, 3), generator=generator).double()
    x[:4] = torch.tensor([[0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 2, 1]])
    y = normal(n, 3, seed=seed)
    expected = spearmanr(pdist(x.numpy(), "sqeuclidean"), pdist(y.numpy())).statistic
    assert rsa(x, y) == pytest.approx(expected, abs=1e-12)
    assert rsa(x @ rotation(3, seed) * 1e-2 + 4, y) == pytest.approx(expected, abs=1e-12)


def test_distances_that_differ_by_more_than_rounding_stay_different() -> None:
    x = torch.tensor([1e-300, 1.0, 1 + 1e-9, 1e300], dtype=torch.float64)
    assert len(significant(x).unique()) == 4
    assert len(significant(x * (1 + 1e-15 * normal(4))).unique()) == 4
    torch.testing.assert_close(significant(x), x, rtol=1e-10, atol=0)
    assert significant(torch.tensor([1.0, 1 + 1e-13], dtype=torch.float64)).unique().tolist() == [1.0]
    assert significant(torch.zeros(1, dtype=torch.float64)).item() == 0


def test_independent_rows_score_about_zero() -> None:
    values = [rsa(normal(40, 200, seed=seed), normal(40, 200, seed=seed + 50)) for seed in range(20)]
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(20)
    assert np.std(values) < 0.15


def test_a_large_offset_in_float32() -> None:
    x = normal(40, 5)
    assert rsa((x + 1e4).float(), x) > 1 - 1e-5


@pytest.mark.usefixtures("wrong_types")
def test_refusals() -> None:
    x = normal(9, 4)
    with pytest.raises(GeometryError, match="at least 3 examples for RSA, got 2"):
        rsa(x[:2], x[:2])
    with pytest.raises(
        GeometryError, match="unknown distance 'euclid': expected one of euclidean, correlation; did"
    ):
        rsa(x, x, distance="euclid")  # type: ignore[arg-type]
    with pytest.raises(GeometryError, match="got y with all equally far apart"):
        rsa(x, torch.eye(9).double() @ rotation(9))
    flat = x.clone()
    flat[3] = 0.1
    with pytest.raises(
        GeometryError, match="for correlation distance, got 1 of 9 in y without; use euclidean"
    ):
        rsa(x, flat, distance="correlation")
    with pytest.raises(GeometryError, match="got 9 of 9 in x without"):
        rsa(x[:, :1], x, distance="correlation")
