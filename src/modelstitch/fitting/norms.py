"""Batch norms of a stitch, whose statistics are taken anew when a fit ends."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from modelstitch.fitting.schedules import spread

_EXAMPLES, _BATCH = 4096, 256


def in_full(x: Tensor) -> Tensor:
    """Return ``x`` in float32, or in float64 where it is."""
    return x if x.dtype == torch.float64 else x.float()


def settle_norms(stitch: nn.Module, provided: Callable[[Tensor], Tensor], examples: Tensor) -> None:
    """Take the statistics of a stitch's batch norms over training examples, as its weights are now.

    Running averages still hold the weights of earlier steps, all the more after a short schedule.
    """
    norms = [each for each in stitch.modules() if isinstance(each, nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain average over the batches that follow
    stitch.train()
    chosen = spread(examples, _EXAMPLES)
    with torch.no_grad():
        for indices in chosen.split(_BATCH):
            stitch(in_full(provided(indices)))
    stitch.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
