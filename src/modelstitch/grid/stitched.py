"""A stitched network as an ordinary module."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from modelstitch.data.parts import DataPart
from modelstitch.data.ranges import expect_values_in_range
from modelstitch.data.texts import MASK
from modelstitch.data.views import ends, in_precision, show
from modelstitch.errors import ModelError
from modelstitch.grid.scoring import SCORE_BATCH, scored
from modelstitch.grid.side import Side
from modelstitch.specs import CellSpec
from modelstitch.stitches import Stitch
from modelstitch.tasks import Targets, mean_score


class Stitched(nn.Module):
    """A sender's prefix, a fitted stitch and a receiver's suffix as one ordinary module.

    Its input are images as the data hold them (uint8, or floating values in the range of the sender's view),
    which the sender sees in its own view, or texts as :func:`modelstitch.data.texts.encoded` returns them.

    Attributes:
        prefix, stitch, suffix: the sender up to its cut, the fitted stitch, the receiver from its cut on.
        accuracy: held-out score measured when it was fitted; for classification the accuracy.
    """

    def __init__(self, spec: CellSpec, stitch: Stitch, accuracy: float, sender: Side, receiver: Side) -> None:
        super().__init__()
        self.spec = spec
        self.view, self.rate = sender.inputs.view, sender.inputs.rate
        self.views = sender.inputs.view, receiver.inputs.view
        self.prefix = sender.cutting.prefix(spec.sender_cut)
        self.stitch: Stitch = stitch
        self.suffix = receiver.cutting.suffix(spec.receiver_cut)
        self.accuracy = accuracy
        self.task, self.reading = receiver.data.task, receiver.reading
        self.further = sender.inputs.names, receiver.inputs.names
        self.again = receiver.inputs.again
        self.dtypes = sender.inputs.dtype, receiver.inputs.dtype
        self.readers = sender.inputs.reader, receiver.inputs.reader
        self.eval()

    @property
    def sender_part(self) -> nn.Module:
        """The sender's prefix."""
        return self.prefix

    @property
    def receiver_part(self) -> nn.Module:
        """The receiver's suffix."""
        return self.suffix

    def forward(self, images: Tensor, samples: Tensor | None = None, **kwargs: Tensor) -> Tensor:
        """Return the receiver's output that is scored, as the receiver gives it.

        Args:
            images: (N, C, H, W), or other inputs.
            samples: (N,), of each sound before silence was added to it; by default all are full.
            kwargs: (N, ...) further inputs by name.

        Raises:
            ModelError: a network takes a further input that is not given.
            DataError: values outside the range of the sender's view.
        """
        if not torch.compiler.is_compiling():  # a check of values is no part of the graph
            expect_values_in_range(images, self.view, is_sound=self.rate is not None)
        x, of_sender = self._inputs_of(0, images, samples, kwargs)
        of_its_own, of_receiver = self._inputs_of(1, images, samples, kwargs)
        if self.again is not None:
            of_receiver[self.again] = of_its_own
        shown = in_precision(show(x, self.view, self.rate, samples), self.dtypes[0])
        (representation,) = self.prefix(shown, **of_sender)
        stitched = self.stitch(representation.float()).to(self.dtypes[1])
        return self.reading.part_of(self.suffix(stitched, **of_receiver))

    def _inputs_of(
        self, side: int, images: Tensor, samples: Tensor | None, kwargs: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the input and the further inputs of the sender (0) or the receiver (1)."""
        reader = self.readers[side]
        if reader is not None:
            images, kwargs = reader(images)
        elif MASK in self.further[side] and self.rate is not None:
            kwargs = {MASK: ends(images, self.views[side], self.rate, samples), **kwargs}
        for name in self.further[side]:
            if name not in kwargs:
                raise ModelError(
                    f"the stitched network takes {name} too: give it by name, as in stitched(x, {name}=...)"
                )
        return images, {name: kwargs[name] for name in self.further[side]}

    def score(self, part: DataPart) -> float:
        """Return the score on a part of a data set, from 0 to 1; for classification the accuracy."""

        def batches() -> Iterator[tuple[Tensor, Targets]]:
            for some in torch.arange(len(part)).split(SCORE_BATCH):
                few = part.take(some)
                outputs = self.reading.as_scores(self(few.images, few.samples, **few.kwargs))
                yield outputs, few.targets_for(self.task)

        with torch.no_grad():
            return mean_score(scored(self.task, batches()))
