from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rsatoolbox.data import Dataset
from rsatoolbox.rdm import calc_rdm
from rsatoolbox.rdm.compare import compare_bures_similarity
from scipy.linalg import orthogonal_procrustes
from scipy.spatial import procrustes
from torch import Tensor

from modelstitch.errors import GeometryError
from modelstitch.geometry import procrustes_distance, procrustes_similarity
from tests.geometry.made import normal, related, rotation

examples = st.integers(2, 24)
features = st.integers(1, 30)
seeds = st.integers(0, 1000)


def unit(x: Tensor, width: int) -> np.ndarray:
    x = x - x.mean(0)
    return np.pad((x / x.norm()).numpy(), ((0, 0), (0, width - x.shape[1])))


@settings(deadline=None, max_examples=50)
@given(examples, features, features, seeds)
def test_both_agree_with_scipys_best_rotation(n: int, d: int, e: int, seed: int) -> None:
    x, y = related(n, d, e, seed)
    a, b = (unit(each, max(d, e)) for each in (x, y))
    turn, cosine = orthogonal_procrustes(a, b)
    assert procrustes_similarity(x, y) == pytest.approx(cosine, abs=1e-9)
    assert procrustes_distance(x, y) == pytest.approx(np.linalg.norm(a @ turn - b), abs=1e-7)
    assert procrustes_distance(x, y) == pytest.approx(math.sqrt(max(0, 2 - 2 * cosine)), abs=1e-6)


@settings(deadline=None, max_examples=30)
@given(st.integers(3, 20), st.integers(1, 9), seeds)
def test_scipys_disparity_is_what_the_cosine_leaves(n: int, d: int, seed: int) -> None:
    """scipy.spatial.procrustes also scales one side: 1 - cosine squared."""
    x, y = related(n, d, d, seed)
    assert 1 - procrustes_similarity(x, y) ** 2 == pytest.approx(
        procrustes(x.numpy(), y.numpy())[2], abs=1e-9
    )


@settings(deadline=None, max_examples=30)
@given(st.integers(3, 24), features, features, seeds)
def test_the_similarity_agrees_with_rsatoolboxs_bures(n: int, d: int, e: int, seed: int) -> None:
    x, y = related(n, d, e, seed)
    rdms = [calc_rdm(Dataset(each.numpy()), method="euclidean") for each in (x, y)]
    # The oracle takes roots of eigenvalues that are 0 up to rounding.
    assert procrustes_similarity(x, y) == pytest.approx(compare_bures_similarity(*rdms).item(), abs=1e-5)


@settings(deadline=None, max_examples=40)
@given(examples, features, features, seeds)
def test_they_ignore_rotation_scale_and_translation(n: int, d: int, e: int, seed: int) -> None:
    x, y = related(n, d, e, seed)
    moved = -0.3 * x @ rotation(d, seed) + normal(d)
    for measure, best, worst in ((procrustes_similarity, 1.0, 0.0), (procrustes_distance, 0.0, math.sqrt(2))):
        value = measure(x, y)
        assert min(best, worst) <= value <= max(best, worst)
        assert measure(moved, y) == pytest.approx(value, abs=1e-9)
        assert measure(y, moved) == pytest.approx(value, abs=1e-9)
        assert measure(x, moved) == pytest.approx(best, abs=1e-12)
        assert measure(torch.cat([x, 0 * x], 1), moved) == pytest.approx(best, abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(st.integers(3, 12), st.tuples(features, features, features), seeds)
def test_the_distance_is_a_metric(n: int, sizes: tuple[int, int, int], seed: int) -> None:
    x, y, z = (related(n, 3, each, seed)[1] + normal(n, each, seed=seed + i) for i, each in enumerate(sizes))
    assert procrustes_distance(x, z) <= procrustes_distance(x, y) + procrustes_distance(y, z) + 1e-12


@pytest.mark.parametrize("size", [1e-3, 1e-6, 1e-9, 1e-12])
def test_a_small_distance_is_measured_to_its_own_digits(size: float) -> None:
    """A part moved at a right angle to x within the examples cannot be turned back: the distance is known."""
    u = torch.linalg.qr(normal(10, 3) - normal(10, 3).mean(0)).Q
    x = u[:, :1]
    y = torch.cat([x, size * u[:, 1:2]], 1)
    cosine = 1 / math.sqrt(1 + size**2)
    expected = math.sqrt(2 * (1 - cosine)) if size > 1e-4 else size
    assert procrustes_distance(x, y) == pytest.approx(expected, rel=1e-6)


def test_they_see_a_linear_map_that_is_no_rotation() -> None:
    x = normal(200, 5)
    stretched = x * torch.tensor([1.0, 1.0, 1.0, 1.0, 10.0])
    assert procrustes_similarity(x, stretched) < 0.8
    assert procrustes_distance(x, stretched) > 0.5


def test_a_known_mix() -> None:
    """p of p + q directions of one variance are shared: the cosine is the root of p / (p + q)."""
    basis = torch.linalg.qr(normal(100, 12) - normal(100, 12).mean(0)).Q
    assert procrustes_similarity(basis[:, :3], basis) == pytest.approx(0.5)
    assert procrustes_similarity(basis[:, :6], basis[:, 6:]) == pytest.approx(0, abs=1e-12)
    assert procrustes_distance(basis[:, :6], basis[:, 6:]) == pytest.approx(math.sqrt(2))


def test_a_large_offset_in_float32() -> None:
    x = normal(100, 5)
    assert procrustes_distance((x + 1e4).float(), x) < 1e-3
    assert procrustes_similarity((x + 1e4).float(), x) > 1 - 1e-6


def test_too_few_examples() -> None:
    for measure in (procrustes_distance, procrustes_similarity):
        with pytest.raises(GeometryError, match="at least 2 examples for Procrustes, got 1"):
            measure([[1.0]], [[2.0]])
