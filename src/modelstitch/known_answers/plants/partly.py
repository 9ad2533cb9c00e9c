"""The receiver's own representation with a part of it lost: mixed with another, deleted, or rounded."""

from __future__ import annotations

import torch
from torch import Tensor

from modelstitch.controls.roles import Given, Plant
from modelstitch.known_answers.ground import Ground, others


def mixed_with_another(ground: Ground, dose: float) -> Plant:
    """Mix it with that of another image of whatever class; ``dose`` is the other one's weight."""

    def plant(given: Given) -> Tensor:
        other = given.genuine(others(given, ground.seed, same_class=False))
        mixture: Tensor = (1 - dose) * given.genuine(given.indices) + dose * other
        return mixture

    return plant


def channels_deleted(ground: Ground, dose: float) -> Plant:
    """Set a share ``dose`` of its channels to 0, at least one and not all of them."""
    n = ground.n_channels
    order = torch.randperm(n, generator=ground.generator("deleted"))
    kept = torch.ones(n)
    kept[order[: min(n - 1, max(1, round(dose * n)))]] = 0
    mask = kept.reshape(-1, *[1] * (len(ground.shape) - 1))
    return lambda given: given.genuine(given.indices) * mask


def coarse(ground: Ground, dose: float) -> Plant:
    """Round it to steps of ``dose`` standard deviations of each channel."""
    step = dose * ground.spread.clamp_min(1e-6)
    return lambda given: (given.genuine(given.indices) / step).round() * step
