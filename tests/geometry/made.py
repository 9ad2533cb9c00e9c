"""Rows made for the tests."""

from __future__ import annotations

import torch
from torch import Tensor


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def rotation(d: int, seed: int = 0) -> Tensor:
    """A random orthogonal (d, d), a reflection as often as not."""
    q: Tensor = torch.linalg.qr(normal(d, d, seed=seed)).Q
    return q


def correlated(n: int, d: int, seed: int = 0) -> Tensor:
    """Rows with unequal variances and features that depend on each other, off the origin."""
    return normal(n, d, seed=seed) @ normal(d, d, seed=seed + 1000) + normal(d, seed=seed + 2000)


def related(n: int, d: int, e: int, seed: int = 0, noise: float = 1.0) -> tuple[Tensor, Tensor]:
    """Two sets of rows (n, d) and (n, e), the second partly a linear map of the first."""
    x = correlated(n, d, seed)
    return x, x @ normal(d, e, seed=seed + 1) + noise * correlated(n, e, seed + 2)
