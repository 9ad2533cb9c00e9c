from __future__ import annotations

import statistics

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm, subspace_angles
from sklearn.cross_decomposition import CCA
from sklearn.decomposition import PCA
from torch import Tensor

from modelstitch.errors import GeometryError
from modelstitch.geometry import canonical_correlations, pwcca, svcca
from modelstitch.geometry.cca import components
from modelstitch.geometry.inputs import centre
from tests.geometry.made import correlated, normal, related, rotation

features = st.integers(1, 8)
seeds = st.integers(0, 1000)


@settings(deadline=None, max_examples=50)
@given(st.integers(3, 40), features, features, seeds)
def test_they_are_the_cosines_of_scipys_principal_angles(n: int, d: int, e: int, seed: int) -> None:
    x, y = related(n, d, e, seed)
    a, b = ((each - each.mean(0)).numpy() for each in (x, y))
    expected = np.sort(np.cos(subspace_angles(a, b)))[::-1]
    found = canonical_correlations(x, y)
    assert len(found) == min(d, e, n - 1)
    if max(d, e) < n:  # scipy counts directions of rounding as part of a space that is full
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found == sorted(found, reverse=True)
    assert found[-1] >= 0
    assert found[0] <= 1


def test_they_are_the_correlations_of_sklearns_scores() -> None:
    x, y = related(200, 4, 3, noise=3)
    u, v = CCA(n_components=3, tol=1e-12, max_iter=10_000).fit_transform(x.numpy(), y.numpy())
    expected = [np.corrcoef(u[:, i], v[:, i])[0, 1] for i in range(3)]
    np.testing.assert_allclose(canonical_correlations(x, y), expected, atol=1e-6)


def test_planted_correlations_are_found() -> None:
    planted = torch.tensor([0.9, 0.5, 0.0], dtype=torch.float64)
    u, z = normal(20_000, 3), normal(20_000, 3, seed=1)
    v = planted * u + (1 - planted.square()).sqrt() * z
    found = canonical_correlations(u @ correlated(3, 3) + 4, v @ correlated(3, 5, seed=9) - 2)
    np.testing.assert_allclose(found, planted, atol=0.02)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 4), st.integers(5, 9), seeds)
def test_features_that_depend_on_each_other_add_nothing(rank: int, d: int, seed: int) -> None:
    x, y = related(30, rank, 4, seed)
    expected = canonical_correlations(x, y)
    for wide in (x @ normal(rank, d, seed=seed), torch.cat([x, x, torch.full((30, 1), 0.1)], 1)):
        np.testing.assert_allclose(canonical_correlations(wide, y), expected, atol=1e-6)
        assert pwcca(y, wide) == pytest.approx(pwcca(y, x), abs=1e-6)
    rounded = (x @ rotation(d, seed)[:rank]).float()
    np.testing.assert_allclose(canonical_correlations(rounded, y), expected, atol=1e-4)


@settings(deadline=None, max_examples=30)
@given(features, features, seeds)
def test_they_ignore_any_invertible_linear_map(d: int, e: int, seed: int) -> None:
    x, y = related(40, d, e, seed)
    moved = x @ (normal(d, d, seed=seed) + 3 * torch.eye(d)) - 8
    expected = canonical_correlations(x, y)
    np.testing.assert_allclose(canonical_correlations(moved, y), expected, atol=1e-6)
    np.testing.assert_allclose(canonical_correlations(y, moved), expected, atol=1e-6)


def test_with_few_examples_some_are_one_whatever_the_data() -> None:
    found = canonical_correlations(normal(30, 20), normal(30, 15, seed=1))
    assert sum(rho > 1 - 1e-10 for rho in found) == 20 + 15 - 29
    assert svcca(normal(20, 50), normal(20, 50, seed=1), variance=1.0) == pytest.approx(1)


@settings(deadline=None, max_examples=30)
@given(st.sampled_from([0.5, 0.9, 0.99]), seeds)
def test_svcca_is_the_mean_cosine_between_sklearns_components(variance: float, seed: int) -> None:
    x, y = related(40, 8, 6, seed)
    a, b = (PCA(variance, svd_solver="full").fit_transform(each.numpy()) for each in (x, y))
    expected = np.cos(subspace_angles(a, b)).mean()
    assert svcca(x, y, variance=variance) == pytest.approx(expected, abs=1e-7)
    assert components(centre(x), variance) == a.shape[1]


def test_svcca_ignores_rotation_but_not_stretching() -> None:
    x, y = related(60, 6, 5)
    value = svcca(x, y)
    assert svcca(4 * x @ rotation(6) - 1, y) == pytest.approx(value, abs=1e-9)
    assert svcca(y, x) == pytest.approx(value, abs=1e-9)
    assert abs(svcca(x * torch.tensor([1e-3, 1, 1, 1, 1, 1e3]), y) - value) > 0.05
    assert svcca(x, x) == pytest.approx(1)
    assert svcca(x, y, variance=1.0) == pytest.approx(statistics.fmean(canonical_correlations(x, y)))


def test_independent_rows_score_the_root_of_dimensions_over_examples() -> None:
    x, y = normal(1000, 40), normal(1000, 40, seed=1)
    assert np.mean(np.square(canonical_correlations(x, y))) == pytest.approx(40 / 1000, rel=0.1)
    assert 0.8 * 0.2 < svcca(x, y, variance=1.0) < 0.2


def by_covariances(x: Tensor, y: Tensor) -> float:
    """PWCCA from whitened covariances, as the paper writes it, without any decomposition of the rows."""
    a, b = ((each - each.mean(0)).numpy() for each in (x, y))
    one, other = (np.linalg.inv(sqrtm(each.T @ each).real) for each in (a, b))
    u, rho, _ = np.linalg.svd(one @ a.T @ b @ other, full_matrices=False)
    variables = a @ one @ u
    weights = np.abs(variables.T @ a).sum(1)
    return float((weights * rho).sum() / weights.sum())


@settings(deadline=None, max_examples=40)
@given(features, features, seeds)
def test_pwcca_agrees_with_the_formula_over_covariances(d: int, e: int, seed: int) -> None:
    x, y = related(40, d, e, seed)
    assert pwcca(x, y) == pytest.approx(by_covariances(x, y), abs=1e-6)
    assert 0 <= pwcca(x, y) <= 1


def test_in_pwcca_x_weighs_and_y_does_not() -> None:
    shared, private = normal(500, 1), normal(500, 2, seed=1)
    x = torch.cat([10 * shared, private[:, :1]], 1)  # the shared direction has nearly all of x
    y = torch.cat([shared, 100 * private[:, 1:]], 1)  # and nearly nothing of y
    assert pwcca(x, y) > 0.85
    assert pwcca(y, x) < 0.15
    stretched = y @ torch.tensor([[1.0, 7.0], [0.0, 1e-3]], dtype=torch.float64)
    assert pwcca(x, stretched) == pytest.approx(pwcca(x, y), abs=1e-9)
    assert pwcca(3 * x + 5, y) == pytest.approx(pwcca(x, y), abs=1e-9)
    assert pwcca(x.flip(1), y) == pytest.approx(pwcca(x, y), abs=1e-9)


def test_pwcca_sees_a_rotation_of_x() -> None:
    x, y = related(100, 5, 5, noise=5)
    assert abs(pwcca(x @ rotation(5), y) - pwcca(x, y)) > 1e-4


def test_a_large_offset_in_float32() -> None:
    x, y = related(100, 5, 4, noise=3)
    np.testing.assert_allclose(
        canonical_correlations((x + 1e4).float(), y), canonical_correlations(x, y), atol=5e-4
    )


def test_refusals() -> None:
    x = normal(2, 3)
    for measure in (canonical_correlations, svcca, pwcca):
        with pytest.raises(GeometryError, match="at least 3 examples for .*, got 2"):
            measure(x, x)
    for variance in (0.0, 1.5, float("nan")):
        with pytest.raises(GeometryError, match="above 0 and at most 1 for SVCCA, got"):
            svcca(normal(9, 3), normal(9, 3), variance=variance)
