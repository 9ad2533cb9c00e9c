"""A network's representations at one cut, computed once: many senders are planted in the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import final

import torch
from torch import Tensor

from modelstitch.data.parts import PartName
from modelstitch.grid.inputs import NetworkInputs
from modelstitch.grid.protocols import GivesRepresentations
from modelstitch.grid.scoring import score_batches
from modelstitch.grid.side import Side

_MOST_BYTES = 2 * 10**9
"""A part whose representations take more is computed each time."""


def kept(side: Side, cut: str) -> Side:
    """Return a side whose representations at ``cut`` are computed once, for planted senders to be made of.

    A part is computed whole, in its order and in fixed batches, when an example of it is first asked for. So
    a value does not depend on which examples were asked for before.
    """
    return replace(side, source=KeptRepresentations(side, cut))


@final
class KeptRepresentations:
    """Gives the float32 representations at one cut from memory, and all others as its side does.

    Args:
        side: gives the representations.
        cut: where they are kept.
    """

    def __init__(self, side: Side, cut: str) -> None:
        self.side, self.cut = side, cut
        self._kept: dict[tuple[PartName, bool], Tensor] = {}

    def represent(
        self,
        inputs: NetworkInputs,
        names: Sequence[str],
        part: PartName,
        indices: Tensor,
        dtype: torch.dtype,
        *,
        unaccelerated: bool,
    ) -> tuple[Tensor, ...]:
        """Return representations at ``names``; see :meth:`GivesRepresentations.represent`."""
        source: GivesRepresentations = self.side.source
        known = inputs.given[part] is self.side.inputs.given[part]
        if tuple(names) != (self.cut,) or dtype != torch.float32 or not known or not self._fits(part):
            return source.represent(inputs, names, part, indices, dtype, unaccelerated=unaccelerated)
        if (part, unaccelerated) not in self._kept:
            batches = [
                source.represent(inputs, names, part, some, dtype, unaccelerated=unaccelerated)[0]
                for some in score_batches(len(inputs.given[part]))
            ]
            self._kept[part, unaccelerated] = torch.cat(batches)
        every = self._kept[part, unaccelerated]
        return (every[indices.to(every.device)],)

    def _fits(self, part: PartName) -> bool:
        shape = self.side.cut(self.cut).layout.shape
        return 4 * len(self.side.inputs.given[part]) * torch.Size(shape).numel() <= _MOST_BYTES
