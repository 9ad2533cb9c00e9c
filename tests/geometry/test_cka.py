from __future__ import annotations

import itertools
import math
import statistics
import sys

import numpy as np
import pytest
import torch
from ckatorch.core import cka_base
from hypothesis import given, settings
from hypothesis import strategies as st
from rsatoolbox.data import Dataset
from rsatoolbox.rdm import calc_rdm
from rsatoolbox.rdm.compare import compare_cosine_cov_weighted
from torch import Tensor

from modelstitch.errors import GeometryError
from modelstitch.geometry import cka, hsic, minibatch_cka, within_cka
from modelstitch.geometry.cka import _hsic_sums
from modelstitch.geometry.inputs import centre
from tests.geometry.made import correlated, normal, related, rotation

examples = st.integers(5, 24)
features = st.integers(1, 40)
seeds = st.integers(0, 1000)


def u_statistic(x: Tensor, y: Tensor) -> float:
    """HSIC as the mean over tuples of different examples: Song et al. 2012, before any algebra."""
    k, m = (x @ x.T).numpy(), (y @ y.T).numpy()
    n = len(x)
    pairs = [k[i, j] * m[i, j] for i, j in itertools.permutations(range(n), 2)]
    triples = [k[i, j] * m[i, q] for i, j, q in itertools.permutations(range(n), 3)]
    fours = [k[i, j] * m[q, r] for i, j, q, r in itertools.permutations(range(n), 4)]
    return float(np.mean(pairs) + np.mean(fours) - 2 * np.mean(triples))


@pytest.mark.parametrize(("n", "d", "e"), [(4, 2, 3), (6, 1, 9), (7, 12, 2)])
def test_unbiased_hsic_is_the_mean_over_tuples_of_examples(n: int, d: int, e: int) -> None:
    x, y = related(n, d, e)
    assert hsic(x, y) == pytest.approx(u_statistic(x, y), rel=1e-9)
    assert hsic(x, x) == pytest.approx(u_statistic(x, x), rel=1e-9)


def test_unbiased_hsic_of_all_is_the_mean_over_all_subsets() -> None:
    x, y = related(8, 3, 5)
    parts = [hsic(x[list(rows)], y[list(rows)]) for rows in itertools.combinations(range(8), 5)]
    assert hsic(x, y) == pytest.approx(statistics.fmean(parts), rel=1e-10)


@settings(deadline=None, max_examples=40)
@given(examples, features, features, seeds)
def test_debiased_cka_agrees_with_ckatorch(n: int, d: int, e: int, seed: int) -> None:
    x, y = related(n, d, e, seed)
    # The oracle does not centre rows first, and loses digits to the offset.
    oracle = cka_base(x - x.mean(0), y - y.mean(0), unbiased=True)
    assert cka(x, y) == pytest.approx(float(oracle), abs=1e-9)


@settings(deadline=None, max_examples=40)
@given(examples, features, features, seeds)
def test_biased_cka_agrees_with_rsatoolbox_and_the_direct_formula(n: int, d: int, e: int, seed: int) -> None:
    x, y = related(n, d, e, seed)
    rdms = [calc_rdm(Dataset(each.numpy()), method="euclidean") for each in (x, y)]
    found = cka(x, y, debiased=False)
    assert found == pytest.approx(compare_cosine_cov_weighted(*rdms).item(), abs=1e-7)
    a, b = x - x.mean(0), y - y.mean(0)
    direct = (a.T @ b).norm() ** 2 / ((a.T @ a).norm() * (b.T @ b).norm())
    assert found == pytest.approx(float(direct), rel=1e-9)


@settings(deadline=None, max_examples=60)
@given(examples, features, features, st.booleans(), seeds)
def test_by_examples_and_by_features_give_the_same_number(
    n: int, d: int, e: int, debiased: bool, seed: int
) -> None:
    a, b = (centre(each).rows for each in related(n, d, e, seed))
    ways = [_hsic_sums(a, b, debiased, by_examples=way) for way in (True, False)]
    for one, other, size in zip(*ways, _hsic_sums(a, b, False), strict=True):
        assert one == pytest.approx(other, abs=1e-10 * size)


def test_blocks_of_examples_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = related(23, 40, 30)
    whole = cka(x, y)
    monkeypatch.setattr(sys.modules["modelstitch.geometry.cka"], "_BLOCK", 7)
    assert cka(x, y) == pytest.approx(whole, rel=1e-12)


@settings(deadline=None, max_examples=40)
@given(examples, st.integers(2, 30), st.booleans(), seeds)
def test_cka_ignores_rotation_scale_translation_and_the_order_of_examples(
    n: int, d: int, debiased: bool, seed: int
) -> None:
    x, y = related(n, d, 3, seed)
    value = cka(x, y, debiased=debiased)
    assert -1 <= value <= 1
    assert cka(y, x, debiased=debiased) == pytest.approx(value, abs=1e-9)
    assert cka(x, 3 * x @ rotation(d, seed) + 5, debiased=debiased) == pytest.approx(1, abs=1e-9)
    moved = -7 * x @ rotation(d, seed) + normal(d)
    assert cka(moved, y, debiased=debiased) == pytest.approx(value, abs=1e-7)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    assert cka(x[order], y[order], debiased=debiased) == pytest.approx(value, abs=1e-9)


def test_cka_sees_a_linear_map_that_is_no_rotation() -> None:
    x = normal(200, 5)
    stretched = x * torch.tensor([1.0, 1.0, 1.0, 1.0, 10.0])
    assert cka(x, stretched) < 0.6


def test_independent_rows_debiased_score_zero_and_biased_do_not() -> None:
    """At 50 examples and 500 features, biased CKA of independent rows is about 500 / (500 + 50)."""
    pairs = [(normal(50, 500, seed=seed), normal(50, 500, seed=seed + 100)) for seed in range(30)]
    values = [cka(x, y) for x, y in pairs]
    assert abs(statistics.fmean(values)) < 4 * statistics.stdev(values) / math.sqrt(30)
    assert statistics.stdev(values) < 0.05
    biased = statistics.fmean(cka(x, y, debiased=False) for x, y in pairs[:5])
    assert biased == pytest.approx(500 / 550, abs=0.02)


def test_a_known_mix_is_found_from_few_examples() -> None:
    """p shared and q private features of one variance: CKA of the population is the root of p / (p + q)."""
    values, biased = [], []
    for seed in range(20):
        x, private = normal(60, 30, seed=seed), normal(60, 90, seed=seed + 100)
        values.append(cka(x, torch.cat([x, private], 1)))
        biased.append(cka(x, torch.cat([x, private], 1), debiased=False))
    assert statistics.fmean(values) == pytest.approx(0.5, abs=0.03)
    assert statistics.fmean(biased) > 0.6


def test_a_large_offset_in_float32_costs_only_what_float32_lost() -> None:
    x, y = normal(100, 10), normal(100, 10, seed=1)
    moved = (x + 1e4).float()
    assert cka(moved, y) == pytest.approx(cka(moved.double() - 1e4, y), abs=1e-12)
    assert cka(moved, x) > 1 - 1e-6
    assert cka(moved, moved) == pytest.approx(1, abs=1e-12)


SIMPLEX = torch.linalg.svd(torch.eye(30, dtype=torch.float64) - 1 / 30).U[:, :29]


@pytest.mark.parametrize(
    "x",
    [torch.eye(30), SIMPLEX, SIMPLEX @ rotation(29), torch.eye(30)[:, :1]],
    ids=["unit", "less", "turned", "one"],
)
def test_nothing_over_nothing_is_refused(x: Tensor) -> None:
    """Equal distances, or one example against the rest, leave nothing once the bias is gone."""
    with pytest.raises(
        GeometryError, match=r"debiased CKA, got y with all examples equally far apart, or all but one"
    ):
        cka(normal(30, 4), x)
    assert 0 <= cka(normal(30, 4), x, debiased=False) <= 1


def test_too_few_examples() -> None:
    with pytest.raises(GeometryError, match="at least 4 examples for debiased CKA, got 3"):
        cka(normal(3, 2), normal(3, 2))
    assert 0 <= cka(normal(3, 2), normal(3, 2, seed=1), debiased=False) <= 1
    with pytest.raises(GeometryError, match="at least 4 examples for unbiased HSIC, got 3"):
        hsic(normal(3, 2), normal(3, 2))


def test_hsic_has_the_units_of_both_sides() -> None:
    x, y = related(20, 3, 4)
    for debiased in (True, False):
        value = hsic(x, y, debiased=debiased)
        assert hsic(3 * x, 1000 * y, debiased=debiased) == pytest.approx(9e6 * value, rel=1e-10)
    a, b = x - x.mean(0), y - y.mean(0)
    assert hsic(x, y, debiased=False) == pytest.approx(float((a.T @ b).square().sum()) / 19**2, rel=1e-10)


def test_one_batch_is_the_whole() -> None:
    x, y = related(40, 6, 5)
    for size in (1e-150, 1.0, 1e150):
        assert minibatch_cka([(x, size * y)]) == pytest.approx(cka(x, y), rel=1e-12)


def test_batches_add_up_as_the_sums_that_they_are() -> None:
    """Batches of one size: equation 3. They differ in scale, and one is flat on one side."""
    x, y = related(48, 6, 5)
    batches = list(zip(x.split(12), y.split(12), strict=True))
    batches = [(a * 10.0**index, b) for index, (a, b) in enumerate(batches)]
    batches.insert(0, (10 * normal(12, 6), torch.full((12, 5), 0.1)))
    cross, own_x, own_y = (
        sum(hsic(*both) for both in each)
        for each in (batches, [(a, a) for a, _ in batches], [(b, b) for _, b in batches])
    )
    # The flat batch adds to the sum of x too, or the ratio would be too high.
    assert minibatch_cka(batches) == pytest.approx(cross / math.sqrt(own_x * own_y), rel=1e-10)


def test_a_short_last_batch_weighs_as_much_as_it_holds() -> None:
    x, y = related(26, 6, 5)
    batches = list(zip(x.split(10), y.split(10), strict=True))
    sums = [
        sum(len(a) * hsic(*both) for (a, _), both in zip(batches, each, strict=True))
        for each in (batches, [(a, a) for a, _ in batches], [(b, b) for _, b in batches])
    ]
    assert minibatch_cka(batches) == pytest.approx(sums[0] / math.sqrt(sums[1] * sums[2]), rel=1e-10)


def test_over_shuffles_batches_give_the_sums_of_the_whole() -> None:
    """Each of the three sums is unbiased; the paper's batches estimate the whole whatever their size."""
    x, y = related(60, 6, 5, noise=3)
    for one, other in ((x, y), (x, x), (y, y)):
        parts = []
        for seed in range(60):
            order = torch.randperm(60, generator=torch.Generator().manual_seed(seed))
            parts += [hsic(one[rows], other[rows]) for rows in order.split(12)]
        noise = statistics.stdev(statistics.fmean(parts[i : i + 5]) for i in range(0, 300, 5)) / math.sqrt(60)
        assert abs(statistics.fmean(parts) - hsic(one, other)) < 4 * noise
    assert noise > 0
    found = []
    for seed in range(40):
        order = torch.randperm(60, generator=torch.Generator().manual_seed(seed))
        found.append(minibatch_cka((x[rows], y[rows]) for rows in order.split(15)))
    assert statistics.fmean(found) == pytest.approx(cka(x, y), abs=0.02)


def test_batches_that_cannot_be_used() -> None:
    x = correlated(10, 3)
    with pytest.raises(GeometryError, match="batch 1: expected at least 4 examples for unbiased HSIC, got 3"):
        minibatch_cka([(x, x), (x[:3], x[:3])])
    with pytest.raises(GeometryError, match="batch 0: expected as many examples in y as in x"):
        minibatch_cka([(x, x[:5])])
    assert minibatch_cka([(x, torch.ones(10, 2)), (x, x)]) == pytest.approx(math.sqrt(0.5), rel=1e-12)
    for batches in ([], [(x, torch.ones(10, 2))], [(x, x * 0 + index) for index in range(3)]):
        with pytest.raises(
            GeometryError, match="expected batches whose examples differ in x and in y, got none"
        ):
            minibatch_cka(batches)


def test_within_classes_every_class_counts_the_same() -> None:
    x, y = related(60, 4, 3)
    labels = torch.tensor([0] * 30 + [7] * 20 + [2] * 7 + [5] * 3)

    def total(a: Tensor, b: Tensor) -> float:
        return sum(hsic(a[labels == label], b[labels == label]) for label in (0, 7, 2))

    expected = total(x, y) / (total(x, x) * total(y, y)) ** 0.5
    assert within_cka(x, y, labels) == pytest.approx(expected, rel=1e-9)
    assert within_cka(x, 5 * x + 100 * labels[:, None], labels) == pytest.approx(1, abs=1e-9)


def test_refusals_within_classes() -> None:
    x = normal(12, 3)
    with pytest.raises(GeometryError, match=r"expected one label an example, \(12,\), got shape \(5,\)"):
        within_cka(x, x, torch.zeros(5))
    with pytest.raises(GeometryError, match="expected a class of at least 4 examples, got 4 smaller ones"):
        within_cka(x, x, torch.arange(12) // 3)
    with pytest.raises(GeometryError, match="expected classes whose examples differ in x and in y, got none"):
        within_cka(x, x[:1].repeat(12, 1), torch.zeros(12))
