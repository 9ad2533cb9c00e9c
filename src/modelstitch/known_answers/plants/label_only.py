"""Senders that hold the label and nothing else of the example."""

from __future__ import annotations

import torch
from torch import Tensor

from modelstitch.controls.label_only import write_labels
from modelstitch.controls.roles import Given, Plant, mixed
from modelstitch.known_answers.ground import Ground, others


def one_hot(ground: Ground, dose: float = 0) -> Plant:
    """The label, at every position."""
    return lambda given: write_labels(given.own_labels, given.shape, given.n_classes)


def class_mean(ground: Ground, dose: float = 0) -> Plant:
    """The mean representation of the class, and noise of the spread that its members have."""
    means, spread = ground.means, ground.residuals.square().mean(0).sqrt()
    return lambda given: means[given.own_labels] + spread * given.noise(ground.seed)


def clustered(ground: Ground, dose: float = 0) -> Plant:
    """One random pattern a class, and noise."""
    return lambda given: given.patterns(ground.seed)[given.own_labels, 0] + given.noise(ground.seed)


def clustered_several(ground: Ground, dose: float = 0) -> Plant:
    """Four random patterns a class, one of them drawn for each example, and half as much noise."""

    def plant(given: Given) -> Tensor:
        which = [
            mixed(ground.seed, given.cut, f"{given.part} cluster", i) % 4 for i in given.indices.tolist()
        ]
        patterns = given.patterns(ground.seed, per_class=4)
        return patterns[given.own_labels, torch.tensor(which)] + 0.5 * given.noise(ground.seed)

    return plant


def swapped(ground: Ground, dose: float = 0) -> Plant:
    """The genuine representation of another example of the same class."""
    return lambda given: given.genuine(others(given, ground.seed, same_class=True))
