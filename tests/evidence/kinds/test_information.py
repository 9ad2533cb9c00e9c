"""What of the input survives, where it is planted; the linear read-out against scikit-learn."""

from __future__ import annotations

import pytest
import torch
from sklearn.linear_model import RidgeCV
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.model_selection import KFold, cross_val_predict
from torch import Tensor

from modelstitch.evidence.kinds import information
from modelstitch.evidence.residuals import Rows
from tests.evidence.kinds.made import classes, material, normal, residuals, values

LABELS = classes(400, 4)
PIXELS = normal(400, 1, 4, 4)


def measured(stitched: Tensor, expected: Tensor, moved: Tensor | None = None) -> dict[str, float]:
    moved = expected if moved is None else moved
    found = values(
        information.measure(material(LABELS, expected, stitched, pixels=PIXELS, moved=Rows(moved, LABELS)))
    )
    assert set(found) == set(information.DEFINITIONS)
    return found


def by_scikit_learn(x: Tensor) -> float:
    rows, target = x.double().numpy(), PIXELS.flatten(1).double().numpy()
    guesses = cross_val_predict(
        RidgeCV([1e-3, 1, 30, 1e3, 1e5]), rows, target, cv=KFold(5, shuffle=True, random_state=0)
    )
    return float(1 - ((target - guesses) ** 2).sum() / ((target - target.mean(0)) ** 2).sum())


def test_the_read_out_is_that_of_scikit_learn_up_to_the_choice_of_folds() -> None:
    x = PIXELS.flatten(1) @ normal(16, 20, seed=1) + 2 * normal(400, 20, seed=2)
    found = measured(x, normal(400, 20, seed=3))
    assert 0.2 < found["pixels_r2"] < 0.9
    assert found["pixels_r2"] == pytest.approx(by_scikit_learn(x), abs=0.01)
    assert found["pixels_r2_expected"] == pytest.approx(by_scikit_learn(normal(400, 20, seed=3)), abs=0.02)


def test_pixels_that_are_there_are_read_and_others_are_not() -> None:
    half = PIXELS.flatten(1) * (torch.arange(16) < 8)
    found = measured(PIXELS.flatten(1) @ normal(16, 16, seed=1), half)
    assert found["pixels_r2"] > 0.999
    assert found["pixels_r2_expected"] == pytest.approx(0.5, abs=0.05)  # half of 16 independent pixels


def test_retrieval_by_cosine_within_the_class() -> None:
    expected = normal(400, 30)
    stitched, moved = expected + 1.5 * normal(400, 30, seed=1), expected + 0.1 * normal(400, 30, seed=2)
    found = measured(stitched, expected, moved)
    x, y = residuals(stitched, LABELS), residuals(expected, LABELS)
    hits = 0
    for label in range(4):
        members = LABELS.eq(label).numpy()
        hits += int((cosine_similarity(x[members], y[members]).argmax(1) == range(100)).sum())
    assert found["retrieval"] == hits / 400
    assert found["retrieval_moved"] == 1
    assert found["retrieval_chance"] == pytest.approx(0.01)


def test_the_label_alone_retrieves_by_chance() -> None:
    stitched = torch.nn.functional.one_hot(LABELS).float() + 1e-3 * normal(400, 4, seed=1)
    assert measured(stitched, normal(400, 4))["retrieval"] < 0.04
