"""A stitched network as an ordinary module."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from modelstitch.data.parts import DataPart
from modelstitch.data.views import in_precision, show
from modelstitch.errors import ModelError
from modelstitch.grid.cell import FittedCell
from modelstitch.grid.scoring import SCORE_BATCH, scored
from modelstitch.grid.side import Side
from modelstitch.specs import View
from modelstitch.stitches import Stitch
from modelstitch.tasks import Targets, mean_score


class Stitched(nn.Module):
    """A sender's prefix, a fitted stitch and a receiver's suffix as one ordinary module.

    Its input are images as the data hold them (uint8, or values in 0-1), which the sender sees in its own
    view, or texts as :func:`modelstitch.data.texts.encoded` returns them.

    Attributes:
        stitch: the fitted stitch.
        accuracy: held-out accuracy measured when it was fitted.
    """

    def __init__(self, fitted: FittedCell, sender: Side, receiver: Side) -> None:
        super().__init__()
        self.spec = fitted.spec
        self.view, self.rate = sender.network.view, sender.data.rate
        self.prefix = sender.cutting.prefix(fitted.spec.sender_cut)
        self.stitch: Stitch = fitted.stitch
        self.suffix = receiver.cutting.suffix(fitted.spec.receiver_cut)
        self.accuracy = fitted.accuracy
        self.task = receiver.data.task
        self.further = sender.inputs.names, receiver.inputs.names
        self.dtypes = sender.inputs.dtype, receiver.inputs.dtype
        self.readers = sender.inputs.reader, receiver.inputs.reader
        self.eval()

    def forward(self, images: Tensor, **more: Tensor) -> Tensor:
        """Return the receiver's outputs, for classification class scores (N, K).

        Args:
            images: (N, C, H, W), or other inputs.
            more: (N, ...) further inputs by name.

        Raises:
            ModelError: a network takes a further input that is not given.
        """
        given = [(images, more), (images, more)]
        for index, reader in enumerate(self.readers):
            if reader is not None:
                tokens, mask = reader(images)
                given[index] = tokens, {"attention_mask": mask}
        of_sender, of_receiver = (
            {name: known[name] for name in names if name in known}
            for (_, known), names in zip(given, self.further, strict=True)
        )
        missing = [
            name
            for (_, known), names in zip(given, self.further, strict=True)
            for name in names
            if name not in known
        ]
        if missing:
            raise ModelError(
                f"the stitched network takes {missing[0]} too: give it by name, "
                f"as in stitched(x, {missing[0]}=...)"
            )
        view = self.view if self.readers[0] is None else View()
        (representation,) = self.prefix(
            in_precision(show(given[0][0], view, self.rate), self.dtypes[0]), **of_sender
        )
        stitched = self.stitch(representation.float()).to(self.dtypes[1])
        return self.task.outputs_of(self.suffix(stitched, **of_receiver))

    def score(self, part: DataPart) -> float:
        """Return the score on a part of a data set, from 0 to 1; for classification the accuracy."""

        def batches() -> Iterator[tuple[Tensor, Targets]]:
            for some in torch.arange(len(part)).split(SCORE_BATCH):
                few = part.take(some)
                yield self(few.images, **few.more), few.targets_for(self.task)

        with torch.no_grad():
            return mean_score(scored(self.task, batches()))
