"""Measures of channels averaged over positions, against scipy and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr
from sklearn.feature_selection import mutual_info_regression
from sklearn.metrics.pairwise import paired_cosine_distances
from torch import Tensor

from modelstitch.evidence.kinds import geometry_pooled
from tests.evidence.kinds.made import by_name, classes, material, normal, values

LABELS = classes(150, 3)
PROVIDED = normal(150, 4, 3, 3)
EXPECTED = PROVIDED.flip(1) + 0.7 * normal(150, 4, 3, 3, seed=1)


def measured(provided: Tensor, expected: Tensor) -> dict[str, float]:
    return values(geometry_pooled.measure(material(LABELS, expected, provided=provided)))


def test_they_are_those_of_scipy_and_scikit_learn() -> None:
    found = measured(PROVIDED, EXPECTED)
    assert set(found) == set(geometry_pooled.DEFINITIONS)
    x, y = (rows.double().numpy().mean((2, 3)) for rows in (PROVIDED, EXPECTED))
    assert found["rsa"] == pytest.approx(spearmanr(pdist(x), pdist(y)).statistic, abs=1e-5)
    correlation = spearmanr(pdist(x, "correlation"), pdist(y, "correlation")).statistic
    assert found["rsa_correlation"] == pytest.approx(correlation, abs=1e-5)
    cosines = np.cos(subspace_angles(x - x.mean(0), y - y.mean(0)))
    assert found["svcca"] == pytest.approx(cosines.mean(), abs=1e-5)
    assert min(cosines) < found["pwcca"] < max(cosines)
    assert found["cosine"] == pytest.approx(1 - paired_cosine_distances(x, y).mean(), abs=1e-5)


def test_mutual_information_of_single_channels_is_that_of_scikit_learn_and_of_the_formula() -> None:
    labels, x = classes(1000, 2), normal(1000, 1)
    y = 0.8 * x + 0.6 * normal(1000, 1, seed=1)
    found = values(geometry_pooled.measure(material(labels, y, provided=x)))
    (expected,) = mutual_info_regression(x.numpy(), y.numpy()[:, 0], n_neighbors=3, random_state=0)
    assert found["mutual_information"] == pytest.approx(expected, abs=0.03)
    assert found["mutual_information"] == pytest.approx(-0.5 * math.log(1 - 0.8**2), abs=0.12)


def test_channels_and_ranks_are_counted_and_thin_data_are_named() -> None:
    provided = normal(150, 2) @ normal(2, 6, seed=1)
    found = measured(provided, normal(150, 40, seed=2))
    assert (found["features_provided"], found["features_expected"]) == (6, 40)
    assert (found["rank_provided"], found["rank_expected"]) == (2, 40)
    assert "cosine" not in found  # channels differ in number
    assert found["svcca_thin"] == 1
    assert found["rsa_thin"] == 0
    assert measured(PROVIDED, EXPECTED)["svcca_thin"] == 0


def test_positions_are_averaged_and_the_null_is_chance() -> None:
    shuffled = PROVIDED.flatten(2).flip(2)
    found = by_name(geometry_pooled.measure(material(LABELS, shuffled, provided=PROVIDED)))
    for name in ("svcca", "pwcca", "rsa", "rsa_correlation", "cosine"):
        assert found[name].value == pytest.approx(1, abs=1e-5)
        assert found[f"{name}_null"].value < 0.4
    assert abs(found["rsa_null"].value) < 0.1


def test_what_the_data_do_not_allow_is_left_out() -> None:
    repeated = measured(PROVIDED[:10].repeat(15, 1, 1, 1), EXPECTED[:10].repeat(15, 1, 1, 1))
    assert "mutual_information" not in repeated
    assert "rsa_correlation" in repeated
    dead = PROVIDED.clone()
    dead[3] = 0  # an example without any activity has no pattern over channels
    assert "rsa_correlation" not in measured(dead, EXPECTED)
    assert measured(dead, EXPECTED)["rsa"] == pytest.approx(measured(PROVIDED, EXPECTED)["rsa"], abs=0.05)
