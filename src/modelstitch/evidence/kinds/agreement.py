"""Agreement of the stitched network with receiver and sender beyond accuracy."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from modelstitch.evidence.material import Definition, Material, Measurement
from modelstitch.geometry.intervals import mean_interval, wilson

NAME = "agreement"

_BINS = 15
DEFINITIONS = {
    "agreement_receiver": Definition(
        "share of examples with the receiver's answer", "0 to 1", "higher", "", least=1
    ),
    "agreement_sender": Definition(
        "share of examples with the sender's answer", "0 to 1", "higher", "", least=1
    ),
    "kappa_receiver": Definition(
        "Cohen's kappa of being right and wrong on the same examples as the receiver: agreement beyond "
        "what the two "
        "accuracies give by chance",
        "-1 to 1, 0 by chance",
        "higher",
        "Geirhos et al. 2020, error consistency",
    ),
    "kappa_sender": Definition("the same with the sender", "-1 to 1, 0 by chance", "higher", ""),
    "kl_receiver": Definition(
        "Kullback-Leibler divergence of the stitched network's class probabilities from the "
        "receiver's, in nats",
        "0 and up",
        "lower",
        "",
    ),
    "calibration_error": Definition(
        "mean distance of confidence and accuracy over 15 bins of equal width",
        "0 to 1",
        "lower",
        "Guo et al. 2017",
    ),
    "receiver_calibration_error": Definition("the same of the whole receiver", "0 to 1", "lower", ""),
}


def measure(material: Material) -> list[Measurement]:
    """Measure answers and class probabilities on held-out examples."""
    labels, own, receiver = material.labels, material.outputs, material.receiver_outputs
    measurements: list[Measurement] = []

    def add(name: str, value: float, low: float | None = None, high: float | None = None) -> None:
        measurements.append(
            Measurement(kind=NAME, name=name, where="output", value=value, low=low, high=high, n=material.n)
        )

    answers = own.argmax(1)
    for role, outputs in (("receiver", receiver), ("sender", material.sender_outputs)):
        if outputs is None:
            continue
        same = int((answers == outputs.argmax(1)).sum())
        add(f"agreement_{role}", same / material.n, *wilson(same, material.n))
        add(f"kappa_{role}", kappa(answers == labels, outputs.argmax(1) == labels))
    divergence = F.kl_div(
        own.double().log_softmax(1), receiver.double().log_softmax(1), reduction="none", log_target=True
    ).sum(1)
    add("kl_receiver", *mean_interval(divergence))
    add("calibration_error", calibration_error(own, labels))
    add("receiver_calibration_error", calibration_error(receiver, labels))
    return measurements


def kappa(one: Tensor, other: Tensor) -> float:
    r"""Return Cohen's kappa of two sets of right and wrong answers (n,) in bool.

    .. math:: \frac{c - e}{1 - e}, \quad e = p q + (1 - p)(1 - q)

    NaN where both are always right or always wrong.

    Example:
        >>> kappa(torch.tensor([True, True, False, False]), torch.tensor([True, True, False, False]))
        1.0
    """
    p, q = float(one.double().mean()), float(other.double().mean())
    chance = p * q + (1 - p) * (1 - q)
    same = float((one == other).double().mean())
    return (same - chance) / (1 - chance) if chance < 1 else math.nan


def calibration_error(outputs: Tensor, labels: Tensor) -> float:
    """Return the expected calibration error of class scores (n, K)."""
    confidence, answers = outputs.double().softmax(1).max(1)
    right = (answers == labels).double()
    index = (confidence * _BINS).long().clamp_max(_BINS - 1)
    gaps = torch.zeros(_BINS, dtype=torch.float64, device=outputs.device).index_add_(
        0, index, right - confidence
    )
    return float(gaps.abs().sum()) / len(labels)
