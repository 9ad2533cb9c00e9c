"""The receiver's own representation with noise that no stitch, or any stitch, can take away."""

from __future__ import annotations

import torch
from torch import Tensor

from modelstitch.controls.roles import Given, Plant
from modelstitch.known_answers.ground import Ground, mixed_channels


def added_noise(ground: Ground, dose: float) -> Plant:
    """Add noise of ``dose`` standard deviations of each channel, new at every position."""
    scale = dose * ground.spread
    return lambda given: given.genuine(given.indices) + scale * given.noise(ground.seed)


def garbage(ground: Ground, dose: float) -> Plant:
    """Replace what varies least by noise of ``dose`` standard deviations of what varies most, and mix all.

    It is an eighth of the directions of the channels within classes. An affine stitch can leave it out.
    """
    variances, directions = ground.channel_directions
    least = directions[:, -max(1, ground.n_channels // 8) :]
    keep = torch.eye(ground.n_channels) - least @ least.T
    drawn = torch.randn(ground.n_channels, ground.n_channels, generator=ground.generator("garbage"))
    rotation = torch.linalg.qr(drawn).Q
    strewn = rotation @ (dose * variances[0].sqrt() * (least @ least.T))

    def plant(given: Given) -> Tensor:
        own = mixed_channels(given.genuine(given.indices), rotation @ keep)
        return own + mixed_channels(given.noise(ground.seed), strewn)

    return plant
