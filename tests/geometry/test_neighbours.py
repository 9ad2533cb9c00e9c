from __future__ import annotations

import statistics
import sys
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from modelstitch.errors import GeometryError
from modelstitch.geometry import mutual_knn
from modelstitch.geometry.neighbours import Metric
from tests.geometry.made import normal, related, rotation

metrics = st.sampled_from(["cosine", "euclidean"])
seeds = st.integers(0, 1000)


@settings(deadline=None, max_examples=50)
@given(st.integers(4, 30), st.integers(2, 9), st.integers(2, 9), st.integers(1, 6), metrics, seeds)
def test_it_is_the_overlap_of_sklearns_neighbours(
    n: int, d: int, e: int, k: int, distance: Metric, seed: int
) -> None:
    x, y = related(n, d, e, seed)
    k = min(k, n - 1)
    a, b = (
        NearestNeighbors(n_neighbors=k, metric=distance, algorithm="brute").fit(each.numpy()).kneighbors()[1]
        for each in (x, y)
    )
    expected = np.mean([len(set(one) & set(other)) / k for one, other in zip(a, b, strict=True)])
    assert mutual_knn(x, y, k, distance=distance) == pytest.approx(expected, abs=1e-12)


def test_blocks_of_examples_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = related(50, 4, 5)
    whole = mutual_knn(x, y, 7)
    monkeypatch.setattr(sys.modules["modelstitch.geometry.neighbours"], "_BLOCK", 11)
    assert mutual_knn(x, y, 7) == pytest.approx(whole, rel=1e-12)


@settings(deadline=None, max_examples=40)
@given(st.integers(6, 30), st.integers(2, 9), st.integers(1, 5), metrics, seeds)
def test_it_ignores_rotation_scale_and_the_order_of_examples(
    n: int, d: int, k: int, distance: Metric, seed: int
) -> None:
    x, y = related(n, d, 4, seed)
    value = mutual_knn(x, y, k, distance=distance)
    assert 0 <= value <= 1
    turned = 5 * x @ rotation(d, seed)
    assert mutual_knn(turned, y, k, distance=distance) == pytest.approx(value, abs=1e-12)
    assert mutual_knn(y, turned, k, distance=distance) == pytest.approx(value, abs=1e-12)
    assert mutual_knn(x, turned, k, distance=distance) == 1
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    assert mutual_knn(x[order], y[order], k, distance=distance) == pytest.approx(value, abs=1e-12)
    assert mutual_knn(x + 100, y, k, distance="euclidean") == pytest.approx(
        mutual_knn(x, y, k, distance="euclidean"), abs=1e-12
    )


def test_cosine_sees_translation_and_ignores_the_length_of_rows_euclidean_the_other_way_round() -> None:
    x, y = related(100, 6, 6)
    lengths = normal(100, 1).abs() + 0.1
    assert mutual_knn(x + 9, y) != mutual_knn(x, y)
    assert mutual_knn(x * lengths, y) == mutual_knn(x, y)
    assert mutual_knn(x * lengths, y, distance="euclidean") != mutual_knn(x, y, distance="euclidean")
    for distance in ("cosine", "euclidean"):
        assert mutual_knn(x, x * torch.tensor([1, 1, 1, 1, 1, 30]), distance=distance) < 0.9


def test_unrelated_rows_agree_by_chance() -> None:
    values = [mutual_knn(normal(200, 20, seed=seed), normal(200, 20, seed=seed + 50)) for seed in range(20)]
    error = statistics.stdev(values) / 20**0.5
    assert abs(statistics.fmean(values) - 10 / 199) < 4 * error
    assert error < 0.002


def test_neighbours_in_planted_pairs() -> None:
    """Twins on both sides are each other's nearest; with half of them separated, half is shared."""
    centres = 100 * normal(40, 5)
    x = torch.cat([centres, centres + 0.1 * normal(40, 5, seed=1)])
    other = 100 * normal(40, 5, seed=2)
    y = torch.cat([other, other + 0.1 * normal(40, 5, seed=3)])
    assert mutual_knn(x, y, 1, distance="euclidean") == 1
    partners = torch.arange(80)
    partners[40:60] = torch.arange(40, 60).roll(1)
    assert mutual_knn(x, y[partners], 1, distance="euclidean") == pytest.approx(0.5)


def by_hand(x: Tensor, y: Tensor, k: int) -> Fraction:
    """Exact agreement of points with integer coordinates, places shared out evenly among ties."""

    def membership(points: list[list[int]], i: int) -> list[Fraction]:
        square = [sum((a - b) ** 2 for a, b in zip(points[i], each, strict=True)) for each in points]
        last = sorted(d for j, d in enumerate(square) if j != i)[k - 1]
        nearer = sum(d < last for j, d in enumerate(square) if j != i)
        tied = sum(d == last for j, d in enumerate(square) if j != i)
        weights = [Fraction(d < last) + Fraction(k - nearer, tied) * (d == last) for d in square]
        weights[i] = Fraction(0)
        return weights

    a, b = x.int().tolist(), y.int().tolist()
    shared = Fraction(0)
    for i in range(len(a)):
        shared += sum(map(min, membership(a, i), membership(b, i)), Fraction(0))
    return shared / (k * len(a))


@settings(deadline=None, max_examples=50)
@given(st.integers(6, 20), st.integers(1, 5), seeds)
def test_ties_share_the_places_that_are_left(n: int, k: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x, y = (torch.randint(0, 3, (n, 3), generator=generator).double() for _ in range(2))
    x[0], x[1], y[0], y[1] = torch.eye(4, 3, dtype=torch.float64)
    expected = float(by_hand(x, y, k))
    assert mutual_knn(x, y, k, distance="euclidean") == pytest.approx(expected, abs=1e-12)
    turned = x @ rotation(3, seed) * 1e-2 + 4
    assert mutual_knn(turned, y, k, distance="euclidean") == pytest.approx(expected, abs=1e-12)
    order = torch.randperm(n, generator=generator)
    assert mutual_knn(x[order], y[order], k, distance="euclidean") == pytest.approx(expected, abs=1e-12)
    assert mutual_knn(x, turned, k, distance="euclidean") == pytest.approx(1, abs=1e-12)


def test_ties_everywhere_are_chance_and_agree_with_themselves() -> None:
    equal, y = torch.eye(30), normal(30, 4)
    for distance in ("cosine", "euclidean"):
        assert mutual_knn(equal, y, 5, distance=distance) == pytest.approx(5 / 29)
        assert mutual_knn(equal, equal, 5, distance=distance) == 1


def test_copies_of_a_row_are_one_place() -> None:
    """Copies are at distance 0 from each other, whatever rounding says of a norm less a product."""
    x = (normal(12, 7) + 1e3).repeat(4, 1)
    y = normal(12, 5, seed=1).repeat(4, 1)
    assert mutual_knn(x, y, 3) == 1
    assert mutual_knn(x, y, 3, distance="euclidean") == 1
    order = torch.randperm(48, generator=torch.Generator().manual_seed(0))
    assert mutual_knn(x[order], y[order], 2) == pytest.approx(1)


def test_a_row_of_zeros_is_at_cosine_zero_from_all() -> None:
    x, y = related(20, 4, 4)
    x[3] = 0
    a = NearestNeighbors(n_neighbors=3, metric="cosine", algorithm="brute").fit(x.numpy()).kneighbors()[1]
    b = NearestNeighbors(n_neighbors=3, metric="cosine", algorithm="brute").fit(y.numpy()).kneighbors()[1]
    others = [i for i in range(20) if i != 3]
    expected = sum(len(set(a[i]) & set(b[i])) for i in others) / 3
    found = mutual_knn(x, y, 3) * 20
    assert found == pytest.approx(expected + 3 / 19, abs=1e-9)


def test_a_large_offset_in_float32() -> None:
    x = normal(100, 5)
    assert mutual_knn((x + 1e4).float(), x, distance="euclidean") > 0.99
    moved = x + 1e4
    exact = (
        NearestNeighbors(n_neighbors=10, algorithm="brute")
        .fit((moved / moved.norm(dim=1, keepdim=True)).numpy())
        .kneighbors()[1]
    )
    y = normal(100, 3, seed=1)
    other = (
        NearestNeighbors(n_neighbors=10, metric="cosine", algorithm="brute").fit(y.numpy()).kneighbors()[1]
    )
    expected = np.mean([len(set(one) & set(two)) / 10 for one, two in zip(exact, other, strict=True)])
    assert mutual_knn(moved, y) == pytest.approx(expected, abs=0.005)


def test_all_others_are_neighbours_at_the_largest_k() -> None:
    x, y = related(11, 4, 4)
    assert mutual_knn(x, y, 9) < 1
    assert mutual_knn(x, y, 10) == 1


@pytest.mark.usefixtures("wrong_types")
def test_refusals() -> None:
    x = normal(10, 4)
    with pytest.raises(GeometryError, match="at least 11 examples for 10 nearest neighbours, got 10"):
        mutual_knn(x, x)
    with pytest.raises(GeometryError, match="expected at least 1 neighbour, got k = 0"):
        mutual_knn(x, x, 0)
    with pytest.raises(GeometryError, match="unknown distance 'cos': expected one of cosine, euclidean; did"):
        mutual_knn(x, x, 2, distance="cos")  # type: ignore[arg-type]
