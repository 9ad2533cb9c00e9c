"""What a stitched network and its whole receiver answer for every held-out example."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from modelstitch.errors import SpecError
from modelstitch.grid.cell import heldout_outputs
from modelstitch.grid.representations import Representations

if TYPE_CHECKING:
    from modelstitch.results.stitched import StitchedCell


@dataclass(frozen=True, eq=False)
class Answered:
    """The outputs of both networks for the held-out examples, as they are scored.

    Attributes:
        task: name of the task.
        classes: names of the classes; empty for a task without classes.
        targets: (n, ...) what the answers are held against.
        receiver, stitched: (n, K) class scores as logits, one for each class and then those of no class; for
            a task without classes the outputs themselves.
        images: (n, C, H, W) inputs; None where they are no images.
    """

    task: str
    classes: tuple[str, ...]
    targets: Tensor
    receiver: Tensor
    stitched: Tensor
    images: Tensor | None


def answered(network: StitchedCell) -> Answered:
    """Run both networks on the held-out examples.

    Raises:
        SpecError: the receiver has no output for some class, or examples have a target at each position.
    """
    sender, receiver = network.sides
    task, data = receiver.data.task, receiver.data
    if task.by_position or task.together or not receiver.can_score:
        raise SpecError(
            f"expected a task with one answer for each example, that the receiver can give, got {task.name}"
        )
    cut = network.spec.sender_cut
    provided = Representations(sender, (cut,), "held-out", "recompute").at(cut)
    suffix = receiver.suffix(network.spec.receiver_cut)

    def read(outputs: Tensor) -> Tensor:
        return receiver.reading.answers(outputs) if task.has_classes else outputs

    own = [read(outputs) for outputs, _ in receiver.outputs("held-out", receiver.whole)]
    batches = heldout_outputs(network.stitch, receiver, suffix, provided, task)
    stitched = [read(outputs) for outputs, _ in batches]
    part = data.heldout
    images = part.images if part.images.ndim == 4 and part.images.shape[1] in (1, 3) else None
    return Answered(
        task=task.name,
        classes=tuple(data.classes) if data.scored_by is None else (),
        targets=(part.labels if data.scored_by is None else part.targets).cpu(),
        receiver=torch.cat(own).cpu(),
        stitched=torch.cat(stitched).cpu(),
        images=None if images is None else images.cpu(),
    )
