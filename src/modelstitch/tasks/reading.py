"""How the output of one network becomes the outputs that are scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from modelstitch.tasks.task import Task


@dataclass(frozen=True, kw_only=True)
class OutputReading:
    """How the output of one network becomes the outputs that a task scores.

    Attributes:
        order: the place of each scored output among the network's own, such that output k stands for class k
            of the data; the network's other outputs follow. None where they stand in this order already.

    Example:
        >>> import torch
        >>> from modelstitch.tasks import CLASSIFICATION
        >>> OutputReading(order=(2, 0, 1)).outputs(CLASSIFICATION, torch.tensor([[1.0, 2.0, 3.0]]))
        tensor([[3., 1., 2.]])
    """

    order: tuple[int, ...] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the network's output is scored as it is."""
        return self.order is None

    def outputs(self, task: Task, output: Any) -> Tensor:
        """Return the outputs (N, ..., K) that ``task`` scores, of what a network returned.

        Raises:
            ModelError: nothing in ``output`` can be scored by the task.
        """
        read = task.outputs_of(output)
        return read if self.order is None else read[..., list(self.order)]
