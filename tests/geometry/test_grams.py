"""Measures from Gram matrices against direct formulas, planted truth and invariances."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import orthogonal_procrustes
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from modelstitch import geometry
from modelstitch.geometry import grams


def rows(n: int, d: int, seed: int) -> Tensor:
    x = torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return x - x.mean(0)


def gram(x: Tensor) -> Tensor:
    return x @ x.T


def brute_hsic(k: Tensor, l: Tensor) -> float:  # noqa: E741
    """Song et al. 2012, equation 4: means over tuples of different examples."""
    n = len(k)
    pairs = [(i, j) for i, j in itertools.permutations(range(n), 2)]
    a = sum(float(k[i, j] * l[i, j]) for i, j in pairs) / len(pairs)
    quads = list(itertools.permutations(range(n), 4))
    b = sum(float(k[i, j] * l[q, r]) for i, j, q, r in quads) / len(quads)
    triples = list(itertools.permutations(range(n), 3))
    c = sum(float(k[i, j] * l[i, q]) for i, j, q in triples) / len(triples)
    return a + b - 2 * c


@pytest.mark.parametrize("seed", range(3))
def test_hsic_is_the_mean_over_different_examples(seed: int) -> None:
    k, l = gram(rows(8, 3, seed)), gram(rows(8, 2, seed + 10))  # noqa: E741
    assert float(grams.hsic(k, l)[0]) == pytest.approx(brute_hsic(k, l), rel=1e-9)


@given(st.integers(0, 1000), st.integers(12, 40), st.integers(2, 5))
@settings(deadline=None, max_examples=25)
def test_leaving_groups_out_is_computing_without_them(seed: int, n: int, n_groups: int) -> None:
    k, l = gram(rows(n, 4, seed)), gram(rows(n, 3, seed + 1))  # noqa: E741
    groups = torch.arange(n) % n_groups
    found = grams.hsic(k, l, groups, n_groups)
    for g in range(n_groups):
        kept = groups != g
        assert float(found[1 + g]) == pytest.approx(
            float(grams.hsic(k[kept][:, kept], l[kept][:, kept])[0]), rel=1e-8, abs=1e-10
        )


def one_class(x: Tensor, y: Tensor) -> float:
    return float(grams.cka([gram(x)], [gram(y)], [torch.arange(len(x))])[0])


@given(st.integers(0, 1000))
@settings(deadline=None, max_examples=20)
def test_cka_sees_through_rotation_and_scale(seed: int) -> None:
    x = rows(30, 6, seed)
    rotation = torch.linalg.qr(rows(6, 6, seed + 1) + torch.eye(6, dtype=torch.float64)).Q
    assert one_class(x, 3.7 * x @ rotation) == pytest.approx(1, abs=1e-9)


def test_cka_is_not_blind_to_a_change_of_shape() -> None:
    x = rows(200, 6, 0)
    stretched = x * torch.tensor([1.0, 1, 1, 1, 1, 30], dtype=torch.float64)
    assert one_class(x, stretched) < 0.6


def test_cka_of_independent_rows_is_zero_on_average_where_the_biased_one_is_not() -> None:
    values = [one_class(rows(30, 200, s), rows(30, 200, s + 500)) for s in range(40)]
    mean, error = torch.tensor(values).mean(), torch.tensor(values).std() / 40**0.5
    assert abs(mean) < 4 * error
    x, y = gram(rows(30, 200, 0)), gram(rows(30, 200, 500))
    assert float((x * y).sum() / (x.norm() * y.norm())) > 0.5


def test_within_classes_only_what_differs_between_members_counts() -> None:
    labels = torch.arange(200) % 4
    means = 10 * rows(4, 5, 1)[labels]
    shared, own, other = rows(200, 5, 2), rows(200, 5, 3), rows(200, 5, 4)
    members = [(labels == c).nonzero().flatten() for c in range(4)]

    def within(x: Tensor, y: Tensor) -> float:
        parts = [[gram(each[m] - each[m].mean(0)) for m in members] for each in (x, y)]
        return float(grams.cka(parts[0], parts[1], members)[0])

    assert within(means + shared, -means + shared) == pytest.approx(1, abs=1e-9)
    assert abs(within(means + own, means + other)) < 0.1
    assert one_class(means + own, means + other) > 0.9


def test_nothing_that_differs_gives_no_number() -> None:
    zero = torch.zeros(10, 10, dtype=torch.float64)
    assert math.isnan(float(grams.cka([zero], [gram(rows(10, 3, 0))], [torch.arange(10)])[0]))
    assert math.isnan(grams.procrustes(grams.spectrum(zero), grams.spectrum(gram(rows(10, 3, 0)))))
    assert math.isnan(grams.linear_r2(grams.spectrum(zero), gram(rows(10, 3, 0))))


def test_retrieval_finds_the_same_example_and_no_other() -> None:
    x = rows(50, 8, 0)
    own = gram(x)
    assert grams.retrieval([own], [own], [own]).all()
    order = torch.arange(50).roll(1)
    moved = x[order]
    assert not grams.retrieval([moved @ x.T], [gram(moved)], [own]).any()


def test_retrieval_by_chance() -> None:
    hits = []
    for seed in range(40):
        x, y = rows(25, 30, seed), rows(25, 30, seed + 99)
        hits.append(grams.retrieval([x @ y.T], [gram(x)], [gram(y)]).double().mean())
    assert float(torch.stack(hits).mean()) == pytest.approx(1 / 25, abs=0.02)


def test_a_constant_representation_retrieves_nothing() -> None:
    x = rows(20, 3, 0)
    zero = torch.zeros(20, 20, dtype=torch.float64)
    assert not grams.retrieval([zero], [zero], [gram(x)]).any()


@pytest.mark.parametrize("seed", range(3))
def test_procrustes_is_the_cosine_after_the_best_rotation(seed: int) -> None:
    x, y = rows(30, 5, seed), rows(30, 5, seed + 7)
    rotation, _ = orthogonal_procrustes(x.numpy(), y.numpy())
    moved = x @ torch.from_numpy(rotation)
    cosine = float((moved * y).sum() / (x.norm() * y.norm()))
    assert grams.procrustes(grams.spectrum(gram(x)), grams.spectrum(gram(y))) == pytest.approx(
        cosine, abs=1e-6
    )


def test_procrustes_of_more_features_than_rows() -> None:
    x = rows(10, 40, 0)
    assert grams.procrustes(grams.spectrum(gram(x)), grams.spectrum(gram(x))) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_neighbours_are_those_of_scikit_learn(seed: int) -> None:
    x = rows(60, 5, seed)
    y = x + 0.5 * rows(60, 5, seed + 3)
    sets = []
    for each in (x, y):
        found = NearestNeighbors(n_neighbors=8).fit(each.numpy())
        sets.append([set(row) for row in found.kneighbors(return_distance=False)])
    shared = sum(len(a & b) for a, b in zip(*sets, strict=True)) / (60 * 8)
    assert grams.mutual_knn(gram(x), gram(y), 8) == pytest.approx(shared, abs=1e-12)


def test_neighbours_need_enough_examples() -> None:
    x = gram(rows(8, 2, 0))
    assert math.isnan(grams.mutual_knn(x, x, 8))


@pytest.mark.parametrize("share", [0.01, 1.0])
def test_linear_r2_is_ridge_with_one_example_left_out(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grams, "RIDGES", (share,))
    x = rows(40, 6, 0)
    y = x @ rows(6, 3, 1) + rows(40, 3, 2)
    y = y - y.mean(0)
    k = gram(x)
    ridge = share * float(torch.linalg.eigvalsh(k).clamp_min(0).mean())
    # The mean stays that of all examples in the dual form; scikit-learn is held to the same columns.
    design = torch.cat([x, torch.full((40, 1), 1e6, dtype=torch.float64)], 1).numpy()
    model = Ridge(alpha=ridge, fit_intercept=False)
    guesses = cross_val_predict(model, design, y.numpy(), cv=LeaveOneOut())
    error = float(((guesses - y.numpy()) ** 2).sum())
    means = (y.sum(0) - y) / 39
    whole = float(((y - means) ** 2).sum())
    assert grams.linear_r2(grams.spectrum(k), gram(y)) == pytest.approx(1 - error / whole, abs=1e-4)


def test_linear_r2_tells_signal_from_noise() -> None:
    x = rows(300, 10, 0)
    assert grams.linear_r2(grams.spectrum(gram(x)), gram(x @ rows(10, 4, 1))) > 0.999
    assert abs(grams.linear_r2(grams.spectrum(gram(x)), gram(rows(300, 4, 2)))) < 0.05


@pytest.mark.parametrize("rank", [1, 3, 8])
def test_ranks_of_equal_directions(rank: int) -> None:
    x = torch.zeros(40, 12, dtype=torch.float64)
    x[:, :rank] = torch.linalg.qr(rows(40, rank, 0)).Q
    values, _ = grams.spectrum(gram(x))
    assert grams.effective_rank(values) == pytest.approx(rank, rel=1e-6)
    assert grams.mass_rank(values) == rank


def test_nothing_has_no_rank() -> None:
    assert grams.effective_rank(torch.zeros(5)) == 0
    assert grams.mass_rank(torch.zeros(5)) == 0


def test_without_a_class_there_is_no_number() -> None:
    assert grams.cka([], [], [], 3).isnan().all()
    assert len(grams.retrieval([], [], [])) == 0


def test_procrustes_of_another_order_is_that_of_the_rows_in_that_order() -> None:
    x, y = rows(30, 5, 0), rows(30, 5, 1)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    k, l = grams.spectrum(gram(x)), grams.spectrum(gram(y))  # noqa: E741
    direct = grams.procrustes(k, grams.spectrum(gram(y[order])))
    assert grams.procrustes(k, l, order) == pytest.approx(direct, abs=1e-7)


@pytest.mark.parametrize("shape", [(60, 8, 5), (40, 90, 70)])
def test_they_are_what_the_public_measures_say_of_the_rows(shape: tuple[int, int, int]) -> None:
    """Two roads to one number: here Gram matrices at hand for many cells, there arrays with every check."""
    n, d, e = shape
    x = rows(n, d, 0)
    y = x @ rows(d, e, 1) + rows(n, e, 2)
    y = y - y.mean(0)
    k, l = gram(x), gram(y)  # noqa: E741
    assert one_class(x, y) == pytest.approx(geometry.cka(x, y), abs=1e-9)
    assert grams.procrustes(grams.spectrum(k), grams.spectrum(l)) == pytest.approx(
        geometry.procrustes_similarity(x, y), abs=1e-6
    )
    assert grams.mutual_knn(k, l, 7) == pytest.approx(
        geometry.mutual_knn(x, y, 7, distance="euclidean"), abs=1e-9
    )
