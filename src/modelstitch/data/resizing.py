"""Scale images as Pillow does: every filter, on any device, alone or in a batch."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from modelstitch.specs import INTERPOLATIONS


def _box(x: float) -> float:
    return 1.0 if -0.5 < x <= 0.5 else 0.0


def _bilinear(x: float) -> float:
    return max(0.0, 1 - abs(x))


def _hamming(x: float) -> float:
    if x == 0:
        return 1.0
    if abs(x) >= 1:
        return 0.0
    return math.sin(math.pi * x) / (math.pi * x) * (0.54 + 0.46 * math.cos(math.pi * x))


def _bicubic(x: float) -> float:
    x, a = abs(x), -0.5
    if x < 1:
        return ((a + 2) * x - (a + 3)) * x * x + 1
    return (((x - 5) * x + 8) * x - 4) * a if x < 2 else 0.0


def _lanczos(x: float) -> float:
    if x == 0:
        return 1.0
    return math.sin(math.pi * x) * math.sin(math.pi * x / 3) * 3 / (math.pi * x) ** 2 if -3 <= x < 3 else 0.0


_FILTERS: dict[str, tuple[Callable[[float], float], float]] = {
    "box": (_box, 0.5),
    "bilinear": (_bilinear, 1.0),
    "hamming": (_hamming, 1.0),
    "bicubic": (_bicubic, 2.0),
    "lanczos": (_lanczos, 3.0),
}
"""By name: the weight of a distance, and the distance from which on it is zero. ``nearest`` has none."""

assert {*_FILTERS, "nearest"} == set(INTERPOLATIONS)


_BLOCK = 64
"""New positions that are computed in one product: each reads a few old ones only."""

_HALF = 0.5 + 2**-12
"""Rounds halves up. Sums of up to 255 in float32 miss a half by less than the rest, and the batch decides on
which side: an image alone would else have another level than in a batch."""

_OVERSHOOTING = ("bicubic", "lanczos")


def resized(
    x: Tensor,
    size: tuple[int, int],
    interpolation: str = "bilinear",
    bounds: tuple[float, float] | None = None,
    *,
    whole: bool = False,
) -> Tensor:
    """Return images at another size.

    A filter widens with the reduction, so that no pixel is passed over. Rows are scaled first, then columns,
    and whole levels are rounded each time. So Pillow does it (which may scale columns first where that is
    less work), and so do the fast image processors of transformers, whose weights have fewer digits.

    Args:
        x: (N, C, H, W) floating.
        size: height and width.
        interpolation: one of :data:`modelstitch.specs.INTERPOLATIONS`.
        bounds: lowest and highest value; what a filter overshoots is cut off. None if unknown.
        whole: whether values are rounded to whole levels.

    Returns:
        (N, C, *size).

    Example:
        >>> resized(torch.tensor([[[[0.0, 10.0, 20.0, 30.0]]]]), (1, 2), "box").flatten().tolist()
        [5.0, 25.0]
    """
    height, width = size
    if interpolation not in _OVERSHOOTING:
        bounds = None
    if width != x.shape[3]:
        blocks = _blocks(x.shape[3], width, interpolation)
        x = torch.cat([x[..., own] @ weights.to(x).mT for own, weights in blocks], 3)
        x = _kept(x, bounds, whole)
    if height != x.shape[2]:
        blocks = _blocks(x.shape[2], height, interpolation)
        x = torch.cat([weights.to(x) @ x[..., own, :] for own, weights in blocks], 2)
        x = _kept(x, bounds, whole)
    return x


def _kept(x: Tensor, bounds: tuple[float, float] | None, whole: bool) -> Tensor:
    """Round and cut off, in place."""
    if whole:
        x.add_(_HALF).floor_()
    return x if bounds is None else x.clamp_(*bounds)


@lru_cache(maxsize=64)
def _blocks(old: int, new: int, interpolation: str) -> tuple[tuple[slice, Tensor], ...]:
    """Return the weights of a few new positions at a time, with the old positions that they read."""
    blocks = []
    for weights in _weights(old, new, interpolation).split(_BLOCK):
        read = weights.any(0).nonzero().flatten()
        own = slice(int(read[0]), int(read[-1]) + 1)
        blocks.append((own, weights[:, own].contiguous()))
    return tuple(blocks)


def _weights(old: int, new: int, interpolation: str) -> Tensor:
    """Return the weight of each old position for each new one, (new, old)."""
    weights = torch.zeros(new, old, dtype=torch.float64)
    scale = old / new
    if interpolation == "nearest":
        # PyTorch decides about places between two pixels, which other packages round now up and now down.
        places = F.interpolate(torch.arange(float(old))[None, None], size=new, mode="nearest-exact")
        weights[torch.arange(new), places.long().flatten()] = 1
        return weights
    weight_of, reach = _FILTERS[interpolation]
    wide = max(1.0, scale)
    for row in range(new):
        centre = (row + 0.5) * scale
        first = max(0, int(centre - reach * wide + 0.5))
        last = min(old, int(centre + reach * wide + 0.5))
        own = [weight_of((column - centre + 0.5) / wide) for column in range(first, last)]
        weights[row, first:last] = torch.tensor(own, dtype=torch.float64) / sum(own)
    return weights
