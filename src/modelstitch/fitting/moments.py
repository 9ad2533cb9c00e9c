"""Mean and standard deviation of each channel of a representation, gathered in one pass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ChannelMoments:
    """Per-channel ``mean`` and ``std``, each (C,) in float32; ``std`` is never below a hundredth of its average."""

    mean: Tensor
    std: Tensor


def channel_moments(batches: Iterable[tuple[Tensor, ...]]) -> list[ChannelMoments]:
    r"""Return the moments of every representation in a stream of batches, over examples and positions.

    .. math:: \mu_c = \mathrm{mean}_{n,p}\, x_{n,c,p}, \quad \sigma_c^2 = \mathrm{mean}_{n,p}\,(x_{n,c,p} - \mu_c)^2

    Sums are taken in float64 and centred on the first batch, so that a large offset costs no digits. A dead channel
    has no scale of its own; its ``std`` is set to the floor of 0.01 of the average ``std`` (1 where all are 0).

    Args:
        batches: tuples of representations, each (N, C, ...), the same representations in each tuple.

    Returns:
        One :class:`ChannelMoments` for each representation of the tuple.

    Example:
        >>> (moments,) = channel_moments([(torch.tensor([[1.0, 5.0], [3.0, 5.0]]),)])
        >>> moments.mean.tolist(), [round(each, 3) for each in moments.std.tolist()]
        ([2.0, 5.0], [1.0, 0.005])
    """
    shifts: list[Tensor] = []
    sums: list[Tensor] = []
    squares: list[Tensor] = []
    counts: list[int] = []
    for batch in batches:
        for index, representation in enumerate(batch):
            axes = [axis for axis in range(representation.ndim) if axis != 1]
            x = representation.detach().double()
            if index == len(shifts):
                shifts.append(x.mean(axes))
                sums.append(torch.zeros_like(shifts[index]))
                squares.append(torch.zeros_like(shifts[index]))
                counts.append(0)
            x = x - shifts[index].view(1, -1, *[1] * (x.ndim - 2))
            sums[index] += x.sum(axes)
            squares[index] += x.square().sum(axes)
            counts[index] += x.numel() // x.shape[1]
    moments: list[ChannelMoments] = []
    for shift, total, square, count in zip(shifts, sums, squares, counts, strict=True):
        offset = total / count
        std = (square / count - offset.square()).clamp_min(0).sqrt()
        average = std.mean().item()
        std = std.clamp_min(0.01 * average) if average > 0 else torch.ones_like(std)
        moments.append(ChannelMoments((shift + offset).float(), std.float()))
    return moments
