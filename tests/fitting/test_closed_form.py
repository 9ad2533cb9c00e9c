from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import orthogonal_procrustes
from sklearn.linear_model import LinearRegression, Ridge
from torch import Tensor

from modelstitch.fitting.closed_form import (
    best_ridge,
    channel_scales,
    procrustes,
    reduced_rank,
    ridge,
    squared_error,
)
from modelstitch.fitting.gram import of_rows


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def planted(
    n: int, n_features: int, n_targets: int, noise: float = 0.5, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Correlated features with an offset, and targets affine in them up to noise."""
    x = normal(n, n_features, seed=seed) @ normal(n_features, n_features, seed=seed + 1) + 3
    y = x @ normal(n_features, n_targets, seed=seed + 2) + normal(n_targets, seed=seed + 3)
    return x, y + noise * normal(n, n_targets, seed=seed + 4)


def error(weight: Tensor, bias: Tensor, x: Tensor, y: Tensor) -> float:
    return float((x @ weight.T + bias - y).square().sum(1).mean())


def assert_near(found: Tensor, oracle: Tensor, tolerance: float = 1e-6) -> None:
    assert found.shape == oracle.shape
    assert (found - oracle).norm() <= tolerance * oracle.norm()


def centred_error(weight: Tensor, x: Tensor, y: Tensor) -> float:
    return error(weight, y.mean(0) - weight @ x.mean(0), x, y)


widths = st.integers(1, 6)


@settings(deadline=None, max_examples=30)
@given(widths, widths, st.integers(0, 99))
def test_ridge_without_a_ridge_is_least_squares(n_features: int, n_targets: int, seed: int) -> None:
    x, y = planted(40, n_features, n_targets, seed=seed)
    weight, bias = ridge(of_rows(x, y))
    solution = torch.linalg.lstsq(torch.cat([x, torch.ones(40, 1)], 1), y).solution
    theirs = LinearRegression().fit(x.numpy(), y.numpy())
    assert_near(torch.cat([weight.T, bias[None]]), solution)
    assert_near(weight, torch.from_numpy(theirs.coef_.reshape(n_targets, n_features)))
    assert_near(bias, torch.from_numpy(theirs.intercept_))


@pytest.mark.parametrize("share", [1e-3, 0.1, 1.0, 10.0])
def test_ridge_is_scikit_learns(share: float) -> None:
    x, y = planted(50, 5, 3)
    alpha = 50 * share * x.var(0, unbiased=False).mean().item()
    theirs = Ridge(alpha=alpha, solver="svd").fit(x.numpy(), y.numpy())
    weight, bias = ridge(of_rows(x, y), share)
    assert_near(weight, torch.from_numpy(theirs.coef_))
    assert_near(bias, torch.from_numpy(theirs.intercept_))


@pytest.mark.parametrize("offset", [0.0, 3.0])
def test_dependent_features_get_the_solution_of_smallest_norm(offset: float) -> None:
    active = (normal(80, 4) - 0.3).relu() + offset
    dead, constant = torch.zeros(80, 2), torch.full((80, 1), 5.0)
    x = torch.cat([active, active[:, :2], dead, constant, active.sum(1, keepdim=True)], 1)
    y = active @ normal(4, 3, seed=1) + normal(80, 3, seed=2)
    weight, bias = ridge(of_rows(x, y))
    pseudo = np.linalg.pinv((x - x.mean(0)).numpy(), rcond=1e-10)
    assert weight.isfinite().all()
    assert_near(weight, torch.from_numpy(pseudo @ (y - y.mean(0)).numpy()).T)
    assert_near(bias, y.mean(0) - weight @ x.mean(0))


def test_dependent_features_in_single_precision_fit_as_well_and_stay_bounded() -> None:
    active = (normal(300, 6) - 0.3).relu()
    x = torch.cat([active, active[:, :3], torch.zeros(300, 2), torch.full((300, 1), 0.1)], 1).float()
    y = (active @ normal(6, 3, seed=1) + 0.1 * normal(300, 3, seed=2)).float()
    exact = ridge(of_rows(x.double(), y.double()))
    found = ridge(of_rows(x, y))
    assert error(*found, x.double(), y.double()) <= (1 + 1e-5) * error(*exact, x.double(), y.double())
    assert found[0].norm() <= 10 * exact[0].norm()


def test_nothing_varies_and_the_mean_is_predicted() -> None:
    x, y = torch.full((9, 3), 2.0, dtype=torch.float64), normal(9, 2)
    weight, bias = ridge(of_rows(x, y))
    assert torch.equal(weight, torch.zeros(2, 3, dtype=torch.float64))
    assert_near(bias, y.mean(0))


def test_more_features_than_rows_interpolate_the_rows() -> None:
    x, y = planted(6, 11, 3)
    weight, bias = ridge(of_rows(x, y))
    assert_near(x @ weight.T + bias, y)


@settings(deadline=None, max_examples=20)
@given(widths, widths, st.integers(0, 99))
def test_squared_error_is_the_mean_over_rows(n_features: int, n_targets: int, seed: int) -> None:
    x, y = planted(30, n_features, n_targets, seed=seed)
    weight, bias = normal(n_targets, n_features, seed=seed + 5), normal(n_targets, seed=seed + 6)
    expected = error(weight, bias, x, y)
    assert squared_error(weight, bias, of_rows(x, y)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_the_ridge_follows_the_noise(seed: int) -> None:
    x, y = planted(400, 12, 3, noise=0.0, seed=seed)
    assert best_ridge(of_rows(x[:200], y[:200]), of_rows(x[200:], y[200:])) <= 1e-6
    y = normal(400, 3, seed=seed + 50)
    assert best_ridge(of_rows(x[:16], y[:16]), of_rows(x[16:], y[16:])) > 0


@pytest.mark.parametrize("share", [0.0, 0.3])
@pytest.mark.parametrize(("n_features", "n_targets"), [(6, 4), (4, 6), (5, 5)])
def test_full_rank_is_ridge(n_features: int, n_targets: int, share: float) -> None:
    moments = of_rows(*planted(50, n_features, n_targets))
    up, down, bias = reduced_rank(moments, min(n_features, n_targets), share)
    weight, oracle = ridge(moments, share)
    assert_near(up @ down, weight)
    assert_near(bias, oracle)


@pytest.mark.parametrize("share", [0.0, 0.3])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_reduced_rank_is_the_truncated_svd_of_the_fitted_values(rank: int, share: float) -> None:
    """A ridge is least squares with F further rows of size sqrt(n lambda), whose targets are 0."""
    x, y = planted(50, 6, 4, noise=3.0)
    up, down, bias = reduced_rank(of_rows(x, y), rank, share)
    assert (up.shape, down.shape) == ((4, rank), (rank, 6))
    assert torch.linalg.matrix_rank(up @ down) == rank
    centred = x - x.mean(0)
    extra = (50 * share * x.var(0, unbiased=False).mean()).sqrt() * torch.eye(6, dtype=x.dtype)
    rows, wanted = np.vstack([centred, extra]), np.vstack([y - y.mean(0), np.zeros((6, 4))])
    u, s, v = np.linalg.svd(rows @ np.linalg.lstsq(rows, wanted)[0], full_matrices=False)
    assert_near(torch.from_numpy(rows) @ (up @ down).T, torch.from_numpy((u[:, :rank] * s[:rank]) @ v[:rank]))
    assert_near(bias, y.mean(0) - up @ down @ x.mean(0))


@pytest.mark.parametrize("rank", [1, 2])
def test_no_other_weight_of_that_rank_is_better(rank: int) -> None:
    x, y = planted(60, 5, 4, noise=3.0)
    up, down, bias = reduced_rank(of_rows(x, y), rank)
    least = error(up @ down, bias, x, y)
    for seed in range(200):
        size = 10 ** -(seed % 4)
        other = (up + size * normal(4, rank, seed=seed)) @ (down + size * normal(rank, 5, seed=seed + 1))
        assert centred_error(other, x, y) >= least * (1 - 1e-12)


def frame(rows: int, columns: int, seed: int) -> Tensor:
    """Orthonormal rows or columns, whichever are fewer."""
    tall, _ = torch.linalg.qr(normal(max(rows, columns), min(rows, columns), seed=seed))
    assert isinstance(tall, Tensor)
    return tall if rows >= columns else tall.T


@pytest.mark.parametrize("seed", range(4))
def test_procrustes_is_scipys_with_a_scale(seed: int) -> None:
    x, y = planted(40, 5, 5, noise=2.0, seed=seed)
    centred, wanted = (x - x.mean(0)).numpy(), (y - y.mean(0)).numpy()
    rotation, trace = orthogonal_procrustes(centred, wanted)
    weight, bias = procrustes(of_rows(x, y))
    assert_near(weight, torch.from_numpy(rotation.T * trace / np.square(centred).sum()))
    assert_near(bias, y.mean(0) - weight @ x.mean(0))


shapes = pytest.mark.parametrize(("n_targets", "n_features"), [(5, 5), (7, 4), (4, 7), (1, 5), (5, 1)])


@shapes
@pytest.mark.parametrize("spread", [1.0, 3.0])
def test_a_planted_rotation_scale_and_offset_are_recovered(
    n_targets: int, n_features: int, spread: float
) -> None:
    x = normal(200, n_features) * torch.linspace(1, spread, n_features, dtype=torch.float64) + 2
    weight, bias = 0.7 * frame(n_targets, n_features, seed=1), normal(n_targets, seed=2)
    found, offset = procrustes(of_rows(x, x @ weight.T + bias))
    assert_near(found, weight)
    assert_near(x @ found.T + offset, x @ weight.T + bias)


@shapes
@pytest.mark.parametrize("seed", range(3))
def test_no_other_rotation_is_better(n_targets: int, n_features: int, seed: int) -> None:
    x, y = planted(60, n_features, n_targets, noise=2.0, seed=seed)
    weight, bias = procrustes(of_rows(x, y))
    gram = weight @ weight.T if n_targets <= n_features else weight.T @ weight
    assert_near(gram, gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype), 1e-9)
    least = error(weight, bias, x, y)
    assert least == pytest.approx(centred_error(weight, x, y))
    centred, wanted = x - x.mean(0), y - y.mean(0)
    for each in range(200):
        other = frame(n_targets, n_features, seed=each)
        turned = centred @ other.T
        scale = (turned * wanted).sum() / turned.square().sum()
        assert centred_error(scale * other, x, y) >= least * (1 - 1e-9)


def test_procrustes_of_constant_features_predicts_the_mean() -> None:
    y = normal(9, 2)
    weight, bias = procrustes(of_rows(torch.ones(9, 3, dtype=torch.float64), y))
    assert torch.equal(weight, torch.zeros(2, 3, dtype=torch.float64))
    assert_near(bias, y.mean(0))


def test_channel_scales_are_a_line_through_each_channel() -> None:
    x = normal(50, 4) * torch.tensor([1.0, 1e-3, 100.0, 0.0], dtype=torch.float64) + 2
    y = x * torch.tensor([2.0, -3.0, 0.5, 1.0], dtype=torch.float64) + normal(50, 4, seed=1)
    scale, bias = channel_scales(of_rows(x, y))
    for channel in range(3):
        line = np.polyfit(x[:, channel].numpy(), y[:, channel].numpy(), 1)
        assert_near(torch.stack([scale[channel], bias[channel]]), torch.from_numpy(line), 1e-5)
    assert scale[3] == 0
    assert_near(bias[3], y[:, 3].mean())
