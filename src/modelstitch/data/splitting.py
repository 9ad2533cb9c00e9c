"""Seeded, stratified choices of examples: every class keeps its share."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from modelstitch.data.together import Together, joined
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec

HELDOUT_NAMES = ("test", "validation", "valid", "val")
"""Names of a held-out part, the preferred one first; the other part is ``train``."""

_FREELY = Together()

HELDOUT_SHARE = 1 / 3
"""Share of the examples that is held out of data in one part."""


def stratified_order(labels: Tensor, seed: int, sizes: Tensor | None = None) -> Tensor:
    """Return an order whose every beginning holds each class by its share, as nearly as possible.

    Args:
        labels: (N,) class indices.
        seed: of the order within each class.
        sizes: (N,) whole numbers, what each counts for; 0 leaves it out. Each counts for one without them.

    Returns:
        Indices: (N,), less those of size 0.

    Example:
        >>> labels = torch.tensor([0] * 8 + [1] * 4)
        >>> labels[stratified_order(labels, seed=0)[:3]].sort().values.tolist()
        [0, 0, 1]
    """
    generator = torch.Generator().manual_seed(seed)
    shuffled = torch.randperm(len(labels), generator=generator)
    sizes = torch.ones(len(labels), dtype=torch.int64) if sizes is None else sizes
    shuffled = shuffled[sizes[shuffled] > 0]
    rank = torch.empty(len(labels), dtype=torch.float64)
    for label in labels.unique():
        members = shuffled[labels[shuffled] == label]
        # The k-th of n members stands at the share (k + 1/2) / n of the order; larger ones at their middle.
        own = sizes[members].double()
        rank[members] = (own.cumsum(0) - own / 2) / own.sum()
    return shuffled[rank[shuffled].argsort(stable=True)]


def choose(labels: Tensor, limit: int | None, seed: int) -> Tensor:
    """Return the indices of a stratified choice of ``limit`` examples, ascending; of all without a limit."""
    if limit is None or limit >= len(labels):
        return torch.arange(len(labels))
    return stratified_order(labels, seed)[:limit].sort().values


def divide(labels: Tensor, share: float, seed: int, together: Together = _FREELY) -> tuple[Tensor, Tensor]:
    """Return ascending indices of a training part and of a held-out part with ``share`` of the examples.

    Args:
        labels: (N,) class indices; at least 2 examples.
        share: of the examples to hold out; as near to it as examples that stay together allow.
        seed: of the division.
        together: the examples that come into one part. Copies come apart where they are all examples of a
            class, or no division could keep them.

    Raises:
        DataError: no division keeps the groups and leaves training examples.
    """
    n_heldout = min(len(labels) - 1, max(1, round(share * len(labels))))
    copies = None if together.copies is None else _apart_in_whole_classes(together.copies, labels)
    for numbers in (joined(copies, together.groups), together.groups):
        if numbers is None or len(numbers.unique()) == len(labels):
            order = stratified_order(labels, seed)
            return order[n_heldout:].sort().values, order[:n_heldout].sort().values
        chosen = _whole_sets(labels, n_heldout, seed, numbers)
        if chosen is not None:
            return (~chosen).nonzero().flatten(), chosen.nonzero().flatten()
    raise DataError(
        f"expected groups that can be divided, got {len(labels)} examples in groups that each hold all "
        "examples of a class: give both parts yourself, or other groups"
    )


def _apart_in_whole_classes(copies: Tensor, labels: Tensor) -> Tensor:
    """Return numbers (N,) by which a set of copies that holds all examples of a class comes apart.

    Else such a class would have no held-out example, and a run would not say so; of copies it does.
    """
    whole = [
        int(own[0])
        for label in labels.unique()
        if len(own := copies[labels == label].unique()) == 1 and int((labels == label).sum()) > 1
    ]
    apart = torch.isin(copies, torch.tensor(whole, dtype=copies.dtype))
    return torch.where(apart, int(copies.max()) + 1 + torch.arange(len(copies)), copies)


def _whole_sets(labels: Tensor, n_heldout: int, seed: int, together: Tensor) -> Tensor | None:
    """Return which examples (N,) to hold out as whole sets: ``n_heldout``, or as near below it as they allow.

    None where each set holds all examples of a class.

    The first example of a set stands for it, whatever the seed: else large sets would be drawn more often. A
    set of several that would leave one of its classes without a training example is passed over. Sets that
    would take a class beyond its share come last.
    """
    members: dict[int, list[int]] = {}
    for example, number in enumerate(together.tolist()):
        members.setdefault(number, []).append(example)
    sets = {some[0]: some for some in members.values()}
    sizes = torch.zeros_like(labels)
    sizes[torch.tensor(list(sets))] = torch.tensor([len(some) for some in sets.values()])
    order = stratified_order(labels, seed, sizes).tolist()
    class_of, counts = labels.tolist(), Counter(labels.tolist())
    fair = {label: math.ceil(n_heldout * n / len(labels)) for label, n in counts.items()}
    held: Counter[int] = Counter()
    chosen: set[int] = set()
    free = n_heldout

    def fits(first: int, most: Mapping[int, int]) -> bool:
        of_class = Counter(class_of[example] for example in sets[first])
        whole = len(sets[first]) > 1 and any(held[c] + n >= counts[c] for c, n in of_class.items())
        return not whole and all(held[c] + n <= most[c] for c, n in of_class.items())

    for most in (fair, counts):
        for first in order:
            if first not in chosen and len(sets[first]) <= free and fits(first, most):
                chosen.add(first)
                free -= len(sets[first])
                held.update(class_of[example] for example in sets[first])
    if not chosen:
        possible = [first for first in order if fits(first, counts)]
        if not possible:
            return None
        chosen.add(min(possible, key=lambda first: len(sets[first])))
    rows = torch.zeros(len(labels), dtype=torch.bool)
    rows[[example for first in chosen for example in sets[first]]] = True
    return rows


def hold_out_third(
    labels: Tensor,
    seed: int,
    limit: int | None = None,
    heldout_limit: int | None = None,
    together: Together = _FREELY,
) -> tuple[Tensor, Tensor]:
    """Divide examples into a training part and a held-out third, stratified and seeded.

    Args:
        labels: (N,) class indices; at least 2 examples.
        seed: of the division, and of the choice within each part.
        limit, heldout_limit: most examples of each part, a stratified choice.
        together: the examples that come into one part.

    Returns:
        Indices of the training part and of the held-out part, both ascending.

    Raises:
        DataError: no division keeps the groups and leaves training examples.

    Example:
        >>> [rows.tolist() for rows in hold_out_third(torch.zeros(6, dtype=torch.int64), seed=0)]
        [[0, 1, 3, 4], [2, 5]]
    """
    train, heldout = divide(labels, HELDOUT_SHARE, seed, together)
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


def choose_parts(
    labels: Tensor,
    heldout_labels: Tensor | None,
    spec: DataSpec,
    together: Callable[[], Together] = Together,
) -> tuple[Tensor, Tensor]:
    """Return ascending indices of the training and the held-out examples, within the limits of ``spec``.

    Args:
        labels: (N,) of the training part, or of the whole set.
        heldout_labels: (M,) of the held-out part; without it, a third of the whole set is held out.
        spec: limits and seed.
        together: gives the examples that come into one part, asked for where a whole set is divided.

    Raises:
        DataError: a single example, or examples that cannot be divided so.
    """
    if heldout_labels is not None:
        return (
            choose(labels, spec.limit, spec.seed),
            choose(heldout_labels, spec.heldout_limit, spec.seed),
        )
    if len(labels) < 2:
        raise DataError(f"data {spec.source!r}: expected at least 2 examples to split, got {len(labels)}")
    return hold_out_third(labels, spec.seed, spec.limit, spec.heldout_limit, together())


def part_folders(path: Path) -> tuple[list[Path], str | None]:
    """Return the folders ``train`` and held-out, and the latter's name; or ``path`` alone, and None."""
    part = next((name for name in HELDOUT_NAMES if (path / name).is_dir()), None)
    if part is None or not (path / "train").is_dir():
        return [path], None
    return [path / "train", path / part], part
