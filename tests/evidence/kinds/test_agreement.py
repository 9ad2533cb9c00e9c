"""Agreement against scikit-learn and scipy, and on planted answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import entropy
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, cohen_kappa_score
from torch import Tensor

from modelstitch.evidence.kinds import agreement
from tests.evidence.kinds.made import by_name, classes, material, normal, values

LABELS = classes(300, 3)
EMPTY = torch.zeros(300, 2)


def scores(seed: int, strength: float = 1.5) -> Tensor:
    """Class scores that know something of the label."""
    return strength * torch.nn.functional.one_hot(LABELS).float() + normal(300, 3, seed=seed)


def expected_calibration_error(outputs: Tensor) -> float:
    probabilities = softmax(outputs.double().numpy(), axis=1)
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == LABELS.numpy()
    accuracy, mean = calibration_curve(right, confidence, n_bins=15)
    counts, _ = np.histogram(confidence, np.linspace(0, 1, 16))
    return float((np.abs(accuracy - mean) * counts[counts > 0]).sum() / len(confidence))


def test_they_are_those_of_scikit_learn_and_scipy() -> None:
    own, receiver, sender = scores(0), scores(1), scores(2)
    found = values(
        agreement.measure(
            material(LABELS, EMPTY, outputs=own, receiver_outputs=receiver, sender_outputs=sender)
        )
    )
    assert set(found) == set(agreement.DEFINITIONS)
    answers = {
        name: x.argmax(1).numpy() for name, x in (("own", own), ("receiver", receiver), ("sender", sender))
    }
    labels = LABELS.numpy()
    for role in ("receiver", "sender"):
        assert found[f"agreement_{role}"] == accuracy_score(answers[role], answers["own"])
        kappa = cohen_kappa_score(answers["own"] == labels, answers[role] == labels)
        assert found[f"kappa_{role}"] == pytest.approx(kappa, abs=1e-12)
    p, q = (softmax(x.double().numpy(), axis=1) for x in (own, receiver))
    assert found["kl_receiver"] == pytest.approx(entropy(q, p, axis=1).mean(), rel=1e-9)
    assert found["calibration_error"] == pytest.approx(expected_calibration_error(own), abs=1e-9)
    assert found["receiver_calibration_error"] == pytest.approx(
        expected_calibration_error(receiver), abs=1e-9
    )


def test_the_receiver_itself_agrees_in_all() -> None:
    own = scores(0)
    found = by_name(agreement.measure(material(LABELS, EMPTY, outputs=own, receiver_outputs=own)))
    assert "agreement_sender" not in found
    assert found["agreement_receiver"].value == found["kappa_receiver"].value == 1
    assert found["kl_receiver"].value == pytest.approx(0, abs=1e-12)


def test_errors_on_other_examples_are_no_more_than_chance() -> None:
    kappas = [agreement.kappa(normal(400, seed=s) > 0.5, normal(400, seed=s + 100) > 0.5) for s in range(40)]
    assert abs(float(np.mean(kappas))) < 4 * float(np.std(kappas)) / 40**0.5
    assert math.isnan(agreement.kappa(torch.ones(5, dtype=torch.bool), torch.ones(5, dtype=torch.bool)))


def test_certainty_that_is_always_wrong_is_not_calibrated() -> None:
    wrong = 100 * torch.nn.functional.one_hot((LABELS + 1) % 3).float()
    assert agreement.calibration_error(wrong, LABELS) == pytest.approx(1)
    assert agreement.calibration_error(-wrong.new_zeros(300, 3), LABELS) == pytest.approx(0, abs=1e-6)
