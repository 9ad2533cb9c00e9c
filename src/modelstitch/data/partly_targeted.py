"""New examples of a task whose targets are numbers, of which some or all may have no target yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from modelstitch.data.given_inputs import in_single, inputs_of
from modelstitch.data.parts import Data, DataPart
from modelstitch.data.sources import npz
from modelstitch.data.targets import checked_targets
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec
from modelstitch.tasks import MULTI_LABEL, Task

TARGETS_MAY_BE_MISSING = ("regression", "multi-label")
"""Tasks whose new examples may have no target: NaN, of labels also -1."""


@dataclass(frozen=True, eq=False)
class PartlyTargeted:
    """New examples, and which have their target.

    Attributes:
        data: its held-out part has the examples; a target that is not known is 0 there, and nobody may score
            it.
        known: (n,) whether the target of each is known.
        places: where each lies.
    """

    data: Data
    known: Bool[Tensor, " n"]
    places: tuple[str, ...]


def partly_targeted(
    given: Any, spec: DataSpec, width: int, task_of_run: Callable[[], Task]
) -> PartlyTargeted | None:
    """Read new examples of a task whose targets are numbers.

    An example has no target where its row of ``y`` holds NaN, of labels also where it holds -1, and none has
    one without ``y``.

    Args:
        given: ``(x, y)`` with None, NaN or -1 where there is no target, or an ``.npz`` file.
        spec: options of the source.
        width: number of outputs, and of the targets of an example.
        task_of_run: returns the task, whose unit may be that of the targets of a run.

    Returns:
        The examples; None where another source is given, which has all targets.

    Raises:
        DataError: arrays that cannot be read, or targets that do not fit the task.
    """
    if spec.task not in TARGETS_MAY_BE_MISSING:
        return None
    if isinstance(given, tuple):
        x, y = (*given, None)[:2]
        part, name, ending = (
            DataPart(in_single(inputs_of(x, "data in memory").x.cpu()), _zeros(len(x))),
            "in memory",
            "",
        )
        groups = None
    elif isinstance(given, str) and npz.recognises(given):
        found, name = npz.partly_labelled(spec), Path(given).stem
        y, ending, groups = found.y, found.ending, found.groups
        part = DataPart(found.x, _zeros(len(found.x)), None, found.kwargs)
    else:
        return None
    targets, known = _targets(y, len(part), width, spec.task, part.images, name)
    numbers = None if groups is None else torch.from_numpy(np.unique(groups, return_inverse=True)[1])
    part = DataPart(part.images, part.labels, targets, part.kwargs, groups=numbers)
    task = MULTI_LABEL if spec.task == MULTI_LABEL.name else task_of_run()
    data = Data(part, part, ("all",), name, "new examples", scored_by=task)
    return PartlyTargeted(data, known, tuple(f"row {row} of x{ending}" for row in range(len(part))))


def _zeros(n: int) -> Tensor:
    return torch.zeros(n, dtype=torch.int64)


def _targets(
    y: Any, n: int, width: int, task: str, inputs: Tensor, name: str
) -> tuple[Tensor, Bool[Tensor, " n"]]:
    """Return the targets (n, width), 0 where there is none, and which are known."""
    if y is None:
        values = torch.full((n, width), torch.nan)
    else:
        values = torch.as_tensor(np.asarray(y) if not isinstance(y, Tensor) else y).cpu()
        values = values[:, None] if values.ndim == 1 else values
        if values.ndim != 2 or values.shape != (n, width):
            raise DataError(
                f"data {name}: expected targets ({n}, {width}) for the task {task}, got {tuple(values.shape)}"
            )
    missing = values.isnan() if values.is_floating_point() else torch.zeros_like(values, dtype=torch.bool)
    if task == MULTI_LABEL.name:
        missing = missing | (values == -1)
    known = ~missing.any(1)
    in_part = missing.any(1) & ~missing.all(1)
    if bool(in_part.any()):
        raise DataError(
            f"data {name}: expected all targets of an example or none, got some of them at example "
            f"{int(in_part.nonzero()[0])}"
        )
    filled = values.masked_fill(missing, 0)
    return checked_targets(filled, inputs, task, name), known
