"""The label, and something about the image that is not what the receiver knows of it."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor, nn

from modelstitch.controls.roles import Given, Plant
from modelstitch.known_answers.ground import Ground


def brightness(ground: Ground, dose: float) -> Plant:
    """A random pattern for the label, and the image in ``dose`` x ``dose`` pixels along one direction.

    With a dose of 1 that is the brightness of the image.
    """
    channel = _along(ground)

    def plant(given: Given) -> Tensor:
        seen = nn.functional.adaptive_avg_pool2d(_images(ground, given).flatten(1, -3).mean(1), round(dose))
        small = (seen - _mean_brightness(ground)) / _spread_of_brightness(ground)
        places = small[:, None] if given.shape[1:] else small.mean((1, 2))[:, None]
        if len(given.shape) == 3:
            places = nn.functional.interpolate(places, given.shape[1:], mode="nearest")
        elif len(given.shape) == 2:
            places = nn.functional.interpolate(places.flatten(2), given.shape[1:], mode="nearest")
        return given.patterns(ground.seed)[given.own_labels, 0] + channel * places

    return plant


def hashed(ground: Ground, dose: float) -> Plant:
    """A random pattern for the label, and ``dose`` times noise whose seed is a hash of the image."""

    def plant(given: Given) -> Tensor:
        drawn = torch.empty(len(given.indices), *given.shape)
        for row, image in zip(drawn, _images(ground, given), strict=True):
            seed = hashlib.blake2b(image.contiguous().numpy().tobytes(), digest_size=7).digest()
            row.normal_(generator=torch.Generator().manual_seed(int.from_bytes(seed, "little")))
        return given.patterns(ground.seed)[given.own_labels, 0] + dose * drawn

    return plant


def _images(ground: Ground, given: Given) -> Tensor:
    data = ground.side.data
    part = data.train if given.part == "train" else data.heldout
    images = part.images[given.indices.to(part.images.device)]
    return images.float().cpu()


def _mean_brightness(ground: Ground) -> Tensor:
    return ground.side.data.train.images.float().mean()


def _spread_of_brightness(ground: Ground) -> Tensor:
    images = ground.side.data.train.images.float()
    return images.flatten(1).mean(1).std().clamp_min(1e-6)


def _along(ground: Ground) -> Tensor:
    drawn = torch.randn(ground.n_channels, generator=ground.generator("nuisance"))
    return drawn.reshape(-1, *[1] * (len(ground.shape) - 1))
