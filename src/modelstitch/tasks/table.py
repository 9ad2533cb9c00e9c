"""The table of tasks: one row for each name in ``specs.TASKS``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from modelstitch.tasks.classification import CLASSIFICATION
from modelstitch.tasks.multi_label import MULTI_LABEL
from modelstitch.tasks.regression import regression
from modelstitch.tasks.retrieval import RETRIEVAL
from modelstitch.tasks.task import Task
from modelstitch.tasks.tokens import TOKENS

TASK_TABLE: dict[str, Task | Callable[[Tensor], Task]] = {
    "classification": CLASSIFICATION,
    "multi-label": MULTI_LABEL,
    "regression": regression,
    "next-token": TOKENS,
    "masked-token": TOKENS,
    "retrieval": RETRIEVAL,
}
"""A task, or a function that makes it from the training part's targets."""


def task_named(name: str, train_targets: Tensor) -> Task:
    """Return the task called ``name``.

    Args:
        name: one of ``specs.TASKS``.
        train_targets: (N, ...) targets of the training part.

    Example:
        >>> import torch
        >>> task_named("next-token", torch.zeros(2, 3)).axes
        3
    """
    row = TASK_TABLE[name]
    return replace(row, name=name) if isinstance(row, Task) else row(train_targets)
