"""Seeded, stratified choices of examples: every class keeps its share."""

from __future__ import annotations

import torch
from torch import Tensor

HELDOUT_NAMES = ("test", "validation", "valid", "val")
"""What the held-out part of a set is called, the preferred name first; the other part is ``train``."""

HELDOUT_SHARE = 1 / 3
"""Share of the examples that is held out where the data have one part."""


def stratified_order(labels: Tensor, seed: int) -> Tensor:
    """Return an order of all examples of which every beginning holds each class by its share, as nearly as can be.

    Args:
        labels: (N,) class indices.
        seed: of the order within each class.

    Returns:
        (N,) indices.

    Example:
        >>> labels = torch.tensor([0] * 8 + [1] * 4)
        >>> labels[stratified_order(labels, seed=0)[:3]].sort().values.tolist()
        [0, 0, 1]
    """
    generator = torch.Generator().manual_seed(seed)
    shuffled = torch.randperm(len(labels), generator=generator)
    rank = torch.empty(len(labels), dtype=torch.float64)
    for label in labels.unique():
        members = shuffled[labels[shuffled] == label]
        # The k-th of n members stands at the share (k + 1/2) / n of the order.
        rank[members] = (torch.arange(len(members), dtype=torch.float64) + 0.5) / len(members)
    return shuffled[rank[shuffled].argsort(stable=True)]


def choose(labels: Tensor, limit: int | None, seed: int) -> Tensor:
    """Return the indices of a stratified choice of ``limit`` examples, ascending; of all without a limit."""
    if limit is None or limit >= len(labels):
        return torch.arange(len(labels))
    return stratified_order(labels, seed)[:limit].sort().values


def divide(labels: Tensor, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """Return the indices of a training part and of a held-out part with ``share`` of the examples, both ascending."""
    order = stratified_order(labels, seed)
    n_heldout = min(len(labels) - 1, max(1, round(share * len(labels))))
    return order[n_heldout:].sort().values, order[:n_heldout].sort().values


def hold_out_third(
    labels: Tensor, seed: int, limit: int | None = None, heldout_limit: int | None = None
) -> tuple[Tensor, Tensor]:
    """Divide examples into a training part and a held-out third, stratified and seeded.

    Args:
        labels: (N,) class indices; at least 2 examples.
        seed: of the division, and of the choice within each part.
        limit, heldout_limit: most examples of each part; a stratified choice where there are more.

    Returns:
        Indices of the training part and of the held-out part, both ascending.

    Example:
        >>> [rows.tolist() for rows in hold_out_third(torch.zeros(6, dtype=torch.int64), seed=0)]
        [[0, 1, 3, 4], [2, 5]]
    """
    train, heldout = divide(labels, HELDOUT_SHARE, seed)
    return (
        train[choose(labels[train], limit, seed)],
        heldout[choose(labels[heldout], heldout_limit, seed)],
    )


def third_held_out(seed: int) -> str:
    """Return how :func:`hold_out_third` divides, in words.

    Example:
        >>> third_held_out(0)
        'stratified split of one part, a third held out, seed 0'
    """
    return f"stratified split of one part, a third held out, seed {seed}"
