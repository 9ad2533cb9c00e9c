"""The receiver's own representation, through maps that an affine stitch can undo."""

from __future__ import annotations

import torch
from torch import Tensor

from modelstitch.controls.roles import Given, Plant
from modelstitch.known_answers.ground import Ground, mixed_channels


def itself(ground: Ground, dose: float = 0) -> Plant:
    """The receiver's own representation."""
    return lambda given: given.genuine(given.indices)


def permutation(ground: Ground, dose: float = 0) -> Plant:
    """Its channels in another order."""
    order = torch.randperm(ground.n_channels, generator=ground.generator("order"))
    return lambda given: given.genuine(given.indices)[:, order]


def rotation(ground: Ground, dose: float = 0) -> Plant:
    """Its channels rotated."""
    drawn = torch.randn(ground.n_channels, ground.n_channels, generator=ground.generator("rotation"))
    matrix: Tensor = torch.linalg.qr(drawn).Q
    return lambda given: mixed_channels(given.genuine(given.indices), matrix)


def rescaling(ground: Ground, dose: float = 0) -> Plant:
    """Its channels rescaled, by factors from 1/10 to 10."""
    scale = 10 ** (2 * torch.rand(ground.n_channels, generator=ground.generator("scale")) - 1)
    return lambda given: mixed_channels(given.genuine(given.indices), torch.diag(scale))


def mixing(ground: Ground, dose: float = 0) -> Plant:
    """Its channels mixed by a full-rank matrix whose singular values lie between 1/5 and 5, and moved."""
    generator = ground.generator("mixing")
    n = ground.n_channels
    left, _ = torch.linalg.qr(torch.randn(n, n, generator=generator))
    right, _ = torch.linalg.qr(torch.randn(n, n, generator=generator))
    values = 5 ** (2 * torch.rand(n, generator=generator) - 1)
    offset = torch.randn(n, generator=generator)
    matrix = (left * values) @ right

    def plant(given: Given) -> Tensor:
        x = mixed_channels(given.genuine(given.indices), matrix)
        return x + offset.to(x).reshape(-1, *[1] * (x.ndim - 2))

    return plant
