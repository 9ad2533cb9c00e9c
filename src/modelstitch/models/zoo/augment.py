"""Random flips and translations as one gather on the device, reproducible from a generator."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def pad(images: Tensor, translate: int) -> Tensor:
    """Return ``images`` (N, C, H, W) reflected outwards by ``translate`` pixels, as (N, H', W', C)."""
    if translate:
        images = F.pad(images, (translate,) * 4, mode="reflect")
    return images.permute(0, 2, 3, 1).contiguous()


def draw(padded: Tensor, indices: Tensor, translate: int, flip: bool, generator: torch.Generator) -> Tensor:
    """Return the images at ``indices``, shifted by up to ``translate`` pixels and flipped half of the time.

    Args:
        padded: (N, H + 2t, W + 2t, C) from :func:`pad`.
        indices: (n,) on the CPU.
        translate: t, the largest shift in pixels.
        flip: whether to mirror left and right.
        generator: on the CPU.

    Returns:
        (n, C, H, W) in channels-last memory.
    """
    n_images = len(indices)
    height, width = (length - 2 * translate for length in padded.shape[1:3])
    shift = torch.randint(0, 2 * translate + 1, (2, n_images, 1), generator=generator)
    rows = torch.arange(height) + shift[0]
    columns = torch.arange(width).expand(n_images, -1)
    if flip:
        mirrored = torch.rand(n_images, 1, generator=generator) < 0.5
        columns = torch.where(mirrored, width - 1 - columns, columns)
    columns = columns + shift[1]
    n, y, x = (positions.to(padded.device) for positions in (indices, rows, columns))
    return padded[n[:, None, None], y[:, :, None], x[:, None, :]].permute(0, 3, 1, 2)
