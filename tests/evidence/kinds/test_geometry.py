"""Provided against expected: the public measures, scikit-learn and scipy, and planted representations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import orthogonal_procrustes
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from modelstitch import geometry as public
from modelstitch.evidence.kinds import geometry
from tests.evidence.kinds.made import by_name, classes, material, normal, residuals, u_centred_cka, values

LABELS = classes(240, 3)
PROVIDED = normal(240, 2, 3, 2) + 4
EXPECTED = (PROVIDED.flatten(1) @ normal(12, 7, seed=1) + 2 * normal(240, 7, seed=2)).reshape(240, 7, 1)


def measured(provided: Tensor, expected: Tensor) -> dict[str, float]:
    found = values(geometry.measure(material(LABELS, expected, provided=provided)))
    assert set(found) == set(geometry.DEFINITIONS)
    return found


def test_they_are_what_other_formulas_say() -> None:
    found = measured(PROVIDED, EXPECTED)
    x, y = (rows.flatten(1).double().numpy() for rows in (PROVIDED, EXPECTED))
    assert found["cka"] == pytest.approx(u_centred_cka(x, y), abs=1e-5)
    within = u_centred_cka(residuals(PROVIDED, LABELS), residuals(EXPECTED, LABELS), LABELS)
    assert found["within_cka"] == pytest.approx(within, abs=1e-5)
    a, b = x - x.mean(0), y - y.mean(0)
    wide = np.pad(b, ((0, 0), (0, a.shape[1] - b.shape[1])))
    rotation, _ = orthogonal_procrustes(a, wide)
    cosine = ((a @ rotation) * wide).sum() / ((a**2).sum() * (b**2).sum()) ** 0.5
    assert found["procrustes"] == pytest.approx(cosine, abs=1e-4)  # products of float32 rows
    near = [
        NearestNeighbors(n_neighbors=10, metric="cosine", algorithm="brute").fit(rows).kneighbors()[1]
        for rows in (x, y)
    ]
    shared = np.mean([len(set(one) & set(other)) / 10 for one, other in zip(*near, strict=True)])
    assert found["mutual_knn"] == pytest.approx(shared, abs=2e-3)  # products of float32 rows


def test_the_linear_map_is_scored_on_examples_that_it_was_not_fitted_to() -> None:
    found = measured(PROVIDED, EXPECTED)
    order = torch.randperm(240, generator=torch.Generator().manual_seed(0)).numpy()
    x, y = (rows.flatten(1).double().numpy()[order] for rows in (PROVIDED, EXPECTED))
    error = whole = 0.0
    for fold in range(5):
        held_out = np.arange(240) % 5 == fold
        guess = LinearRegression().fit(x[~held_out], y[~held_out]).predict(x[held_out])
        error += ((y[held_out] - guess) ** 2).sum()
        whole += ((y[held_out] - y[~held_out].mean(0)) ** 2).sum()
    assert found["linear_r2"] == pytest.approx(1 - error / whole, abs=0.01)
    assert found["linear_r2"] == pytest.approx(public.linear_r2(x, y), abs=1e-5)


def test_the_null_is_chance_and_a_rotation_is_the_same_representation() -> None:
    rotation = torch.linalg.qr(normal(12, 12, seed=3)).Q
    found = measured(PROVIDED, PROVIDED.flatten(1) @ rotation)
    for name in ("cka", "within_cka", "procrustes", "mutual_knn", "linear_r2"):
        assert found[name] == pytest.approx(1, abs=1e-2)
    assert abs(found["cka_null"]) < 0.05
    assert found["mutual_knn_null"] == pytest.approx(10 / 239, abs=0.02)
    assert -0.2 < found["linear_r2_null"] < 0.02
    assert found["procrustes_null"] < 0.5


def test_independent_representations_are_not_alike_and_the_interval_says_so() -> None:
    found = by_name(geometry.measure(material(LABELS, normal(240, 9, seed=4), provided=PROVIDED)))
    for name in ("cka", "within_cka"):
        low, high = found[name].low, found[name].high
        assert low is not None
        assert high is not None
        assert low < 0 < high
    assert abs(found["linear_r2"].value) < 0.1


def test_a_constant_side_has_no_number() -> None:
    found = measured(torch.ones(240, 5), EXPECTED)
    assert all(np.isnan(value) for value in found.values())
