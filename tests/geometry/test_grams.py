"""Measures from Gram matrices against direct formulas, planted truth and invariances."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError
from scipy.linalg import orthogonal_procrustes
from torch import Tensor

from modelstitch import geometry
from modelstitch.geometry import grams
from modelstitch.geometry.neighbours import Metric
from tests.geometry.made import related


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
    x, y = rows(8, 3, seed), rows(8, 2, seed + 10)
    expected = brute_hsic(gram(x), gram(y))
    assert float(grams.hsic(gram(x), gram(y))[0]) == pytest.approx(expected, rel=1e-9)
    assert geometry.hsic(x, y) == pytest.approx(expected, rel=1e-9)


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
    return float(grams.cka(gram(x), gram(y))[0])


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
        return float(grams.within_cka(parts[0], parts[1], members)[0])

    assert within(means + shared, -means + shared) == pytest.approx(1, abs=1e-9)
    assert abs(within(means + own, means + other)) < 0.1
    assert one_class(means + own, means + other) > 0.9


def test_nothing_that_differs_gives_no_number() -> None:
    zero = torch.zeros(10, 10, dtype=torch.float64)
    some = gram(rows(10, 3, 0))
    for k, m in ((zero, some), (some, zero)):
        assert math.isnan(float(grams.cka(k, m)[0]))
        assert math.isnan(grams.procrustes_similarity(grams.spectrum(k), grams.spectrum(m)))
        assert math.isnan(grams.linear_r2(grams.folds(k), m))
        assert math.isnan(grams.mutual_knn(k, m, 3))
    assert math.isnan(float(grams.cka(gram(torch.eye(9).double() - 1 / 9), gram(rows(9, 3, 0)))[0]))


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
    value = grams.procrustes_similarity(grams.spectrum(gram(x)), grams.spectrum(gram(y)))
    assert value == pytest.approx(cosine, abs=1e-9)


def test_neighbours_need_enough_examples() -> None:
    x = gram(rows(8, 2, 0))
    assert math.isnan(grams.mutual_knn(x, x, 8))


def test_linear_r2_tells_signal_from_noise() -> None:
    x = rows(300, 10, 0)
    assert grams.linear_r2(grams.folds(gram(x)), gram(x @ rows(10, 4, 1))) > 0.999
    assert abs(grams.linear_r2(grams.folds(gram(x)), gram(rows(300, 4, 2)))) < 0.05


def test_the_ridge_is_not_chosen_on_the_errors_that_are_reported() -> None:
    """Noise explains nothing. A ridge chosen on the reported errors would say a little above 0."""
    values = [
        grams.linear_r2(grams.folds(gram(rows(40, 60, seed))), gram(rows(40, 1, seed + 500)))
        for seed in range(60)
    ]
    assert sum(values) / len(values) < 0


def test_linear_r2_needs_two_examples_a_fold() -> None:
    assert math.isnan(grams.linear_r2(grams.folds(gram(rows(9, 2, 0))), gram(rows(9, 2, 1))))


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
    assert grams.within_cka([], [], [], 3).isnan().all()
    assert len(grams.retrieval([], [], [])) == 0


def test_procrustes_of_another_order_is_that_of_the_rows_in_that_order() -> None:
    x, y = rows(30, 5, 0), rows(30, 5, 1)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    k, m = grams.spectrum(gram(x)), grams.spectrum(gram(y))
    direct = grams.procrustes_similarity(k, grams.spectrum(gram(y[order])))
    assert grams.procrustes_similarity(k, m, order) == pytest.approx(direct, abs=1e-9)


# The fast forms and the public measures are one definition: equal on whatever rows.

pairs = st.builds(related, st.integers(12, 40), st.integers(1, 60), st.integers(1, 30), st.integers(0, 1000))


def near(value: float) -> object:
    return pytest.approx(value, abs=1e-9)


def centred(x: Tensor) -> Tensor:
    """The Gram matrix of the rows less their mean."""
    return gram(x - x.mean(0))


@given(pairs)
@settings(max_examples=40)
def test_hsic_is_the_public_one(pair: tuple[Tensor, Tensor]) -> None:
    x, y = pair
    value = geometry.hsic(x, y)
    assert float(grams.hsic(gram(x), gram(y))[0]) == pytest.approx(
        value, rel=1e-9, abs=1e-9 * abs(value) + 1e-7
    )
    assert float(grams.hsic(centred(x), centred(y))[0]) == pytest.approx(value, rel=1e-9, abs=1e-8)


@given(pairs, st.integers(2, 4))
@settings(max_examples=40)
def test_cka_is_the_public_one_and_so_are_its_groups(pair: tuple[Tensor, Tensor], n_groups: int) -> None:
    x, y = pair
    whole, *left = grams.cka(centred(x), centred(y), n_groups).tolist()
    assert whole == near(geometry.cka(x, y))
    group = torch.arange(len(x)) % n_groups
    assert left == near([geometry.cka(x[group != g], y[group != g]) for g in range(n_groups)])  # type: ignore[arg-type]


@given(pairs, st.integers(1, 3))
@settings(max_examples=40)
def test_cka_within_classes_is_the_public_one(pair: tuple[Tensor, Tensor], n_classes: int) -> None:
    x, y = pair
    labels = torch.arange(len(x)).square() % n_classes
    members = [(labels == c).nonzero().flatten() for c in range(n_classes) if (labels == c).sum() >= 4]
    value = grams.within_cka([centred(x[m]) for m in members], [centred(y[m]) for m in members], members)
    assert float(value[0]) == near(geometry.within_cka(x, y, labels))


@given(pairs)
@settings(max_examples=40)
def test_procrustes_is_the_public_one(pair: tuple[Tensor, Tensor]) -> None:
    x, y = pair
    value = grams.procrustes_similarity(grams.spectrum(centred(x)), grams.spectrum(centred(y)))
    assert value == near(geometry.procrustes_similarity(x, y))


@given(pairs, st.integers(1, 11), st.sampled_from(["cosine", "euclidean"]), st.booleans())
@settings(max_examples=60)
def test_mutual_knn_is_the_public_one_with_its_ties(
    pair: tuple[Tensor, Tensor], k: int, distance: Metric, ties: bool
) -> None:
    x, y = ((each / 3).round() if ties else each for each in pair)
    x[0], y[-1] = x[1:].max() + 1, y[:-1].max() + 1  # neither side is constant
    value = grams.mutual_knn(gram(x), gram(y), k, distance=distance)
    assert value == near(geometry.mutual_knn(x, y, k, distance=distance))


@given(pairs)
@settings(max_examples=40)
def test_linear_r2_is_the_public_one(pair: tuple[Tensor, Tensor]) -> None:
    x, y = pair
    value = grams.linear_r2(grams.folds(centred(x)), centred(y))
    assert value == near(geometry.linear_r2(x, y))
    assert grams.linear_r2(grams.folds(gram(x)), gram(y)) == pytest.approx(value, abs=1e-7)


def test_shapes_are_checked_in_the_tests() -> None:
    k = gram(rows(5, 2, 0))
    with pytest.raises(TypeCheckError):
        grams.hsic(k[:, :4], k)
    with pytest.raises(TypeCheckError):
        grams.hsic(k.float(), k)
