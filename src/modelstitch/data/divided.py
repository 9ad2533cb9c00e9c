"""Divide files or rows into two parts so that no example of one is a copy of one of the other.

Files and cells with equal bytes are known before they are read. Others turn out to be copies once they are:
the same picture, compressed in another way. They are then brought together, and the set is divided again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor

from modelstitch.data.digests import rows_of
from modelstitch.data.splitting import choose_parts
from modelstitch.data.together import Together, joined
from modelstitch.specs import DataSpec

_MOST_TIMES = 5
"""With limits, other examples are chosen each time; what is left then, a run counts and says."""

T = TypeVar("T")

PartRows = tuple[Tensor, Tensor]
"""Ascending indices of the training and of the held-out examples."""


def divided(
    labels: Tensor,
    heldout_labels: Tensor | None,
    spec: DataSpec,
    together: Callable[[], Together],
    read: Callable[[PartRows], T],
    inputs: Callable[[T], Sequence[Tensor]],
) -> tuple[PartRows, T]:
    """Return the chosen examples of both parts, and what was read of them.

    Args:
        labels, heldout_labels, spec: as for :func:`choose_parts`.
        together: gives the examples that come into one part, asked for where a whole set is divided.
        read: reads the chosen examples of both parts.
        inputs: gives the inputs (n, ...) of both parts, from what was read.

    Raises:
        DataError: a single example, or examples that cannot be divided so.
    """
    if heldout_labels is not None:
        rows = choose_parts(labels, heldout_labels, spec)
        return rows, read(rows)
    kept = together()
    for _ in range(_MOST_TIMES):
        rows = choose_parts(labels, None, spec, lambda: kept)  # noqa: B023
        found = read(rows)
        copies = joined(kept.copies, _copies(rows, inputs(found), len(labels)))
        before, kept = kept, replace(kept, copies=copies)
        if _n_sets(kept) == _n_sets(before):
            break  # no copy is in both parts, or no division could keep it in one
    return rows, found


def _n_sets(together: Together) -> int:
    return 0 if together.copies is None else len(together.copies.unique())


def _copies(rows: PartRows, inputs: Sequence[Tensor], n: int) -> Tensor | None:
    """Return numbers (n,) by which copies across the parts come together; None without any."""
    if inputs[0].shape[1:] != inputs[1].shape[1:]:
        return None
    train, heldout = (
        dict(zip(rows_of(part), own.tolist(), strict=True)) for part, own in zip(inputs, rows, strict=True)
    )
    shared = train.keys() & heldout.keys()
    if not shared:
        return None
    numbers = torch.arange(n)
    for digest in shared:
        numbers[heldout[digest]] = train[digest]
    return numbers
