"""A digest of each example: equal inputs have equal digests."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import replace

import torch
from torch import Tensor

from modelstitch.data.parts import DataPart
from modelstitch.tasks import IGNORED

_BYTES_AT_ONCE = 2**26


def digests(part: DataPart, names: Collection[str] | None = None) -> list[bytes]:
    """Return a digest of the input and the further inputs of each example.

    Args:
        part: the examples.
        names: of the further inputs that count; all without it.
    """
    kwargs = [value for name, value in sorted(part.kwargs.items()) if names is None or name in names]
    return rows_of(part.images, *kwargs)


def in_one_type(one: DataPart, other: DataPart) -> tuple[DataPart, DataPart]:
    """Return two parts whose tensors have the same types, so that equal values have equal digests."""
    types = {
        name: (one.tensors[name].dtype, other.tensors[name].dtype)
        for name in one.tensors.keys() & other.tensors.keys()
    }
    differing = {name for name, (mine, theirs) in types.items() if mine != theirs}
    return _floating(one, differing), _floating(other, differing)


def _floating(part: DataPart, names: Collection[str]) -> DataPart:
    images, targets = part.images, part.given_targets
    images = images.double() if "images" in names else images
    if targets is not None and "targets" in names:
        targets = targets.double()
    kwargs = {name: value.double() if name in names else value for name, value in part.kwargs.items()}
    return replace(part, images=images, given_targets=targets, kwargs=kwargs)


def unmasked(part: DataPart) -> DataPart:
    """Return the examples of the task ``masked-token`` with the tokens that were masked in their place."""
    targets = part.targets
    return replace(part, images=torch.where(targets != IGNORED, targets, part.images))


def rows_of(*tensors: Tensor) -> list[bytes]:
    """Return one digest of the values at each index of the first axis of all tensors.

    Example:
        >>> first, second, third = rows_of(torch.tensor([[0.0, 1.0], [-0.0, 1.0], [0.0, 2.0]]))
        >>> first == second, first == third
        (True, False)
    """
    n = len(tensors[0])
    hashers = [hashlib.blake2b(digest_size=16) for _ in range(n)]
    for tensor in tensors:
        width = max(1, tensor[:1].numel() * tensor.element_size())
        for rows in torch.arange(n).split(max(1, _BYTES_AT_ONCE // width)):
            some = tensor[rows.to(tensor.device)].detach().cpu()
            if some.is_floating_point():
                some = some + 0.0  # minus zero is zero, and has other bytes
                for row in rows[some.isnan().reshape(len(some), -1).any(1)].tolist():
                    hashers[row].update(f"number {row}".encode())  # NaN equals nothing
            plain = some.reshape(len(some), -1).contiguous().view(torch.uint8).numpy()
            for row, values in zip(rows.tolist(), plain, strict=True):
                hashers[row].update(values)
    return [hasher.digest() for hasher in hashers]
