"""Near copies of images: the same picture saved again, a little lighter, sharper or more compressed.

Two images are near copies where the correlation of their pixels, over all channels, is at least .995. Let v
be an image less its mean, of length 1: the correlation is the inner product of two of them. An image is
described by the mean of v in each of 8 x 8 fields and channel, times the root of the field's size, and by the
length of what is left of v in each field. By the inequality of Cauchy and Schwarz, field by field, the inner
product of two descriptions is never less than the correlation. So one product of all descriptions leaves out
pairs, and none that are near copies; those that remain are compared at full size.

For N and M images of D values the work is O((N + M) D) for the descriptions, O(N M d) for their product,
d = 64 (channels + 1), and O(D) for each pair that remains. The memory is that of the M descriptions and of a
few tiles.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

LEAST_CORRELATION = 0.995
LEAST_SIDE = 32
"""Pixels of the shorter side: smaller images of different things are alike without being copies."""

_FIELDS = 8
_ROUNDING = 1e-3
"""Of a product in float32, also where the caller lets a GPU round it to fewer digits."""

_TILE = 2048
_VALUES_AT_ONCE = 2**22
_DENSE = 1 / 32
"""Share of the pairs of a tile from which a product at full size is faster than a comparison pair by pair."""


def can_be_asked(images: Tensor) -> bool:
    """Tell whether examples are images that are large enough."""
    return images.ndim == 4 and images.dtype != torch.int64 and min(images.shape[2:]) >= LEAST_SIDE


def near_copies(
    images: Tensor, others: Tensor, labels: Tensor, other_labels: Tensor
) -> tuple[Tensor, Tensor]:
    """Return which images have a near copy among others, and which have one of another label.

    Args:
        images: (M, C, H, W), uint8 or floating.
        others: (N, C, H, W).
        labels: (M,) whole numbers.
        other_labels: (N,) whole numbers.

    Returns:
        Two of (M,) in bool.

    Example:
        >>> some = torch.rand(3, 1, 32, 32, generator=torch.Generator().manual_seed(0))
        >>> near, _ = near_copies(some[:2], 0.5 * some[1:], torch.zeros(2), torch.zeros(2))
        >>> near.tolist()
        [False, True]
    """
    device = images.device
    found = torch.zeros(len(images), dtype=torch.bool, device=device)
    of_other_label = torch.zeros(len(images), dtype=torch.bool, device=device)
    mine = _described(images)
    for their_rows in torch.arange(len(others), device=device).split(_TILE):
        theirs = _described(others[their_rows])
        for my_rows in torch.arange(len(images), device=device).split(_TILE):
            bounds = mine[my_rows] @ theirs.T
            same_label = labels[my_rows][:, None] == other_labels[their_rows]
            # A pair says something new where its image has no copy yet, or none of another label.
            new = torch.where(same_label, ~found[my_rows][:, None], ~of_other_label[my_rows][:, None])
            rows, columns = ((bounds >= LEAST_CORRELATION - _ROUNDING) & new).nonzero(as_tuple=True)
            if len(rows) > _DENSE * bounds.numel():
                rows, columns = _near_in_tile(images[my_rows], others[their_rows])
            elif len(rows):
                near = _near_pairs(images, others, my_rows[rows], their_rows[columns])
                rows, columns = rows[near], columns[near]
            found[my_rows[rows]] = True
            of_other_label[my_rows[rows[~same_label[rows, columns]]]] = True
    return found, of_other_label


def _at_once(images: Tensor) -> int:
    return max(1, _VALUES_AT_ONCE // max(1, images[:1].numel()))


def _normalised(images: Tensor) -> Tensor:
    """Return images (n, C, H, W) less their mean, of length 1; zeros where all pixels are equal."""
    x = images.float()
    x = x - x.mean((1, 2, 3), keepdim=True)
    length = x.flatten(1).norm(dim=1)
    level = images.float().abs().amax((1, 2, 3)) * x[:1].numel() ** 0.5
    scale = torch.where(length > 1e-6 * level, 1 / length.clamp_min(1e-30), 0.0)
    return x * scale[:, None, None, None]


def _described(images: Tensor) -> Tensor:
    """Return the descriptions (n, 64 (C + 1)) of images."""
    return torch.cat([_describe(_normalised(some)) for some in images.split(_at_once(images))])


def _describe(v: Tensor) -> Tensor:
    n, _, height, width = v.shape
    sides = (height // _FIELDS, width // _FIELDS)
    area = sides[0] * sides[1]
    # Rows and columns that fill no field count as fields of their own, by their length alone.
    inner = v[:, :, : sides[0] * _FIELDS, : sides[1] * _FIELDS]
    means = F.avg_pool2d(inner, sides) * area**0.5
    squares = F.avg_pool2d(inner.square().sum(1, keepdim=True), sides) * area
    left = (squares[:, 0] - means.square().sum(1)).clamp_min(0).sqrt()
    outside = (v.square().sum((1, 2, 3)) - inner.square().sum((1, 2, 3))).clamp_min(0).sqrt()
    return torch.cat([means.reshape(n, -1), left.reshape(n, -1), outside[:, None]], 1)


def _near_pairs(images: Tensor, others: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return which pairs of an image and another one are near copies."""
    return torch.cat(
        [
            (_normalised(images[some]) * _normalised(others[same])).sum((1, 2, 3)) >= LEAST_CORRELATION
            for some, same in zip(rows.split(_at_once(images)), columns.split(_at_once(images)), strict=True)
        ]
    )


def _near_in_tile(images: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Return rows and columns of all near copies, by products at full size."""
    size = _at_once(images)
    found = []
    for top, some in zip(range(0, len(images), size), images.split(size), strict=True):
        mine = _normalised(some).flatten(1)
        for left, same in zip(range(0, len(others), size), others.split(size), strict=True):
            near = (mine @ _normalised(same).flatten(1).T >= LEAST_CORRELATION).nonzero()
            found.append(near + near.new_tensor([top, left]))
    rows, columns = torch.cat(found).unbind(1)
    return rows, columns
