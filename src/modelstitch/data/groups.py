"""Groups of examples that *within class* means, for tasks without classes.

Evidence within a group needs training examples of the same group: the controls that hold the label alone are
made of them. What happens to a held-out example whose group has none is a rule of the groups:

- tenths of a number: the nearest tenth that has training examples takes it; more than a tenth of the held-out
  examples are refused, for the tenth would be a mixture.
- combinations of labels: the group ``other`` takes it, which is a mixture by its name, and by the same limit.
- numbers, names and groups that the caller chose: it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from modelstitch.data.parts import DataPart
from modelstitch.errors import DataError
from modelstitch.specs import TOKEN_TASKS

_GROUPS = 10
_LEAST_OF_A_GROUP = 10
_MOST_MOVED = 0.1
"""Share of the held-out examples that may move to another group."""

OTHER = "other"
"""Combinations of labels with few examples."""

Move = Callable[[int, Sequence[int]], int | None]
"""Where a group without a training example goes, of those that have some; None where it may not move."""


@dataclass(frozen=True)
class Groups:
    """A group for each example.

    Attributes:
        of: (N,) number of the group of each example.
        names: of the groups.
        move: see :data:`Move`.
    """

    of: Tensor
    names: tuple[str, ...]
    move: Move


def grouped(targets: Tensor, task_name: str, given: Sequence[Hashable] | None) -> Groups:
    """Return the group of each example.

    Args:
        targets: (N, ...) of both parts.
        task_name: of the task; a token task has one group.
        given: groups that the caller chose, if any.
    """
    if given is not None:
        values = sorted(set(given), key=lambda value: (isinstance(value, str), value))
        place = {value: number for number, value in enumerate(values)}
        numbers = torch.tensor([place[value] for value in given], dtype=torch.int64)
        return Groups(numbers, tuple(map(str, values)), _nowhere)
    if task_name in TOKEN_TASKS:
        return _one(targets)
    if targets.is_floating_point() and targets.ndim <= 2:
        return _tenths(targets if targets.ndim == 1 else targets[:, 0])
    if targets.ndim == 1:
        values, groups = targets.unique(return_inverse=True)
        return Groups(groups, tuple(str(int(value)) for value in values), _nowhere)
    if targets.ndim == 2 and ((targets == 0) | (targets == 1)).all():
        return _combinations(targets)
    return _one(targets)


def without_absent(
    train: DataPart, heldout: DataPart, groups: Groups, name: str
) -> tuple[DataPart, DataPart, tuple[str, ...]]:
    """Number the groups that have a training example, and move the held-out examples of the others by rule.

    Args:
        train, heldout: the chosen examples, labelled by ``groups``.
        groups: of all examples.
        name: of the data, for errors.

    Returns:
        Both parts, labelled by the groups that are left, and the names of these.

    Raises:
        DataError: held-out examples whose group may not move, or too many that would.
    """
    present = sorted(set(train.labels.tolist()))
    absent = sorted(set(heldout.labels.tolist()) - set(present))
    places = {group: number for number, group in enumerate(present)}
    moved = {group: groups.move(group, present) for group in absent}
    n_moved = int(torch.isin(heldout.labels, torch.tensor(absent, dtype=torch.int64)).sum())
    if None in moved.values() or n_moved > _MOST_MOVED * len(heldout):
        shown = ", ".join(repr(groups.names[group]) for group in absent[:5])
        dots = ", ..." if len(absent) > 5 else ""
        raise DataError(
            f"data {name}: {n_moved} of {len(heldout)} held-out examples stand in {len(absent)} "
            f"group{'s' if len(absent) > 1 else ''} without a training example ({shown}{dots}), so evidence "
            "within groups would be of a mixture; expected training examples of each group: give more, or "
            "coarser groups (groups= of data_from, --within-column NAME for an array of a .npz file)"
        )
    place = torch.zeros(len(groups.names), dtype=torch.int64)
    for group, number in places.items():
        place[group] = number
    for group, target in moved.items():
        place[group] = places[present[0] if target is None else target]
    parts = [replace(part, labels=place[part.labels]) for part in (train, heldout)]
    return parts[0], parts[1], tuple(groups.names[group] for group in present)


def _nowhere(group: int, present: Sequence[int]) -> None:
    return None


def _to_the_nearest(group: int, present: Sequence[int]) -> int | None:
    return min(present, key=lambda other: (abs(other - group), other))


def _one(targets: Tensor) -> Groups:
    return Groups(torch.zeros(len(targets), dtype=torch.int64), ("all",), _nowhere)


def _tenths(numbers: Tensor) -> Groups:
    shares = torch.linspace(0, 1, _GROUPS + 1, dtype=torch.float64)[1:-1]
    bounds = torch.quantile(numbers.double(), shares).unique()
    names = tuple(f"tenth {k + 1}" for k in range(len(bounds) + 1))
    return Groups(torch.bucketize(numbers.double(), bounds), names, _to_the_nearest)


def _combinations(targets: Tensor) -> Groups:
    """Group by combination of labels (N, K); combinations with few examples are one group, ``other``."""
    rows, groups, counts = targets.unique(dim=0, return_inverse=True, return_counts=True)
    rare = counts < _LEAST_OF_A_GROUP
    n_common = int((~rare).sum())
    place = torch.where(rare, n_common, (~rare).cumsum(0) - 1)
    names = ["+".join(str(int(label)) for label in row.nonzero().flatten()) or "none" for row in rows[~rare]]

    def to_the_others(group: int, present: Sequence[int]) -> int | None:
        return n_common if n_common in present else None

    return Groups(place[groups], (*names, *([OTHER] if rare.any() else [])), to_the_others)
