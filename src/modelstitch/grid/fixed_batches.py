"""Values of examples computed in fixed batches, for a network whose answer depends on the rest of a batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

FIXED_BATCH = 256
"""Examples of a fixed batch: the first 256 in the order of the data, the next 256, and so on."""


def in_fixed_batches(
    indices: Tensor, n_examples: int, compute: Callable[[Tensor], tuple[Tensor, ...]]
) -> tuple[Tensor, ...]:
    """Return values of some examples, each computed in the batch in which it stands in the data.

    Args:
        indices: (n,) of the examples, in any order, at least one.
        n_examples: of the part of the data.
        compute: maps the indices of one whole batch to values, the examples first.

    Example:
        >>> in_fixed_batches(torch.tensor([257, 0]), 258, lambda some: (some - some[0],))
        (tensor([1, 0]),)
    """
    places = indices.cpu()
    batches = places // FIXED_BATCH
    found: list[Tensor] = []
    for batch in batches.unique().tolist():
        first = batch * FIXED_BATCH
        values = compute(torch.arange(first, min(first + FIXED_BATCH, n_examples)))
        rows = (batches == batch).nonzero().flatten()
        if not found:
            found = [value.new_empty(len(places), *value.shape[1:]) for value in values]
        for held, value in zip(found, values, strict=True):
            held[rows.to(held.device)] = value[(places[rows] - first).to(value.device)]
    return tuple(found)
