"""Groups of examples that *within class* means, for tasks without classes."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from modelstitch.data.parts import DataPart
from modelstitch.errors import DataError
from modelstitch.specs import TOKEN_TASKS

_GROUPS = 10
_LEAST_OF_A_GROUP = 10


def grouped(targets: Tensor, task_name: str, given: Tensor | None) -> tuple[Tensor, tuple[str, ...]]:
    """Return the group (N,) of each example, and the names of the groups.

    Args:
        targets: (N, ...) of both parts.
        task_name: of the task; a token task has one group.
        given: (N,) groups that the caller chose, if any.

    Raises:
        DataError: another number of groups than of examples.
    """
    if given is not None:
        if len(given) != len(targets):
            raise DataError(f"expected a group for each of {len(targets)} examples, got {len(given)}")
        return _numbered(given)
    if task_name in TOKEN_TASKS:
        return torch.zeros(len(targets), dtype=torch.int64), ("all",)
    if targets.is_floating_point() and targets.ndim <= 2:
        return _tenths(targets if targets.ndim == 1 else targets[:, 0])
    if targets.ndim == 1:
        return _numbered(targets)
    if targets.ndim == 2 and ((targets == 0) | (targets == 1)).all():
        return _combinations(targets)
    return torch.zeros(len(targets), dtype=torch.int64), ("all",)


def without_absent(
    train: DataPart, heldout: DataPart, classes: tuple[str, ...]
) -> tuple[DataPart, DataPart, tuple[str, ...]]:
    """Drop groups without a training example; their held-out examples join the first group."""
    present = sorted(set(train.labels.tolist()))
    if len(present) == len(classes):
        return train, heldout, classes
    place = torch.zeros(len(classes), dtype=torch.int64)
    place[torch.tensor(present)] = torch.arange(len(present))
    parts = [replace(part, labels=place[part.labels]) for part in (train, heldout)]
    return parts[0], parts[1], tuple(classes[group] for group in present)


def _tenths(numbers: Tensor) -> tuple[Tensor, tuple[str, ...]]:
    shares = torch.linspace(0, 1, _GROUPS + 1, dtype=torch.float64)[1:-1]
    bounds = torch.quantile(numbers.double(), shares).unique()
    return torch.bucketize(numbers.double(), bounds), tuple(f"tenth {k + 1}" for k in range(len(bounds) + 1))


def _combinations(targets: Tensor) -> tuple[Tensor, tuple[str, ...]]:
    """Group by combination of labels (N, K); combinations with few examples are one group, ``other``."""
    rows, groups, counts = targets.unique(dim=0, return_inverse=True, return_counts=True)
    rare = counts < _LEAST_OF_A_GROUP
    place = torch.where(rare, int((~rare).sum()), (~rare).cumsum(0) - 1)
    names = ["+".join(str(int(label)) for label in row.nonzero().flatten()) or "none" for row in rows[~rare]]
    return place[groups], (*names, *(["other"] if rare.any() else []))


def _numbered(labels: Tensor) -> tuple[Tensor, tuple[str, ...]]:
    values, groups = labels.unique(return_inverse=True)
    return groups, tuple(str(int(value)) for value in values)
