"""Seeded, stratified choices of examples: every class keeps its share."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from modelstitch.errors import DataError
from modelstitch.specs import DataSpec

HELDOUT_NAMES = ("test", "validation", "valid", "val")
"""Names of a held-out part, the preferred one first; the other part is ``train``."""

HELDOUT_SHARE = 1 / 3
"""Share of the examples that is held out of data in one part."""


def stratified_order(labels: Tensor, seed: int) -> Tensor:
    """Return an order whose every beginning holds each class by its share, as nearly as possible.

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
    """Return ascending indices of a training part and of a held-out part with ``share`` of the examples."""
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
        limit, heldout_limit: most examples of each part, a stratified choice.

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


def choose_parts(labels: Tensor, heldout_labels: Tensor | None, spec: DataSpec) -> tuple[Tensor, Tensor]:
    """Return ascending indices of the training and the held-out examples, within the limits of ``spec``.

    Args:
        labels: (N,) of the training part, or of the whole set.
        heldout_labels: (M,) of the held-out part; without it, a third of the whole set is held out.
        spec: limits and seed.

    Raises:
        DataError: a single example, which cannot be split.
    """
    if heldout_labels is not None:
        return (
            choose(labels, spec.limit, spec.seed),
            choose(heldout_labels, spec.heldout_limit, spec.seed),
        )
    if len(labels) < 2:
        raise DataError(f"data {spec.source!r}: expected at least 2 examples to split, got {len(labels)}")
    return hold_out_third(labels, spec.seed, spec.limit, spec.heldout_limit)


def part_folders(path: Path) -> tuple[list[Path], str | None]:
    """Return the folders ``train`` and held-out, and the latter's name; or ``path`` alone, and None."""
    part = next((name for name in HELDOUT_NAMES if (path / name).is_dir()), None)
    if part is None or not (path / "train").is_dir():
        return [path], None
    return [path / "train", path / part], part
