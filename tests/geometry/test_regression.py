from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.model_selection import PredefinedSplit
from torch import Tensor

from modelstitch.errors import GeometryError
from modelstitch.geometry import cosine, linear_r2
from modelstitch.geometry.inputs import centre
from modelstitch.geometry.regression import RIDGES, _Fit
from tests.geometry.made import correlated, normal, related, rotation

seeds = st.integers(0, 1000)


def by_sklearn(x: Tensor, y: Tensor, folds: int, ridge: float) -> float:
    x, y = (centre(each).rows for each in (x, y))
    left = whole = 0.0
    for train, held in PredefinedSplit(np.arange(len(x)) % folds).split():
        a, b = x[train], y[train]
        largest = float(torch.linalg.matrix_norm(a - a.mean(0), 2)) ** 2
        model = Ridge(ridge * largest, solver="svd") if ridge else LinearRegression()
        predicted = model.fit(a.numpy(), b.numpy()).predict(x[held].numpy()).reshape(len(held), -1)
        left += np.square(y[held].numpy() - predicted).sum()
        whole += float((y[held] - b.mean(0)).square().sum())
    return 1 - left / whole


@settings(deadline=None, max_examples=40)
@given(
    st.integers(20, 40),
    st.integers(1, 60),
    st.integers(1, 5),
    st.integers(2, 6),
    st.sampled_from([1e-4, 0.1, 3]),
    seeds,
)
def test_with_a_given_ridge_it_agrees_with_sklearn(
    n: int, d: int, e: int, folds: int, ridge: float, seed: int
) -> None:
    x, y = related(n, d, e, seed)
    assert linear_r2(x, y, folds=folds, ridge=ridge) == pytest.approx(
        by_sklearn(x, y, folds, ridge), abs=1e-8
    )


@settings(deadline=None, max_examples=30)
@given(st.integers(30, 50), st.integers(1, 12), st.integers(1, 5), seeds)
def test_without_a_ridge_it_agrees_with_sklearn(n: int, d: int, e: int, seed: int) -> None:
    x, y = related(n, d, e, seed)
    assert linear_r2(x, y, ridge=0) == pytest.approx(by_sklearn(x, y, 5, 0), abs=1e-6)


def best_by_hat_matrix(x: Tensor, y: Tensor) -> float:
    """Golub, Heath & Wahba 1979, with the hat matrix written out, intercept included."""
    n = len(x)
    x, y = x - x.mean(0), y - y.mean(0)
    largest = float(torch.linalg.matrix_norm(x, 2)) ** 2
    scores = []
    for ridge in RIDGES:
        hat = x @ torch.linalg.solve(x.T @ x + ridge * largest * torch.eye(x.shape[1]), x.T) + 1 / n
        residual = (y - hat @ y).square().sum() / n
        scores.append(float(residual / (torch.trace(torch.eye(n) - hat) / n) ** 2))
    return RIDGES[int(np.argmin(scores))]


@settings(deadline=None, max_examples=30)
@given(st.sampled_from([(30, 4), (30, 20), (20, 50)]), st.floats(0.1, 20), seeds)
def test_the_ridge_is_the_one_of_generalised_cross_validation(
    shape: tuple[int, int], noise: float, seed: int
) -> None:
    x = normal(*shape, seed=seed)
    y = x @ normal(shape[1], 3, seed=seed + 1) + noise * normal(shape[0], 3, seed=seed + 2)
    chosen, expected = _Fit.of(x, y).best_ridge(), best_by_hat_matrix(x, y)
    if shape[0] > shape[1] or min(chosen, expected) > 1e-6:
        assert chosen == expected


@settings(deadline=None, max_examples=30)
@given(st.integers(12, 40), st.integers(1, 30), st.integers(1, 5), seeds)
def test_it_ignores_rotation_scale_and_translation(n: int, d: int, e: int, seed: int) -> None:
    x, y = related(n, d, e, seed)
    value = linear_r2(x, y)
    assert value <= 1
    assert linear_r2(4 * x @ rotation(d, seed) + 3, y) == pytest.approx(value, abs=1e-6)
    assert linear_r2(x, -4 * y @ rotation(e, seed) + 3) == pytest.approx(value, abs=1e-6)


def test_planted_shares_are_found_and_the_two_ways_differ() -> None:
    x = normal(4000, 5)
    signal = x @ rotation(5)
    for noise in (0.5, 1.0, 3.0):
        y = signal + noise * normal(4000, 5, seed=1)
        assert linear_r2(x, y) == pytest.approx(1 / (1 + noise**2), abs=0.02)
    assert linear_r2(x, x @ normal(5, 3, seed=2) - 4) == pytest.approx(1, abs=1e-8)
    wide = torch.cat([x, 2 * normal(4000, 5, seed=3)], 1)  # x holds a fifth of its variance
    assert linear_r2(wide, x) == pytest.approx(1, abs=1e-8)
    assert linear_r2(x, wide) == pytest.approx(0.2, abs=0.02)


def test_it_is_never_in_sample() -> None:
    """In-sample, a hundred features fit forty examples of anything; held out, they explain nothing."""
    x, y = normal(40, 100), normal(40, 10, seed=1)
    assert LinearRegression().fit(x.numpy(), y.numpy()).score(x.numpy(), y.numpy()) == pytest.approx(1)
    assert -0.2 < linear_r2(x, y) < 0.05
    assert linear_r2(x, y, ridge=0) < -0.3
    assert linear_r2(normal(36, 30), normal(36, 3, seed=1), ridge=0) < -5


def test_without_a_ridge_it_ignores_any_invertible_map_and_with_one_it_does_not() -> None:
    x, y = related(60, 5, 3, noise=30)
    stretched = x @ normal(5, 5, seed=7)
    assert linear_r2(stretched, y, ridge=0) == pytest.approx(linear_r2(x, y, ridge=0), abs=1e-8)
    assert abs(linear_r2(stretched, y, ridge=0.1) - linear_r2(x, y, ridge=0.1)) > 1e-3
    assert abs(linear_r2(stretched, y) - linear_r2(x, y)) > 1e-4


def test_rows_of_one_example_are_never_on_both_sides() -> None:
    """Four rows an example, nearly copies, and nothing else to learn: split apart, they give all away."""
    code, target = normal(30, 60), normal(30, 4, seed=1)
    x = code.repeat_interleave(4, 0) + 1e-3 * normal(120, 60, seed=2)
    y = target.repeat_interleave(4, 0)
    assert linear_r2(x, y) > 0.9
    assert linear_r2(x, y, rows_per_example=4) < 0.1


def test_a_fold_without_variance_in_x_predicts_the_mean() -> None:
    x = torch.zeros(10, 2)
    x[0, 1] = 1
    y = normal(10, 2)
    whole = held = 0.0
    for fold in range(5):
        rows = torch.arange(10) % 5 == fold
        target = y[rows] - y[~rows].mean(0)
        whole += float(target.square().sum())
        # x tells rows apart only where example 0 trains, and held-out rows are then as all the others.
        seen = y[~rows & (torch.arange(10) != 0)].mean(0)
        held += float((y[rows] - (seen if fold else y[~rows].mean(0))).square().sum())
    assert linear_r2(x, y, ridge=0) == pytest.approx(1 - held / whole, abs=1e-9)


def test_a_large_offset_in_float32() -> None:
    x, y = related(100, 5, 4, noise=3)
    assert linear_r2((x + 1e4).float(), y) == pytest.approx(linear_r2(x, y), abs=1e-3)
    assert linear_r2(y, (x + 1e4).float()) == pytest.approx(linear_r2(y, x), abs=1e-3)


@pytest.mark.usefixtures("wrong_types")
def test_refusals() -> None:
    x = normal(12, 4)
    with pytest.raises(GeometryError, match="at least 10 examples for linear R2 in 5 folds, got 9"):
        linear_r2(x[:9], x[:9])
    with pytest.raises(GeometryError, match="expected at least 2 folds, got 1"):
        linear_r2(x, x, folds=1)
    for ridge in (-1.0, float("nan"), float("inf"), "loo"):
        with pytest.raises(GeometryError, match="expected a ridge of 0 or more, or 'gcv', got"):
            linear_r2(x, x, ridge=ridge)  # type: ignore[arg-type]
    for rows in (0, 7):
        with pytest.raises(GeometryError, match=f"expected rows in whole examples of {rows}, got 40 rows"):
            linear_r2(normal(40, 2), normal(40, 2), folds=2, rows_per_example=rows)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 20), st.integers(1, 9), seeds)
def test_cosine_is_the_diagonal_of_sklearns(n: int, d: int, seed: int) -> None:
    x, y = correlated(n, d, seed), correlated(n, d, seed + 1)
    expected = cosine_similarity(x.numpy(), y.numpy()).diagonal().mean()
    assert cosine(x, y) == pytest.approx(expected, abs=1e-12)
    assert cosine(x * (1 + normal(n, 1).abs()), 1e-200 * y) == pytest.approx(expected, abs=1e-12)
    assert cosine(x, -x) == pytest.approx(-1)


def test_cosine_needs_the_same_features_and_sees_everything_else() -> None:
    x = normal(20, 4)
    assert cosine(x, x) == pytest.approx(1)
    assert abs(cosine(x, x @ rotation(4))) < 0.9
    assert cosine(x, x + 9) < 0.9
    assert cosine([[0.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [1.0, 0.0]]) == 0.5
    with pytest.raises(GeometryError, match="as many features in y as in x for cosine, got 3 and 4"):
        cosine(x, x[:, :3])
