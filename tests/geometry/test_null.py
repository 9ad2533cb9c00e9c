from __future__ import annotations

import math
import statistics
from functools import partial

import pytest
import torch
from torch import Tensor

from modelstitch.errors import GeometryError
from modelstitch.geometry import (
    canonical_correlations,
    cka,
    jackknife,
    linear_r2,
    mutual_knn,
    permutation_null,
    procrustes_similarity,
)
from tests.geometry.made import normal, related


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def first_entry(x: Tensor, y: Tensor) -> float:
    return float(y[0, 0])


def test_rows_of_y_are_permuted_and_those_of_x_are_not() -> None:
    x, y = torch.arange(12.0).reshape(12, 1), 100 + torch.arange(12.0).reshape(12, 1)
    seen: list[tuple[list[float], list[float]]] = []

    def record(a: Tensor, b: Tensor) -> float:
        seen.append((a[:, 0].tolist(), b[:, 0].tolist()))
        return float(len(seen))

    found = permutation_null(record, x, y, n=5, generator=seeded(0))
    assert (found.value, found.mean, found.minimum, found.maximum, found.n) == (1, 4, 2, 6, 5)
    assert found.standard_deviation == statistics.stdev([2, 3, 4, 5, 6])
    assert all(a == x[:, 0].tolist() for a, _ in seen)
    assert seen[0][1] == y[:, 0].tolist()
    assert all(sorted(b) == y[:, 0].tolist() for _, b in seen)
    assert len({tuple(b) for _, b in seen}) == 6


def test_rows_of_one_example_stay_together() -> None:
    y = torch.arange(12.0).reshape(12, 1)

    def starts(a: Tensor, b: Tensor) -> float:
        blocks = b.reshape(4, 3)
        assert torch.equal(blocks - blocks[:, :1], torch.arange(3.0).expand(4, 3))
        return float(blocks[0, 0])

    found = permutation_null(starts, y, y, n=30, generator=seeded(0), rows_per_example=3)
    assert {found.minimum, found.maximum} == {0, 9}


def test_the_generator_decides_and_global_state_does_not() -> None:
    x, y = related(30, 4, 4)
    before = torch.random.get_rng_state()
    one = permutation_null(cka, x, y, generator=seeded(3))
    assert torch.equal(before, torch.random.get_rng_state())
    torch.manual_seed(99)
    assert permutation_null(cka, x, y, generator=seeded(3)) == one
    assert permutation_null(cka, x, y, generator=seeded(4)) != one


def test_the_null_of_debiased_cka_is_centred_at_zero_and_others_are_not() -> None:
    """Even for rows that are the same: their order is what is taken away."""
    x = normal(60, 200)
    found = permutation_null(cka, x, x, n=40, generator=seeded(0))
    assert found.value == pytest.approx(1)
    assert abs(found.mean) < 4 * found.standard_deviation / math.sqrt(40)
    assert found.maximum < 0.1
    biased = permutation_null(partial(cka, debiased=False), x, x, generator=seeded(0))
    assert biased.minimum > 0.6
    assert permutation_null(procrustes_similarity, x, x, generator=seeded(0)).minimum > 0.5
    knn = permutation_null(mutual_knn, x, x, generator=seeded(0))
    assert knn.mean == pytest.approx(10 / 59, abs=0.02)


def test_unrelated_rows_lie_within_their_null() -> None:
    inside = 0
    for seed in range(20):
        found = permutation_null(
            cka, normal(40, 10, seed=seed), normal(40, 10, seed=seed + 50), generator=seeded(seed)
        )
        inside += found.minimum <= found.value <= found.maximum
    assert inside >= 15  # expected 20 (1 - 2 / 21) = 18


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    x = normal(30, 1)
    found = jackknife(lambda a, b: float(a.mean()), x, x, groups=30)
    assert found.value == pytest.approx(float(x.mean()))
    assert found.standard_error == pytest.approx(float(x.std()) / math.sqrt(30), rel=1e-12)


def test_each_group_is_left_out_once_and_no_row_is_ever_twice() -> None:
    x = torch.arange(11.0).reshape(11, 1)
    seen: list[set[float]] = []

    def record(a: Tensor, b: Tensor) -> float:
        assert torch.equal(a, b)
        assert len(a) == len(a.unique())
        seen.append({*a[:, 0].tolist()})
        return float(a.mean())

    found = jackknife(record, x, x, groups=4)
    left = [{*range(11)} - rows for rows in seen]
    assert left == [set(), {0, 4, 8}, {1, 5, 9}, {2, 6, 10}, {3, 7}]
    values = [statistics.fmean(rows) for rows in seen[1:]]
    expected = math.sqrt(3 / 4 * sum((each - statistics.fmean(values)) ** 2 for each in values))
    assert found.standard_error == pytest.approx(expected)
    seen.clear()
    jackknife(record, x[:10], x[:10], groups=3, rows_per_example=2)
    assert [{*range(10)} - rows for rows in seen] == [set(), {0, 1, 6, 7}, {2, 3, 8, 9}, {4, 5}]


@pytest.mark.parametrize(
    "measure", [cka, mutual_knn, procrustes_similarity, linear_r2], ids=lambda each: each.__name__
)
def test_the_jackknife_is_about_the_spread_over_other_examples(measure: object) -> None:
    assert callable(measure)
    values, errors = [], []
    for seed in range(30):
        x = normal(120, 5, seed=seed)
        y = x @ normal(5, 5, seed=1) + 2 * normal(120, 5, seed=seed + 100)
        found = jackknife(measure, x, y)
        values.append(found.value)
        errors.append(found.standard_error)
    assert 0.7 < statistics.fmean(errors) / statistics.stdev(values) < 1.6


def test_a_bootstrap_would_push_it_up() -> None:
    """Why there is none: unrelated rows drawn with replacement look alike, because copies match."""
    x, y = normal(50, 20), normal(50, 20, seed=1)
    drawn = [torch.randint(0, 50, (50,), generator=seeded(seed)) for seed in range(20)]
    assert statistics.fmean(cka(x[rows], y[rows]) for rows in drawn) > 0.15
    assert statistics.fmean(mutual_knn(x[rows], y[rows], 5) for rows in drawn) > 2.5 * 5 / 49
    assert abs(jackknife(cka, x, y).value) < 0.05


def test_the_number_type_reaches_the_measure() -> None:
    """A rank is counted against the rounding of the type as given."""
    x = (normal(40, 2) @ normal(2, 6)).float()
    ranks = permutation_null(lambda a, b: len(canonical_correlations(a, b)), x, x, n=2, generator=seeded(0))
    assert (ranks.value, ranks.maximum) == (2, 2)
    assert jackknife(lambda a, b: len(canonical_correlations(a, b)), x, x).standard_error == 0


def test_refusals() -> None:
    x = normal(12, 2)
    with pytest.raises(GeometryError, match="expected at least 1 permutation, got 0"):
        permutation_null(cka, x, x, n=0, generator=seeded(0))
    with pytest.raises(GeometryError, match="as many examples in y as in x, got 3 and 12"):
        permutation_null(cka, x, x[:3], generator=seeded(0))
    for groups in (1, 13):
        with pytest.raises(
            GeometryError, match=f"expected from 2 groups to one an example, 12, got {groups}"
        ):
            jackknife(cka, x, x, groups)
    with pytest.raises(GeometryError, match="2 groups to one an example, 6, got 10"):
        jackknife(cka, x, x, rows_per_example=2)
    with pytest.raises(GeometryError, match="whole examples of 5, got 12 rows"):
        jackknife(cka, x, x, rows_per_example=5)
    assert math.isnan(permutation_null(first_entry, x, x, n=1, generator=seeded(0)).standard_deviation)
