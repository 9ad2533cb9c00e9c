"""Two small untrained networks, and a task that a linear map solves."""

from __future__ import annotations

import torch
from torch import nn

from modelstitch.data.from_arrays import data_from
from modelstitch.data.parts import Data
from modelstitch.models.seeding import seeded


def separable(n: int = 600) -> Data:
    """Three classes of vectors that a linear map of their first three numbers tells apart."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, 6, generator=generator)
    labels = torch.arange(n) % 3
    x[torch.arange(n), labels] += 6
    return data_from(x, labels)


def mlp(seed: int) -> nn.Module:
    with seeded(seed):
        return nn.Sequential(
            nn.Sequential(nn.Linear(6, 12), nn.ReLU()),
            nn.Sequential(nn.Linear(12, 12), nn.ReLU()),
            nn.Linear(12, 3),
        ).eval()
