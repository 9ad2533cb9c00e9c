"""Learning rates, the order of examples, and the mean of the parameters over a schedule."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from modelstitch.stitches import Fittable, Values

_WARMUP_STEPS = 8


def rate(step: int, n_steps: int, warmup_share: float) -> float:
    """Return the share of the highest learning rate at ``step``: linear warm-up, then cosine to zero.

    Example:
        >>> [round(rate(step, 10, 0.2), 2) for step in range(10)]
        [0.5, 1.0, 1.0, 0.96, 0.85, 0.69, 0.5, 0.31, 0.15, 0.04]
    """
    warmup = max(1, round(n_steps * warmup_share)) if warmup_share else 0
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, n_steps - warmup)))


def averaged_rate(step: int) -> float:
    """Return the share of the highest rate at ``step``: 8 steps of warm-up, then constant.

    Example:
        >>> [averaged_rate(step) for step in (0, 3, 7, 100)]
        [0.125, 0.5, 1.0, 1.0]
    """
    return min(1.0, (step + 1) / _WARMUP_STEPS)


class RunningMean:
    """The mean of the parameters over some steps."""

    def __init__(self) -> None:
        self._sum: Values = {}
        self._count = 0

    def add(self, values: Values) -> None:
        self._count += 1
        for name, value in values.items():
            if name in self._sum:
                self._sum[name] += value.detach()
            else:
                self._sum[name] = value.detach().clone()

    def value(self, stitch: Fittable) -> Values:
        return stitch.project({name: total / self._count for name, total in self._sum.items()})


def batches(examples: Tensor, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Yield batches of ``examples`` (indices) without end: shuffled passes, whole batches only.

    A set smaller than one batch is one batch.
    """
    size = min(batch_size, len(examples))
    order = torch.empty(0, dtype=torch.int64)
    while True:
        if len(order) < size:
            order = examples[torch.randperm(len(examples), generator=generator)]
        yield order[:size]
        order = order[size:]


def spread(examples: Tensor, most: int) -> Tensor:
    """Return at most ``most`` of ``examples``, evenly spaced.

    Example:
        >>> spread(torch.arange(10), 4).tolist()
        [0, 3, 6, 9]
    """
    if len(examples) <= most:
        return examples
    return examples[torch.linspace(0, len(examples) - 1, most).round().long()]
