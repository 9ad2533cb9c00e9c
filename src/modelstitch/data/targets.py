"""Checks of targets, task by task."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from modelstitch.data.parts import DataPart
from modelstitch.errors import DataError
from modelstitch.specs import TOKEN_TASKS
from modelstitch.tasks import IGNORED


def checked_targets(targets: Tensor, inputs: Tensor, task_name: str, name: str) -> Tensor:
    """Return targets in the type and shape that a task takes.

    Args:
        targets: (N, ...) as given.
        inputs: (N, ...) of the same examples.
        task_name: of the task; those of another name than ours are left as they are.
        name: of the data, for errors.

    Raises:
        DataError: targets that are not finite, or do not fit the task or the inputs.
    """
    where = f"data {name}: expected"
    if len(targets) != len(inputs):
        raise DataError(f"{where} as many targets as examples, got {len(targets)} and {len(inputs)}")
    if targets.is_floating_point() and not targets.isfinite().all():
        wrong = (~targets.isfinite()).flatten(1).any(1) if targets.ndim > 1 else ~targets.isfinite()
        raise DataError(
            f"{where} finite targets, got NaN or infinity for {int(wrong.sum())} examples, the first is "
            f"number {int(wrong.nonzero()[0])}"
        )
    got = f"got {targets.dtype} of shape {tuple(targets.shape)}"
    if task_name == "regression":
        if targets.ndim not in (1, 2) or targets.is_complex():
            raise DataError(f"{where} numbers (N,) or (N, K) for the task regression, {got}")
        targets = targets.float()
        return targets[:, None] if targets.ndim == 1 else targets
    if task_name == "multi-label":
        if targets.ndim != 2 or not ((targets == 0) | (targets == 1)).all():
            raise DataError(f"{where} labels (N, K) of 0 and 1 for the task multi-label, {got}")
        return targets.long()
    if task_name in TOKEN_TASKS:
        if targets.dtype != torch.int64 or targets.shape != inputs.shape:
            raise DataError(
                f"{where} a token for every position {tuple(inputs.shape)}, {IGNORED} where there is no "
                f"target, {got}"
            )
        below = targets[(targets < 0) & (targets != IGNORED)]
        if len(below):
            raise DataError(
                f"{where} tokens from 0 on, or {IGNORED} where there is no target, got {int(below[0])}"
            )
    if task_name == "retrieval" and (targets.ndim != 1 or targets.is_floating_point()):
        raise DataError(f"{where} labels (N,) for the task retrieval, {got}")
    return targets


def rows_with_target(part: DataPart, name: str) -> Tensor:
    """Return the indices of the examples with a target at some position.

    Raises:
        DataError: targets that are not tokens (N, T), or no target at all.
    """
    targets = part.targets
    if targets.ndim != 2 or targets.dtype != torch.int64:
        raise DataError(
            f"data {name}: expected a token (N, T) in int64 for every position, got {targets.dtype} of shape "
            f"{tuple(targets.shape)}"
        )
    some = (targets != IGNORED).any(1)
    if not some.any():
        raise DataError(f"data {name}: expected some target tokens, got none")
    return some.nonzero().flatten()


def numbered_alike(parts: list[DataPart]) -> list[DataPart]:
    """Number the labels of all parts from 0 on, whatever whole numbers they are.

    Raises:
        DataError: no two examples share a label.
    """
    _, numbers = torch.cat([part.targets for part in parts]).unique(return_inverse=True)
    if len(numbers.unique()) == len(numbers):
        raise DataError("expected some labels that two examples share for the task retrieval, got none")
    by_part = numbers.split([len(part) for part in parts])
    return [replace(part, given_targets=own) for part, own in zip(parts, by_part, strict=True)]
