"""Data of any task from arrays."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modelstitch.data.class_names import class_names, renamed
from modelstitch.data.copies import without_copies
from modelstitch.data.digests import unmasked
from modelstitch.data.given_inputs import in_single, inputs_of
from modelstitch.data.groups import grouped, without_absent
from modelstitch.data.in_memory import as_parts, from_parts, from_whole
from modelstitch.data.parts import Data, DataPart
from modelstitch.data.splitting import choose_parts, third_held_out
from modelstitch.data.targets import checked_targets, numbered_alike, rows_with_target
from modelstitch.data.together import Together, alike, expect_apart, group_values, numbered_by_part
from modelstitch.errors import DataError, expect_one_of
from modelstitch.specs import TASKS, TOKEN_TASKS, DataSpec
from modelstitch.tasks import Task, shifted, task_named
from modelstitch.util.arguments import checked
from modelstitch.util.imported import imported


@checked()
def data_from(
    x: Any,
    y: Any = None,
    *,
    task: str | Task = "classification",
    kwargs: Mapping[str, Any] | None = None,
    heldout: tuple[Any, ...] | None = None,
    groups: Any = None,
    keep_together: Any = None,
    drop_copies: bool = False,
    name: str = "in memory",
    limit: int | None = None,
    heldout_limit: int | None = None,
    seed: int = 0,
    data_classes: str | Path | Sequence[str] | None = None,
) -> Data:
    """Make a data set of any task from arrays.

    The targets ``y`` of each task, and the groups of examples that *within class* means for it:

    - ``classification`` and ``retrieval``: labels (N,), whole numbers, of a classification also names; equal
      labels.
    - ``multi-label``: labels (N, K) of 0 and 1; equal combinations. Those of fewer than ten examples, or
      without a training example, are one group, ``other``.
    - ``regression``: numbers (N,) or (N, K); tenths of the first number. A tenth without a training example
      is part of the nearest one that has some.
    - ``masked-token``: tokens (N, T), -100 where there is no target; positions with equal target tokens.
    - ``next-token``: none, the next tokens of ``x`` are the targets; as ``masked-token``.

    A task of your own has the groups of the task whose targets look like its own. Held-out examples of a
    group without a training example are refused, and more than a tenth of them where the rules above move
    them to another group.

    Args:
        x: (N, ...) images, series, or tokens (N, T) in int64.
        y: (N, ...) targets.
        task: one of these names, ``package.module:task``, or a :class:`Task` of your own.
        kwargs: (N, ...) further inputs by name of argument; ``attention_mask`` or ``mask`` is 1 at tokens,
            0 at padding.
        heldout: ``(x, y)`` or ``(x, y, kwargs)`` of the held-out part; without it, a third of the examples is
            held out, in which no example is a copy of a training example.
        groups: (N,) whole numbers or names, instead of the groups above; of both parts, the training part
            first.
        keep_together: (N,) whole numbers or names, likewise; where a third is held out, examples of one
            value come into one part, such as pictures of one patient. Two parts that share a value are
            refused.
        drop_copies: whether to leave out held-out examples that also stand in the training part.
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
    classes = None
    if task == "classification":
        parts, classes = _labelled(given, name)
    else:
        parts = _with_targets(given, task, name)
    together = _by_part(keep_together, parts, "keep_together")
    if task == "classification":
        if groups is not None:
            raise DataError(
                f"data {name}: expected groups with another task than classification, whose groups are the "
                "classes; keep_together holds examples in one part"
            )
        data = _of_classes(parts, classes, together, name, spec)
        data = data if data_classes is None else renamed(data, class_names(data_classes))
    else:
        data = _of_task(parts, task, _by_part(groups, parts, "groups"), together, name, spec)
    return without_copies(data) if drop_copies else data


def _by_part(given: Any, parts: list[DataPart], what: str) -> list[list[Hashable]] | None:
    """Return the values of each part's examples."""
    if given is None:
        return None
    n_first = len(parts[0])
    values = group_values(given, sum(map(len, parts)), what)
    return [values[:n_first], values[n_first:]][: len(parts)]


def _of_task(
    parts: list[DataPart],
    task: str | Task,
    groups: list[list[Hashable]] | None,
    together: list[list[Hashable]] | None,
    name: str,
    spec: DataSpec,
) -> Data:
    by_position = task.by_position if isinstance(task, Task) else task in TOKEN_TASKS
    if by_position:
        # Examples without a target have neither a loss nor a score.
        kept = [rows_with_target(part, name) for part in parts]
        parts = [part.take(rows) for part, rows in zip(parts, kept, strict=True)]
        groups, together = (
            None
            if values is None
            else [[own[row] for row in rows.tolist()] for own, rows in zip(values, kept, strict=True)]
            for values in (groups, together)
        )
    if _name(task) == "retrieval":
        parts = numbered_alike(parts)
    targets = torch.cat([part.targets for part in parts])
    of_all = grouped(targets, _name(task), None if groups is None else list(itertools.chain(*groups)))
    by_part = of_all.of.split([len(part) for part in parts])
    parts = [replace(part, labels=own) for part, own in zip(parts, by_part, strict=True)]
    if together is not None:
        numbers = numbered_by_part(together)
        parts = [replace(part, groups=own) for part, own in zip(parts, numbers, strict=True)]
    rows = choose_parts(
        parts[0].labels,
        parts[1].labels if len(parts) > 1 else None,
        spec,
        lambda: Together(
            alike(unmasked(parts[0]) if task == "masked-token" else parts[0]),
            parts[0].groups,
        ),
    )
    if together is not None and len(parts) > 1:
        expect_apart(together, "keep_together", name)
    train, held, classes = without_absent(parts[0].take(rows[0]), parts[-1].take(rows[1]), of_all, name)
    division = third_held_out(spec.seed) if len(parts) == 1 else "two parts as given"
    return Data(train, held, classes, name, division, scored_by=_scored_by(task, train))


def _name(task: str | Task) -> str:
    return task.name if isinstance(task, Task) else task


def _own_task(target: str) -> Task:
    task = imported(target, "task", "task", DataError, lambda value: isinstance(value, Task))
    if not isinstance(task, Task):
        raise DataError(f"expected {target!r} to be a modelstitch.Task, got {type(task).__name__}")
    return task


def _labelled(given: list[tuple[Any, ...]], name: str) -> tuple[list[DataPart], tuple[str, ...] | None]:
    """Return the parts, and the names of the classes, if the labels are names."""
    read = as_parts([(x, y) for x, y, _ in given], name, DataSpec(source=name))
    parts = []
    for part, (_, _, kwargs) in zip(read.parts, given, strict=True):
        further = _further(kwargs)
        _check_further(part.images, further, name)
        parts.append(replace(part, kwargs=further))
    return parts, read.classes


def _of_classes(
    parts: list[DataPart],
    classes: tuple[str, ...] | None,
    together: list[list[Hashable]] | None,
    name: str,
    spec: DataSpec,
) -> Data:
    if len(parts) == 1:
        groups = None if together is None else together[0]
        return from_whole(parts[0], classes=classes, name=name, spec=spec, groups=groups)
    if together is not None:
        expect_apart(together, "keep_together", name)
        numbers = numbered_by_part(together)
        parts = [replace(part, groups=own) for part, own in zip(parts, numbers, strict=True)]
    return from_parts(parts[0], parts[1], classes, name, "two parts as given", spec)


def _with_targets(given: list[tuple[Any, ...]], task: str | Task, name: str) -> list[DataPart]:
    parts = [_part_with_targets(x, y, kwargs, _name(task), name) for x, y, kwargs in given]
    shapes = [tuple(part.targets.shape[1:]) for part in parts]
    if shapes[0] != shapes[-1]:
        raise DataError(
            f"data {name}: expected targets of one shape in both parts, got {shapes[0]} and {shapes[1]}"
        )
    return parts


def _part_with_targets(
    x: Any, y: Any, kwargs: Mapping[str, Any] | None, task_name: str, name: str
) -> DataPart:
    inputs = inputs_of(x, f"data {name}").x
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
    return DataPart(in_single(inputs), no_labels, targets, further)


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
