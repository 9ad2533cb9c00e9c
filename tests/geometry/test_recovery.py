"""What a ridge reader recovers within classes: against scikit-learn, planted shares and invariances."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from torch import Tensor

from modelstitch.geometry.recovery import (
    READER_RIDGES,
    fit_reader,
    orders_within,
    permuted_products,
    residuals,
)
from tests.geometry.made import normal, rotation

seeds = st.integers(0, 1000)


def classes(n: int, n_classes: int) -> Tensor:
    """Labels (n,) of classes of about equal size, ascending."""
    return torch.arange(n) * n_classes // n


def share(x: Tensor, y: Tensor, labels: Tensor, n_train: int) -> float:
    """Share of the variance within classes of y (n, P, E) that is read off x, on the rows after n_train."""
    train = [residuals(rows[:n_train], labels[:n_train]) for rows in (x, y)]
    held = [residuals(rows[n_train:], labels[n_train:]) for rows in (x, y)]
    read = fit_reader(*train).read(held[0])
    return 1 - float((held[1] - read).square().sum() / held[1].square().sum())


def twice(n: int, n_classes: int = 5) -> Tensor:
    """Labels of n training examples and n held-out ones."""
    return torch.cat([classes(n, n_classes)] * 2)


@settings(max_examples=30)
@given(st.integers(8, 90), st.integers(1, 4), st.integers(1, 12), st.integers(1, 5), st.floats(0, 5), seeds)
def test_the_reader_is_sklearns_ridge_of_the_same_penalty(
    n: int, p: int, c: int, e: int, noise: float, seed: int
) -> None:
    x = normal(n, p, c, seed=seed)
    y = x @ normal(c, e, seed=seed + 1) + noise * normal(n, p, e, seed=seed + 2)
    reader = fit_reader(x, y)
    rows = x.flatten(0, 1).numpy()
    model = Ridge(reader.ridge * np.linalg.norm(rows, 2) ** 2, fit_intercept=False, solver="svd")
    expected = model.fit(rows, y.flatten(0, 1).numpy()).coef_.reshape(e, c).T
    assert reader.weight.dtype == torch.float64
    assert reader.ridge in READER_RIDGES
    np.testing.assert_allclose(reader.weight, expected, atol=1e-8)
    torch.testing.assert_close(reader.read(x), x @ torch.from_numpy(expected))


@settings(max_examples=20)
@given(st.integers(40, 120), st.integers(1, 8), st.floats(0.1, 10), seeds)
def test_the_ridge_is_the_one_that_reads_the_other_blocks_best(
    n: int, c: int, noise: float, seed: int
) -> None:
    x = normal(n, 1, c, seed=seed) * torch.logspace(0, -3, c)
    y = x @ normal(c, 3, seed=seed + 1) + noise * normal(n, 1, 3, seed=seed + 2)
    chosen = fit_reader(x, y).ridge
    block = np.arange(n) * 40 // n
    fitted, choosing = block % 4 != 0, block % 4 == 0
    rows, read = x[:, 0].numpy(), y[:, 0].numpy()
    largest = np.linalg.norm(rows[fitted], 2) ** 2

    def error(ridge: float) -> float:
        model = Ridge(ridge * largest, fit_intercept=False, solver="svd").fit(rows[fitted], read[fitted])
        return float(np.square(read[choosing] - model.predict(rows[choosing]).reshape(-1, 3)).sum())

    assert error(chosen) == pytest.approx(min(map(error, READER_RIDGES)), rel=1e-9)


def test_classes_of_two_do_not_give_each_other_away() -> None:
    """Residuals of a class of two are each other's opposite: they may not lie on both sides."""
    labels, x = torch.arange(1000) // 2, normal(1000, 1, 200)
    y = normal(1000, 1, 8, seed=1)
    fitted = fit_reader(residuals(x, labels), residuals(y, labels))
    new = residuals(normal(1000, 1, 200, seed=2), labels)
    assert fitted.ridge >= 1
    assert float(fitted.read(new).square().sum()) < 0.1 * float(residuals(y, labels).square().sum())


@settings(max_examples=20)
@given(st.integers(1, 3), st.integers(1, 6), st.floats(1e-3, 1e3), seeds)
def test_an_invertible_map_of_x_an_offset_by_class_and_the_scale_of_y_change_nothing(
    p: int, c: int, scale: float, seed: int
) -> None:
    labels = twice(200)
    x = normal(400, p, c, seed=seed)
    y = x @ normal(c, 4, seed=seed + 1) + normal(400, p, 4, seed=seed + 2)
    value = share(x, y, labels, 200)
    # An invertible map whose directions differ eightfold at most: a ridge sees scales, if weakly.
    mixing = rotation(c, seed) * (1 + 7 * torch.rand(c, dtype=torch.float64)) @ rotation(c, seed + 1)
    assert share(scale * x @ mixing, y, labels, 200) == pytest.approx(value, abs=0.02)
    moved = x + 30 * normal(5, p, c, seed=seed + 3)[labels]
    assert share(moved, y, labels, 200) == pytest.approx(value, abs=1e-6)
    moved = y + 30 * normal(5, p, 4, seed=seed + 3)[labels]
    assert share(x, scale * moved @ rotation(4, seed), labels, 200) == pytest.approx(value, abs=1e-6)


@settings(max_examples=20)
@given(st.integers(2, 5), seeds)
def test_the_order_of_positions_and_of_held_out_examples_changes_nothing(p: int, seed: int) -> None:
    labels = twice(100)
    x, y = normal(200, p, 3, seed=seed), normal(200, p, 2, seed=seed + 1)
    y = y + x[:, :, :2]
    value = share(x, y, labels, 100)
    places = torch.randperm(p)
    assert share(x[:, places], y[:, places], labels, 100) == pytest.approx(value, abs=1e-9)
    order = torch.cat([torch.arange(100), 100 + torch.randperm(100)])
    assert share(x[order], y[order], labels[order], 100) == pytest.approx(value, abs=1e-9)


def test_the_label_alone_recovers_nothing_and_itself_all() -> None:
    labels = twice(2000)
    y = normal(4000, 2, 8) @ normal(8, 8, seed=1)
    codes = normal(5, 2, 6, seed=2)[labels]
    assert share(codes, y, labels, 2000) == 0  # residuals that are rounding are 0
    assert share(codes.float(), y.float(), labels, 2000) == 0
    assert share(codes + normal(4000, 2, 6, seed=3), y, labels, 2000) == pytest.approx(0, abs=0.01)
    assert share(y, y, labels, 2000) == pytest.approx(1, abs=1e-4)
    assert share(y.float(), y.float(), labels, 2000) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("noise", [0.3, 1.0, 3.0])
def test_noise_recovers_the_wiener_share(noise: float) -> None:
    """The best linear reader of y + noise has the share tr(S (S + N)^-1 S) / tr S, from the covariances."""
    labels, mixing, blur = twice(4000), normal(6, 6, seed=1), noise * normal(6, 6, seed=2)
    y = normal(8000, 1, 6, seed=3) @ mixing
    x = y + normal(8000, 1, 6, seed=4) @ blur
    s, n = mixing.T @ mixing, blur.T @ blur
    wiener = float(torch.trace(s @ torch.linalg.solve(s + n, s)) / torch.trace(s))
    assert share(x, y, labels, 4000) == pytest.approx(wiener, abs=0.015)
    assert 0.05 < wiener < 0.995


@pytest.mark.parametrize("rank", [1, 3, 7])
def test_a_projection_recovers_its_share_of_the_variance(rank: int) -> None:
    labels, scales = twice(3000), torch.logspace(0.5, -0.5, 8, dtype=torch.float64)
    y = normal(6000, 1, 8) * scales @ rotation(8)
    kept = rotation(8)[:rank]
    x = (y @ kept.T) @ normal(rank, 10, seed=5)
    truth = float(scales[:rank].square().sum() / scales.square().sum())
    assert share(x, y, labels, 3000) == pytest.approx(truth, abs=0.02)


def test_residuals_are_those_of_each_class_at_each_position() -> None:
    labels = torch.tensor([4, 0, 4, 0, 7])
    x = normal(5, 3, 2).float()
    left = residuals(x, labels)
    for label in (0, 4, 7):
        members = labels == label
        torch.testing.assert_close(left[members], x[members] - x[members].mean(0))
    assert left.dtype == torch.float32
    assert not left[4].any()


@pytest.mark.parametrize("wrong", [torch.nan, torch.inf])
def test_values_that_are_not_finite_do_not_become_zeros(wrong: float) -> None:
    x = normal(6, 1, 2).float()
    x[2, 0, 1] = wrong
    assert not residuals(x, classes(6, 2)).isfinite().all()


def test_a_reader_of_nothing_reads_nothing() -> None:
    reader = fit_reader(torch.zeros(12, 2, 3), normal(12, 2, 4).float())
    assert reader.weight.shape == (3, 4)
    assert not reader.read(torch.ones(5, 2, 3)).any()


def test_features_of_hardly_any_variance_do_no_harm_in_float32() -> None:
    """Products of float32 are not quite positive definite: the smallest ridge is above their rounding."""
    x = (normal(2000, 4, 32) * torch.logspace(0, -8, 32)).float()
    new = (normal(500, 4, 32, seed=1) * torch.logspace(0, -8, 32)).float()
    reader = fit_reader(x, x)
    assert float((reader.read(new) - new).square().sum()) < 1e-5 * float(new.square().sum())
    assert float(reader.weight.abs().max()) < 2


@settings(max_examples=30)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 20))
def test_permutations_keep_classes(sizes: list[int], n_orders: int) -> None:
    labels = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes)).flip(0)
    orders = orders_within(labels, n_orders)
    assert orders.shape == (n_orders, len(labels))
    assert torch.equal(orders[0], torch.arange(len(labels)))
    assert torch.equal(orders.sort(1).values, orders[:1].expand_as(orders))
    assert (labels[orders] == labels).all()


def test_every_permutation_of_a_class_is_as_likely() -> None:
    orders = orders_within(torch.tensor([0, 0, 0, 1]), 6001)[1:, :3]
    counts = (orders @ torch.tensor([9, 3, 1])).unique(return_counts=True)[1]
    assert len(counts) == 6
    assert counts.float().sub(1000).abs().max() < 150  # five standard deviations


def test_products_of_permutations_are_those_of_permuted_rows() -> None:
    labels = torch.tensor([5, 5, 5, 1, 1, 2, 2, 2, 2])
    read, y = normal(9, 3, 2), normal(9, 3, 2, seed=1)
    orders = orders_within(labels, 20)
    expected = torch.stack([(read * y[order]).sum() for order in orders])
    torch.testing.assert_close(permuted_products(read, y, labels, orders), expected)
