"""Stitched against genuine representations: scores of scikit-learn, and planted differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.covariance import LedoitWolf
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from modelstitch.evidence.kinds import distribution
from modelstitch.evidence.kinds.distribution import GenuineModel, auroc, summarise
from tests.evidence.kinds.made import classes, material, normal, values

LABELS = classes(300, 3)
MIXING = normal(6, 6, seed=9)


def genuine(seed: int) -> Tensor:
    """Draws (300, 6) of one population: correlated, with a mean for each class."""
    return (normal(300, 6, seed=seed) + 2 * normal(3, 6, seed=8)[LABELS]) @ MIXING


def measured(stitched: Tensor) -> dict[str, float]:
    given = material(LABELS, genuine(3), stitched, genuine=summarise(genuine(0), LABELS))
    found = values(distribution.measure(given))
    assert set(found) == set(distribution.DEFINITIONS)
    return found


@pytest.mark.parametrize("decimals", [0, 8])
def test_the_area_is_that_of_scikit_learn_ties_included(decimals: int) -> None:
    low, high = (
        normal(80, seed=0).round(decimals=decimals),
        (normal(50, seed=1) + 0.5).round(decimals=decimals),
    )
    value, lower, upper = auroc(low, high)
    truth = np.r_[np.zeros(80), np.ones(50)]
    assert value == pytest.approx(roc_auc_score(truth, torch.cat([low, high]).numpy()), abs=1e-12)
    assert lower < value < upper


def test_intervals_of_the_area_cover_the_truth() -> None:
    truth = 0.5 * (1 + math.erf(0.5))  # P(h > l) of normals one standard deviation apart
    draws = [auroc(normal(60, seed=s), normal(60, seed=s + 500) + 1) for s in range(200)]
    assert 0.9 < np.mean([low < truth < high for _, low, high in draws]) < 0.99


def test_distances_are_those_of_scikit_learn() -> None:
    train, held_out = genuine(0), genuine(1)
    tests = GenuineModel(summarise(train, LABELS))
    scores = tests.scores(summarise(held_out, LABELS))
    x, y = (rows.double().numpy() / train.double().numpy().std(0, ddof=1) for rows in (train, held_out))
    whole = LedoitWolf().fit(x)
    assert scores["mahalanobis"].numpy() == pytest.approx(whole.mahalanobis(y), rel=1e-3)
    means = np.stack([x[label == LABELS].mean(0) for label in range(3)])
    within = LedoitWolf(assume_centered=True).fit(x - means[LABELS])
    assert scores["class_mahalanobis"].numpy() == pytest.approx(
        within.mahalanobis(y - means[LABELS]), rel=1e-3
    )
    neighbours = NearestNeighbors(n_neighbors=5).fit(x)
    usual = np.median(neighbours.kneighbors()[0][:, -1])
    assert scores["neighbour_ratio"].numpy() == pytest.approx(
        neighbours.kneighbors(y)[0][:, -1] / usual, rel=1e-3
    )


def test_another_draw_of_the_same_population_cannot_be_told() -> None:
    assert all(abs(value - 0.5) < 0.12 for value in measured(genuine(2)).values())


def test_each_test_sees_the_difference_that_is_planted_for_it() -> None:
    found = measured(genuine(2) + 8 * MIXING[0])
    assert found["mahalanobis_auroc"] > 0.95
    assert found["neighbour_ratio_auroc"] > 0.95
    other_class = measured(genuine(2).roll(100, 0))
    assert other_class["class_mahalanobis_auroc"] > 0.9
    assert abs(other_class["mahalanobis_auroc"] - 0.5) < 0.12
    assert measured(20 * genuine(2))["size_auroc"] > 0.99
    assert measured(genuine(2).relu())["sparsity_auroc"] > 0.99
    assert abs(found["mahalanobis_auroc_genuine"] - 0.5) < 0.12


def test_features_of_a_map_are_mean_and_deviation_of_its_channels() -> None:
    x = normal(7, 3, 4, 5)
    expected = np.concatenate([x.numpy().mean((2, 3)), x.numpy().std((2, 3))], 1)
    assert distribution.features(x).numpy() == pytest.approx(expected, abs=1e-6)
