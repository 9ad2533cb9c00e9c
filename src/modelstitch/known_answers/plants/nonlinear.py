"""The receiver's own representation, through maps that can be undone, but not by an affine stitch."""

from __future__ import annotations

import torch
from torch import Tensor

from modelstitch.controls.roles import Given, Plant
from modelstitch.known_answers.ground import Ground, mixed_channels


def signed_root(ground: Ground, dose: float) -> Plant:
    r"""Raise each value to a power: :math:`\mathrm{sign}(x) |x|^p` with ``dose`` for p."""

    def plant(given: Given) -> Tensor:
        x = given.genuine(given.indices)
        powered: Tensor = x.sign() * x.abs() ** dose
        return powered

    return plant


def coupling(ground: Ground, dose: float) -> Plant:
    """Add to the second half of the channels ``dose`` times a network's function of the first half.

    Source: Dinh et al. 2015, arXiv 1410.8516 (the coupling layer).
    """
    n, half = ground.n_channels, ground.n_channels // 2
    generator = ground.generator("coupling")
    centre = ground.training.mean((0, *range(2, ground.training.ndim)))
    spread = ground.spread.flatten().clamp_min(1e-6)
    inner = 3 * torch.randn(n, half, generator=generator) / half**0.5
    outer = torch.randn(n - half, n, generator=generator) / n**0.5

    def plant(given: Given) -> Tensor:
        x = given.genuine(given.indices)
        wide = [1] * (x.ndim - 2)
        first = (x[:, :half] - centre[:half].reshape(-1, *wide)) / spread[:half].reshape(-1, *wide)
        moved = mixed_channels(torch.sin(mixed_channels(first, inner)), outer)
        moved = dose * 2**0.5 * moved * spread[half:].reshape(-1, *wide)
        return torch.cat([x[:, :half], x[:, half:] + moved], 1)

    return plant
