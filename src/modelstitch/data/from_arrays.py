"""Data of any task: the target of each example, and the groups of examples that evidence is measured within."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modelstitch.data.in_memory import as_split, from_arrays, from_parts
from modelstitch.data.parts import Data, DataPart
from modelstitch.data.splitting import choose, hold_out_third, third_held_out
from modelstitch.errors import DataError, expect_one_of
from modelstitch.specs import TASKS, TOKEN_TASKS, DataSpec
from modelstitch.tasks import IGNORED, MULTI_LABEL, RETRIEVAL, TOKENS, Task, regression, shifted
from modelstitch.util.imported import imported

_GROUPS = 10
_LEAST_OF_A_GROUP = 10


def data_from(
    x: Any,
    y: Any = None,
    *,
    task: str | Task = "classification",
    more: Mapping[str, Any] | None = None,
    heldout: tuple[Any, ...] | None = None,
    groups: Any = None,
    name: str = "in memory",
    limit: int | None = None,
    heldout_limit: int | None = None,
    seed: int = 0,
) -> Data:
    """Make a data set of any task from arrays.

    ``classification`` and ``retrieval`` want a label (N,) of each example, ``multi-label`` labels (N, K) of 0 and 1, ``regression``
    numbers (N,) or (N, K), ``masked-token`` tokens (N, T) with -100 where there is no target, ``next-token`` nothing: the tokens
    themselves say it. Evidence *within class* is then within groups of examples: equal labels, equal combinations of them, tenths of the
    (first) number; of tokens it is taken position by position, within the target token.

    Args:
        x: (N, ...) images, series, or tokens (N, T) in int64.
        y: (N, ...) targets.
        task: one of these names, or a task of your own.
        more: (N, ...) further inputs by name of argument; ``attention_mask`` or ``mask``, 1 where there is a token, also tells padding.
        heldout: ``(x, y)`` or ``(x, y, more)`` of the held-out part; without it, a third of the examples is held out.
        groups: (N,) whole numbers, instead of the groups above.
        name: what to call the set.
        limit, heldout_limit: most examples of each part.
        seed: of the split, and of the choice of these examples.

    Raises:
        DataError: arrays that do not fit the task or each other.

    Example:
        >>> data = data_from(torch.rand(60, 3), torch.rand(60), task="regression")
        >>> data.task.name, len(data.train), len(data.classes), tuple(data.train.targets.shape)
        ('regression', 40, 10, (40, 1))
    """
    if isinstance(task, str) and ":" in task:
        task = _of_the_user(task)
    kind = task.name if isinstance(task, Task) else task
    if not isinstance(task, Task):
        expect_one_of("task", task, (*TASKS, "package.module:task"), DataError)
    spec = DataSpec(source=name, limit=limit, heldout_limit=heldout_limit, seed=seed)
    if kind == "classification" and not isinstance(task, Task):
        return _classes(x, y, more, heldout, name, spec)
    parts = [_split(x, y, more, kind, name)]
    if heldout is not None:
        held_x, held_y, held_more = (*heldout, None)[:3]
        parts.append(_split(held_x, held_y, held_more, kind, name))
        if parts[0].targets.shape[1:] != parts[1].targets.shape[1:]:
            raise DataError(
                f"data {name}: expected targets of one shape in both parts, got {tuple(parts[0].targets.shape[1:])} and "
                f"{tuple(parts[1].targets.shape[1:])}"
            )
    by_position = task.by_position if isinstance(task, Task) else kind in TOKEN_TASKS
    if by_position:
        parts = [_with_some_target(part, name) for part in parts]
    if kind == "retrieval":
        parts = _numbered_alike(parts)
    given = None if groups is None else torch.as_tensor(np.asarray(groups)).long()
    labels, classes = _grouped(torch.cat([part.targets for part in parts]), kind, given)
    division = "two parts as given"
    if len(parts) == 1:
        whole = replace(parts[0], labels=labels)
        parts = [whole.take(rows) for rows in hold_out_third(labels, seed)]
        division = third_held_out(seed)
    else:
        sizes = [len(part) for part in parts]
        parts = [replace(part, labels=some) for part, some in zip(parts, labels.split(sizes), strict=True)]
    train, kept = (
        part.take(choose(part.labels, most, seed))
        for part, most in zip(parts, (limit, heldout_limit), strict=True)
    )
    train, kept, classes = _without_absent(train, kept, classes)
    return Data(train, kept, classes, name, division, scored_by=_scored_by(task, train))


def _of_the_user(target: str) -> Task:
    found = imported(target, "task", "task", DataError, lambda each: isinstance(each, Task))
    if not isinstance(found, Task):
        raise DataError(f"expected {target!r} to be a modelstitch.Task, got {type(found).__name__}")
    return found


def _classes(
    x: Any, y: Any, more: Mapping[str, Any] | None, heldout: tuple[Any, ...] | None, name: str, spec: DataSpec
) -> Data:
    def part(x: Any, y: Any, more: Mapping[str, Any] | None = None) -> DataPart:
        found, further = as_split((x, y), name), _further(more)
        if any(each.ndim == 0 or len(each) != len(found) for each in further.values()):
            raise DataError(
                f"data {name}: expected further inputs of each of the examples, got {_shapes(found.images, further)}"
            )
        return replace(found, more=further)

    whole = part(x, y, more)
    if heldout is None:
        return from_arrays(whole, classes=None, name=name, spec=spec)
    return from_parts(whole, part(*heldout), None, name, "two parts as given", spec)


def _further(more: Mapping[str, Any] | None) -> dict[str, Tensor]:
    return {
        name: torch.as_tensor(np.asarray(value)) if not isinstance(value, Tensor) else value
        for name, value in (more or {}).items()
    }


def _split(x: Any, y: Any, more: Mapping[str, Any] | None, kind: str, name: str) -> DataPart:
    images = torch.as_tensor(np.asarray(x)) if not isinstance(x, Tensor) else x
    further = _further(more)
    if images.ndim == 0 or any(each.ndim == 0 or len(each) != len(images) for each in further.values()):
        raise DataError(
            f"data {name}: expected further inputs of each of the examples, got {_shapes(images, further)}"
        )
    if kind in TOKEN_TASKS and (images.dtype != torch.int64 or images.ndim != 2):
        raise DataError(
            f"data {name}: expected tokens (N, T) in int64 for the task {kind}, got {images.dtype} of shape {tuple(images.shape)}"
        )
    if kind == "next-token" and y is None:
        given = DataPart(images, torch.zeros(len(images), dtype=torch.int64), more=further)
        targets = shifted(images, given.present)
    elif y is None:
        raise DataError(f"data {name}: expected a target for each example for the task {kind}, got nothing")
    else:
        try:
            targets = torch.as_tensor(np.asarray(y)) if not isinstance(y, Tensor) else y
        except (TypeError, ValueError) as error:
            raise DataError(f"data {name}: expected targets as numbers: {error}") from error
    if len(targets) != len(images):
        raise DataError(
            f"data {name}: expected as many targets as examples, got {len(targets)} and {len(images)}"
        )
    targets = _checked(targets, images, kind, name)
    images = images.float() if images.dtype == torch.float64 else images
    return DataPart(images, torch.zeros(len(images), dtype=torch.int64), targets, further)


def _checked(targets: Tensor, images: Tensor, kind: str, name: str) -> Tensor:
    where = f"data {name}: expected"
    if targets.is_floating_point() and not targets.isfinite().all():
        wrong = (~targets.isfinite()).flatten(1).any(1) if targets.ndim > 1 else ~targets.isfinite()
        raise DataError(
            f"{where} finite targets, got NaN or infinity for {int(wrong.sum())} examples, the first is number "
            f"{int(wrong.nonzero()[0])}"
        )
    got = f"got {targets.dtype} of shape {tuple(targets.shape)}"
    if kind == "regression":
        if targets.ndim not in (1, 2) or targets.is_complex():
            raise DataError(f"{where} numbers (N,) or (N, K) for the task regression, {got}")
        targets = targets.float()
        return targets[:, None] if targets.ndim == 1 else targets
    if kind == "multi-label":
        if targets.ndim != 2 or not ((targets == 0) | (targets == 1)).all():
            raise DataError(f"{where} labels (N, K) of 0 and 1 for the task multi-label, {got}")
        return targets.long()
    if kind in TOKEN_TASKS:
        if targets.dtype != torch.int64 or targets.shape != images.shape:
            raise DataError(
                f"{where} a token for every position {tuple(images.shape)}, -100 where there is no target, {got}"
            )
        below = targets[(targets < 0) & (targets != IGNORED)]
        if len(below):
            raise DataError(
                f"{where} tokens from 0 on, or {IGNORED} where there is no target, got {int(below[0])}"
            )
        return targets
    if kind == "retrieval" and (targets.ndim != 1 or targets.is_floating_point()):
        raise DataError(f"{where} labels (N,) for the task retrieval, {got}")
    return targets


def _with_some_target(part: DataPart, name: str) -> DataPart:
    """Leave out examples without a target at any position: they have neither a loss nor a score."""
    targets = part.targets
    if targets.ndim != 2 or targets.dtype != torch.int64:
        raise DataError(
            f"data {name}: expected a token (N, T) in int64 for every position, got {targets.dtype} of shape {tuple(targets.shape)}"
        )
    some = (targets != IGNORED).any(1)
    if not some.any():
        raise DataError(f"data {name}: expected some target tokens, got none")
    return part if some.all() else part.take(some.nonzero().flatten())


def _numbered_alike(parts: list[DataPart]) -> list[DataPart]:
    """Number the labels of both parts from 0 on; any whole numbers do."""
    _, numbers = torch.cat([part.targets for part in parts]).unique(return_inverse=True)
    if len(numbers.unique()) == len(numbers):
        raise DataError("expected some labels that two examples share for the task retrieval, got none")
    each = numbers.split([len(part) for part in parts])
    return [replace(part, given_targets=own) for part, own in zip(parts, each, strict=True)]


def _shapes(images: Tensor, further: Mapping[str, Tensor]) -> str:
    return ", ".join(f"{name} {tuple(each.shape)}" for name, each in {"x": images, **further}.items())


def _grouped(targets: Tensor, kind: str, given: Tensor | None) -> tuple[Tensor, tuple[str, ...]]:
    """Return the group of each example, and their names; of a task of the user's own, by its targets."""
    if given is not None:
        if len(given) != len(targets):
            raise DataError(f"expected a group for each of {len(targets)} examples, got {len(given)}")
        return _numbered(given)
    if kind in TOKEN_TASKS:
        return torch.zeros(len(targets), dtype=torch.int64), ("all",)
    if targets.is_floating_point() and targets.ndim <= 2:
        return _tenths(targets if targets.ndim == 1 else targets[:, 0])
    if targets.ndim == 1:
        return _numbered(targets)
    if targets.ndim == 2 and ((targets == 0) | (targets == 1)).all():
        return _combinations(targets)
    return torch.zeros(len(targets), dtype=torch.int64), ("all",)


def _tenths(numbers: Tensor) -> tuple[Tensor, tuple[str, ...]]:
    shares = torch.linspace(0, 1, _GROUPS + 1, dtype=torch.float64)[1:-1]
    lines = torch.quantile(numbers.double(), shares).unique()
    return torch.bucketize(numbers.double(), lines), tuple(f"tenth {k + 1}" for k in range(len(lines) + 1))


def _combinations(targets: Tensor) -> tuple[Tensor, tuple[str, ...]]:
    """Return the combination of labels of each example; those of few examples are one."""
    known, groups, counts = targets.unique(dim=0, return_inverse=True, return_counts=True)
    rare = counts < _LEAST_OF_A_GROUP
    place = torch.where(rare, int((~rare).sum()), (~rare).cumsum(0) - 1)
    names = ["+".join(str(int(each)) for each in row.nonzero().flatten()) or "none" for row in known[~rare]]
    return place[groups], (*names, *(["other"] if rare.any() else []))


def _numbered(labels: Tensor) -> tuple[Tensor, tuple[str, ...]]:
    known, groups = labels.unique(return_inverse=True)
    return groups, tuple(str(int(each)) for each in known)


def _without_absent(
    train: DataPart, heldout: DataPart, classes: tuple[str, ...]
) -> tuple[DataPart, DataPart, tuple[str, ...]]:
    """Leave out groups that no training example is in; held-out examples of theirs join the first."""
    present = sorted(set(train.labels.tolist()))
    if len(present) == len(classes):
        return train, heldout, classes
    place = torch.zeros(len(classes), dtype=torch.int64)
    place[torch.tensor(present)] = torch.arange(len(present))
    parts = [replace(part, labels=place[part.labels]) for part in (train, heldout)]
    return parts[0], parts[1], tuple(classes[each] for each in present)


def _scored_by(task: str | Task, train: DataPart) -> Task:
    if isinstance(task, Task):
        return task
    if task == "regression":
        return regression(train.targets)
    known = {"multi-label": MULTI_LABEL, "retrieval": RETRIEVAL, "next-token": TOKENS, "masked-token": TOKENS}
    return replace(known[task], name=task)
