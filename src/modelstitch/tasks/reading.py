"""How a network's outputs are read: which of them is scored, and on what scale it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from modelstitch.tasks.outputs import WHOLE, pick
from modelstitch.tasks.scales import as_logits
from modelstitch.tasks.task import Task


@dataclass(frozen=True)
class OutputReading:
    """How the outputs of one network are read for a task.

    Attributes:
        task: what is scored.
        part: name of the output that is scored; empty where there is one.
        scale: of this output, one of ``specs.OUTPUT_SCALES``; ``logits`` also where a task takes any outputs.
        answer_scale: of the class scores that the task reads for evidence.
        order: place of each scored output among the network's own, such that output k stands for class k of
            the data; the network's other outputs follow. None where they stand in this order already.
        among: all outputs with their shapes, in words, where there are several.

    Example:
        >>> import torch
        >>> from modelstitch.tasks import CLASSIFICATION
        >>> read = OutputReading(CLASSIFICATION, "1", "probabilities")
        >>> read((torch.zeros(1, 4), torch.tensor([[0.25, 0.75]]))).exp().tolist()
        [[0.25, 0.75]]
    """

    task: Task
    part: str = WHOLE
    scale: str = "logits"
    answer_scale: str = "logits"
    order: tuple[int, ...] | None = None
    among: tuple[str, ...] = ()

    @property
    def choices(self) -> dict[str, Any]:
        """What decides the numbers of a run, as plain values."""
        order = None if self.order is None else list(self.order)
        return {
            "part": self.part,
            "output_scale": self.scale,
            "answer_scale": self.answer_scale,
            "order": order,
        }

    @property
    def is_squashed(self) -> bool:
        """Whether logits are read from what a softmax or a sigmoid gives."""
        return self.scale not in ("logits", "log-probabilities")

    @property
    def changes_nothing(self) -> bool:
        """Whether a network's output is what is scored."""
        return self.part == WHOLE and self.order is None and not self.is_squashed

    def part_of(self, output: Any) -> Tensor:
        """Return the output that is scored, its values in the order of the classes of the data.

        Raises:
            ModelError: it is not there, or has other axes.
        """
        part = pick(output, self.part, self.task)
        return part if self.order is None else part[..., list(self.order)]

    def as_scores(self, part: Tensor) -> Tensor:
        """Return what the task's loss and score take."""
        return as_logits(part, self.scale)

    def __call__(self, output: Any) -> Tensor:
        """Return what the task's loss and score take, from all that a network gives."""
        return self.as_scores(self.part_of(output))

    def answers(self, scores: Tensor) -> Tensor:
        """Return class scores, as logits, of what the task's loss and score take."""
        return as_logits(self.task.read(scores), self.answer_scale)
