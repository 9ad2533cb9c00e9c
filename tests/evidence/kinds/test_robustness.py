"""Scores under changes that are planted, and the changes themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score
from torch import Tensor

from modelstitch.evidence.kinds import robustness
from tests.evidence.kinds.made import by_name, classes, material, normal

LABELS = classes(200, 4)
RIGHT = torch.nn.functional.one_hot(LABELS).float()
EMPTY = torch.zeros(200, 2)


def spoilt(n: int) -> Tensor:
    """Outputs that are wrong on the first ``n`` examples."""
    outputs = RIGHT.clone()
    outputs[:n] = outputs[:n].roll(1, 1)
    return outputs


def test_scores_are_those_of_the_changed_examples() -> None:
    wrong = {"shift_1": (10, 2), "shift_2": (40, 5), "noise_5": (30, 0), "noise_10": (90, 7)}
    given = material(
        LABELS,
        EMPTY,
        is_image=True,
        outputs=spoilt(4),
        receiver_outputs=RIGHT,
        changed=lambda change: tuple(spoilt(n) for n in wrong[change]),
    )
    found = by_name(robustness.measure(given))
    assert set(found) == set(robustness.DEFINITIONS)
    for change, (own, receiver) in (wrong | {"clean": (4, 0)}).items():
        for name, n in ((f"score_{change}", own), (f"receiver_score_{change}", receiver)):
            assert found[name].value == accuracy_score(LABELS, spoilt(n).argmax(1))
            interval = binomtest(200 - n, 200).proportion_ci(method="wilson")
            assert (found[name].low, found[name].high) == pytest.approx(
                (interval.low, interval.high), abs=1e-4
            )


def test_what_is_no_image_is_not_shifted() -> None:
    found = by_name(robustness.measure(material(LABELS, EMPTY, is_image=False)))
    assert "score_noise_5" in found
    assert not any("shift" in name for name in found)


def test_a_shift_repeats_the_edge() -> None:
    images = normal(2, 3, 6, 5)
    padded = np.pad(images.numpy(), ((0, 0), (0, 0), (2, 0), (2, 0)), mode="edge")[:, :, :6, :5]
    assert np.array_equal(robustness.shift(images, 2).numpy(), padded)


def test_noise_has_the_size_that_it_says() -> None:
    grey = torch.full((50, 3, 20, 20), 128, dtype=torch.uint8)
    noise = robustness.add_noise(grey, 0.1).float() - 128
    assert float(noise.std()) == pytest.approx(25.5, rel=0.02)
    vectors = 7 * normal(500, 40)
    assert float((robustness.add_noise(vectors, 0.05) - vectors).std()) == pytest.approx(0.35, rel=0.02)


def test_a_share_of_tokens_is_replaced_by_those_of_other_examples() -> None:
    tokens = torch.arange(400)[:, None] * 1000 + torch.arange(50)
    changed = robustness.replace_tokens(tokens, 0.1)
    assert float((changed != tokens).float().mean()) == pytest.approx(0.1, abs=0.01)
    assert torch.equal(changed % 1000, tokens % 1000)


@pytest.mark.parametrize(("factor", "shift"), [(1, 0), (1.1, -0.05), (255, 0), (4, -2), (2, -1)])
def test_noise_is_a_share_of_the_scale_that_images_have(factor: float, shift: float) -> None:
    x = factor * torch.rand(50, 1, 20, 20, generator=torch.Generator().manual_seed(1)) + shift
    x[0, 0, 0, :2] = torch.tensor([shift, factor + shift])
    added = robustness.add_noise(x, 0.1) - x
    width = 1 if (factor, shift) == (1.1, -0.05) else factor
    assert added.std().item() == pytest.approx(0.1 * width, rel=0.02)
