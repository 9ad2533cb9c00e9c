"""Examples that have to come into one part: copies of each other, and groups that the data name."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modelstitch.data.digests import digests
from modelstitch.data.parts import DataPart
from modelstitch.errors import DataError


@dataclass(frozen=True)
class Together:
    """Which examples come into one part.

    Attributes:
        copies: (N,) numbers; copies have the same one.
        groups: (N,) numbers of the groups that the data name.
    """

    copies: Tensor | None = None
    groups: Tensor | None = None


def numbered(values: Iterable[Hashable]) -> Tensor:
    """Return the number (N,) of each value, in the order in which the values come first.

    Example:
        >>> numbered(["b", "a", "b"]).tolist()
        [0, 1, 0]
    """
    numbers: dict[Hashable, int] = {}
    return torch.tensor([numbers.setdefault(value, len(numbers)) for value in values], dtype=torch.int64)


def content_digest(*contents: bytes) -> bytes:
    """Return a digest of the contents of some files or cells, in their order."""
    hasher = hashlib.blake2b(digest_size=16)
    for content in contents:
        hasher.update(len(content).to_bytes(8))
        hasher.update(content)
    return hasher.digest()


def alike(part: DataPart) -> Tensor:
    """Number examples (N,) by their inputs: exact copies have the same number.

    A further input (N,) with another value for each example says which one it is, and takes no part.
    """
    names = [
        name for name, value in part.kwargs.items() if value.ndim > 1 or len(value.unique()) < len(value)
    ]
    return numbered(digests(part, names))


def alike_files(paths: Sequence[Path]) -> Tensor:
    """Number files (N,) by their content; a file of a size of its own is not read.

    Raises:
        DataError: a file that cannot be read.
    """
    try:
        sizes = [path.stat().st_size for path in paths]
        times: dict[int, int] = {}
        for size in sizes:
            times[size] = times.get(size, 0) + 1
        return numbered(
            (size, _file_digest(path) if times[size] > 1 else b"")
            for path, size in zip(paths, sizes, strict=True)
        )
    except OSError as error:
        raise DataError(f"cannot read {str(error.filename)!r}: {error.strerror}") from error


def _file_digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).digest()


def group_values(given: Any, n_examples: int, what: str) -> list[Hashable]:
    """Return the group of each example as plain values.

    Args:
        given: (N,) whole numbers or names.
        n_examples: N.
        what: they are, for errors.

    Raises:
        DataError: another number of them, values that are neither, or a missing one.

    Example:
        >>> group_values(["a", "b"], 2, "groups")
        ['a', 'b']
    """
    values = np.asarray(given.cpu() if isinstance(given, Tensor) else given)
    if values.shape != (n_examples,):
        got = len(values) if values.ndim == 1 else f"an array of shape {values.shape}"
        raise DataError(f"expected {what}: a group for each of {n_examples} examples, got {got}")
    listed: list[Any] = values.tolist()
    for row, value in enumerate(listed):
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if not whole and not isinstance(value, str | bytes):
            raise DataError(
                f"expected {what}: whole numbers or names, got {value!r} of type {type(value).__name__} for "
                f"example number {row}"
            )
    return [int(value) if isinstance(value, float) else value for value in listed]


def joined(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    """Number examples (N,) so that those with the same number in either have the same number.

    Example:
        >>> joined(torch.tensor([0, 0, 1, 2]), torch.tensor([0, 1, 1, 2])).tolist()
        [0, 0, 0, 1]
    """
    if one is None or other is None:
        return one if other is None else other
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    rows, columns = one.numpy(), other.numpy()
    size = (int(rows.max(initial=-1)) + 1, int(columns.max(initial=-1)) + 1)
    # The numbers of both are the nodes of a graph, and each example is an edge.
    edges = coo_matrix((np.ones(len(rows)), (rows, columns + size[0])), shape=(sum(size), sum(size)))
    _, component = connected_components(edges, directed=False)
    return numbered(component[rows].tolist())


def numbered_by_part(groups: Sequence[Sequence[Hashable]]) -> list[Tensor]:
    """Return the number (n,) of the group of each example, part by part; a group has one number in all.

    Example:
        >>> [numbers.tolist() for numbers in numbered_by_part([["a", "b"], ["c", "b"]])]
        [[0, 1], [2, 1]]
    """
    numbers = numbered(value for part in groups for value in part)
    return list(numbers.split([len(part) for part in groups]))


def expect_apart(groups: Sequence[Sequence[Hashable]], column: str, name: str) -> None:
    """Raise if a group stands in both parts that the data come in.

    Args:
        groups: of each example of the training part, and of the held-out part.
        column: that holds the groups.
        name: of the data, for the error.

    Raises:
        DataError: it does.
    """
    train, heldout = groups
    shared = set(train) & set(heldout)
    if shared:
        n = sum(group in shared for group in heldout)
        shown = ", ".join(repr(group) for group in sorted(shared, key=str)[:5])
        raise DataError(
            f"data {name}: expected each group of {column!r} in one part, got {len(shared)} in both "
            f"({shown}), with {n} of {len(heldout)} held-out examples: divide the data by group, or give "
            "them in one part, which is divided so"
        )
