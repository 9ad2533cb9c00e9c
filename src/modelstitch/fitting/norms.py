"""Statistics of a stitch's batch norms, recomputed when a fit ends."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from modelstitch.fitting.schedules import spread

_EXAMPLES, _BATCH = 4096, 256


def in_full(x: Tensor) -> Tensor:
    """Return ``x`` in float32; float64 stays."""
    return x if x.dtype == torch.float64 else x.float()


def settle_norms(stitch: nn.Module, provided: Callable[[Tensor], Tensor], examples: Tensor) -> None:
    """Recompute the statistics of a stitch's batch norms over training examples, with its present weights.

    Running averages still reflect weights of earlier steps, most of all after a short schedule.
    """
    norms = [module for module in stitch.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain average over the following batches
    stitch.train()
    chosen = spread(examples, _EXAMPLES)
    with torch.no_grad():
        for indices in chosen.split(_BATCH):
            if len(indices) == 1 < len(chosen):
                continue  # one example has no variance
            stitch(in_full(provided(indices)))
    stitch.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
