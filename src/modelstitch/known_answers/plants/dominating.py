"""A receiver whose variance is that of one number which its later layers do not read, and its senders."""

from __future__ import annotations

import torch
from torch import Tensor

from modelstitch.controls.roles import Given, Plant
from modelstitch.grid.side import Side
from modelstitch.known_answers.altered import altered
from modelstitch.known_answers.ground import Ground, mixed_channels


def dominated(ground: Ground, dose: float) -> Side:
    """Return a receiver that writes one number over the direction of its channels that varies least.

    The number is the mean over positions of the direction in the middle of their order: the first one would
    tell much of the others. Its variance is ``dose`` times that of everything else. The later layers read
    what is left without the number.
    """
    variances, directions = ground.channel_directions
    middle, last = directions[:, ground.n_channels // 2], directions[:, -1]
    without = torch.eye(ground.n_channels) - torch.outer(last, last)
    numbers = _number(ground.residuals, middle)
    scale = (dose * variances.sum()).sqrt() / numbers.std().clamp_min(1e-12)

    def write(x: Tensor) -> Tensor:
        number = scale * _number(x, middle.to(x))
        written = number.reshape(-1, *[1] * (x.ndim - 1)) * last.to(x).reshape(-1, *[1] * (x.ndim - 2))
        return mixed_channels(x, without) + written

    return altered(ground.side, ground.cut, write, lambda x: mixed_channels(x, without))


def label_and_number(ground: Ground, dose: float) -> Plant:
    """The mean of the class, and the number of the example; ``ground`` is that of the altered receiver."""
    means, last = ground.means, ground.channel_directions[1][:, 0]

    def plant(given: Given) -> Tensor:
        mean = means[given.own_labels]
        return mean + mixed_channels(given.genuine(given.indices) - mean, torch.outer(last, last))

    return plant


def _number(x: Tensor, direction: Tensor) -> Tensor:
    """Return the mean over positions of a direction of the channels, (N,)."""
    pooled = x.flatten(2).mean(2) if x.ndim > 2 else x
    number: Tensor = pooled @ direction
    return number
