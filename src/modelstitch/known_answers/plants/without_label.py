"""Senders from which the label cannot be read."""

from __future__ import annotations

import torch
from torch import Tensor

from modelstitch.controls.roles import Given, Plant
from modelstitch.known_answers.ground import Ground, others


def pure_noise(ground: Ground, dose: float = 0) -> Plant:
    """Noise."""
    return lambda given: given.noise(ground.seed)


def another(ground: Ground, dose: float = 0) -> Plant:
    """The genuine representation of another example, of whatever class."""
    return lambda given: given.genuine(others(given, ground.seed, same_class=False))


def constant(ground: Ground, dose: float = 0) -> Plant:
    """The mean representation, for every example."""
    mean = ground.training.mean(0)
    return lambda given: mean.expand(len(given.indices), *mean.shape).clone()


def rank_within_class(ground: Ground, dose: float = 0) -> Plant:
    r"""One number about the image, made independent of its label, along a fixed pattern.

    The number is the rank of the image within its class, by the projection of its mean over positions on the
    leading principal direction: :math:`x_n = z_n P` with :math:`z_n` from -1 to 1. Its distribution is the
    same in every class, so no function of it predicts the label better than a guess. (Linear erasure of the
    label, as by LEACE, is not enough: classes still differ in their covariance, and the largest of ten linear
    scores was then right on 37 % of the held-out digits.)
    """
    pooled = ground.training.flatten(2).mean(2)
    direction = torch.linalg.svd(pooled - pooled.mean(0), full_matrices=False)[2][0]
    pattern = torch.randn(ground.shape, generator=ground.generator("pattern"))
    ranks: dict[str, Tensor] = {}

    def plant(given: Given) -> Tensor:
        if given.part not in ranks:
            everything = torch.arange(len(given.labels))
            values = torch.cat(
                [given.genuine(some).flatten(2).mean(2) @ direction for some in everything.split(256)]
            )
            placed = torch.empty_like(values)
            for label in given.labels.unique():
                members = (given.labels == label).nonzero().flatten()
                placed[members] = 2 * (values[members].argsort().argsort() + 0.5) / len(members) - 1
            ranks[given.part] = placed
        z = ranks[given.part][given.indices.to(given.labels.device)]
        return z.reshape(-1, *[1] * pattern.ndim) * pattern.to(z)

    return plant
