"""Data of any task from arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modelstitch.data.class_names import class_names, renamed
from modelstitch.data.groups import grouped, without_absent
from modelstitch.data.in_memory import as_part, from_parts, from_whole
from modelstitch.data.parts import Data, DataPart
from modelstitch.data.splitting import choose_parts, third_held_out
from modelstitch.data.targets import checked_targets, numbered_alike, with_some_target
from modelstitch.errors import DataError, expect_one_of
from modelstitch.specs import TASKS, TOKEN_TASKS, DataSpec
from modelstitch.tasks import Task, shifted, task_named
from modelstitch.util.imported import imported


def data_from(
    x: Any,
    y: Any = None,
    *,
    task: str | Task = "classification",
    kwargs: Mapping[str, Any] | None = None,
    heldout: tuple[Any, ...] | None = None,
    groups: Any = None,
    name: str = "in memory",
    limit: int | None = None,
    heldout_limit: int | None = None,
    seed: int = 0,
    data_classes: str | Path | Sequence[str] | None = None,
) -> Data:
    """Make a data set of any task from arrays.

    The targets ``y`` of each task, and the groups of examples that *within class* means for it:

    - ``classification`` and ``retrieval``: labels (N,); equal labels.
    - ``multi-label``: labels (N, K) of 0 and 1; equal combinations.
    - ``regression``: numbers (N,) or (N, K); tenths of the first number.
    - ``masked-token``: tokens (N, T), -100 where there is no target; positions with equal target tokens.
    - ``next-token``: none, the next tokens of ``x`` are the targets; as ``masked-token``.

    Args:
        x: (N, ...) images, series, or tokens (N, T) in int64.
        y: (N, ...) targets.
        task: one of these names, ``package.module:task``, or a :class:`Task` of your own.
        kwargs: (N, ...) further inputs by name of argument; ``attention_mask`` or ``mask`` is 1 at tokens,
            0 at padding.
        heldout: ``(x, y)`` or ``(x, y, kwargs)`` of the held-out part; without it, a third of the examples is
            held out.
        groups: (N,) whole numbers, instead of the groups above.
        name: what to call the set.
        limit, heldout_limit: most examples of each part.
        seed: of the split and of the choice of examples.
        data_classes: names of the classes of a classification, by label, or a file with them.

    Raises:
        DataError: arrays that do not fit the task or each other.

    Example:
        >>> data = data_from(torch.rand(60, 3), torch.rand(60), task="regression")
        >>> data.task.name, len(data.train), len(data.classes), tuple(data.train.targets.shape)
        ('regression', 40, 10, (40, 1))
    """
    if isinstance(task, str) and ":" in task:
        task = _own_task(task)
    if isinstance(task, str):
        expect_one_of("task", task, (*TASKS, "package.module:task"), DataError)
    spec = DataSpec(source=name, limit=limit, heldout_limit=heldout_limit, seed=seed)
    given = [(x, y, kwargs)] if heldout is None else [(x, y, kwargs), (*heldout, None)[:3]]
    if data_classes is not None and task != "classification":
        raise DataError(
            f"expected class names with the task classification alone, got the task {_name(task)}"
        )
    if task == "classification":
        data = _of_classes(given, name, spec)
        return data if data_classes is None else renamed(data, class_names(data_classes))
    parts = _parts_with_targets(given, task, name)
    chosen_groups = None if groups is None else torch.as_tensor(np.asarray(groups)).long()
    targets = torch.cat([part.targets for part in parts])
    labels, classes = grouped(targets, _name(task), chosen_groups)
    by_part = labels.split([len(part) for part in parts])
    parts = [replace(part, labels=own) for part, own in zip(parts, by_part, strict=True)]
    rows = choose_parts(parts[0].labels, None if heldout is None else parts[1].labels, spec)
    train, held, classes = without_absent(parts[0].take(rows[0]), parts[-1].take(rows[1]), classes)
    division = third_held_out(seed) if heldout is None else "two parts as given"
    return Data(train, held, classes, name, division, scored_by=_scored_by(task, train))


def _name(task: str | Task) -> str:
    return task.name if isinstance(task, Task) else task


def _own_task(target: str) -> Task:
    task = imported(target, "task", "task", DataError, lambda value: isinstance(value, Task))
    if not isinstance(task, Task):
        raise DataError(f"expected {target!r} to be a modelstitch.Task, got {type(task).__name__}")
    return task


def _of_classes(given: list[tuple[Any, ...]], name: str, spec: DataSpec) -> Data:
    parts = []
    for x, y, kwargs in given:
        part, further = as_part((x, y), name), _further(kwargs)
        _check_further(part.images, further, name)
        parts.append(replace(part, kwargs=further))
    if len(parts) == 1:
        return from_whole(parts[0], classes=None, name=name, spec=spec)
    return from_parts(parts[0], parts[1], None, name, "two parts as given", spec)


def _parts_with_targets(given: list[tuple[Any, ...]], task: str | Task, name: str) -> list[DataPart]:
    parts = [_part_with_targets(x, y, kwargs, _name(task), name) for x, y, kwargs in given]
    shapes = [tuple(part.targets.shape[1:]) for part in parts]
    if shapes[0] != shapes[-1]:
        raise DataError(
            f"data {name}: expected targets of one shape in both parts, got {shapes[0]} and {shapes[1]}"
        )
    by_position = task.by_position if isinstance(task, Task) else task in TOKEN_TASKS
    if by_position:
        parts = [with_some_target(part, name) for part in parts]
    return numbered_alike(parts) if _name(task) == "retrieval" else parts


def _part_with_targets(
    x: Any, y: Any, kwargs: Mapping[str, Any] | None, task_name: str, name: str
) -> DataPart:
    inputs = torch.as_tensor(np.asarray(x)) if not isinstance(x, Tensor) else x
    further = _further(kwargs)
    _check_further(inputs, further, name)
    if task_name in TOKEN_TASKS and (inputs.dtype != torch.int64 or inputs.ndim != 2):
        raise DataError(
            f"data {name}: expected tokens (N, T) in int64 for the task {task_name}, got {inputs.dtype} of "
            f"shape {tuple(inputs.shape)}"
        )
    no_labels = torch.zeros(len(inputs), dtype=torch.int64)
    if task_name == "next-token" and y is None:
        targets = shifted(inputs, DataPart(inputs, no_labels, kwargs=further).present)
    elif y is None:
        raise DataError(
            f"data {name}: expected a target for each example for the task {task_name}, got nothing"
        )
    else:
        try:
            targets = torch.as_tensor(np.asarray(y)) if not isinstance(y, Tensor) else y
        except (TypeError, ValueError) as error:
            raise DataError(f"data {name}: expected targets as numbers: {error}") from error
    targets = checked_targets(targets, inputs, task_name, name)
    return DataPart(inputs.float() if inputs.dtype == torch.float64 else inputs, no_labels, targets, further)


def _further(kwargs: Mapping[str, Any] | None) -> dict[str, Tensor]:
    return {
        name: torch.as_tensor(np.asarray(value)) if not isinstance(value, Tensor) else value
        for name, value in (kwargs or {}).items()
    }


def _check_further(inputs: Tensor, further: Mapping[str, Tensor], name: str) -> None:
    if inputs.ndim == 0 or any(value.ndim == 0 or len(value) != len(inputs) for value in further.values()):
        shapes = ", ".join(f"{key} {tuple(value.shape)}" for key, value in {"x": inputs, **further}.items())
        raise DataError(f"data {name}: expected further inputs of each of the examples, got {shapes}")


def _scored_by(task: str | Task, train: DataPart) -> Task:
    if isinstance(task, Task):
        return task
    return task_named(task, train.targets)
