"""Senders whose representations are made by a plant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import final

import torch
from torch import Tensor

from modelstitch.controls.roles import Given, Plant
from modelstitch.cutting import CutModel
from modelstitch.data.parts import Data, PartName
from modelstitch.grid.inputs import NetworkInputs
from modelstitch.grid.protocols import GivesRepresentations
from modelstitch.grid.side import Side
from modelstitch.tasks import IGNORED


def planted(side: Side, plant: Plant) -> Side:
    """Return ``side`` with representations that ``plant`` makes; cuts and shapes stay as they are."""
    return replace(side, source=Planted(side.cutting, side.data, side.source, plant))


@final
class Planted:
    """Gives the representations that a plant makes.

    Args:
        cutting: the cuts whose shapes they have.
        data: tells how many labels there are.
        genuine: gives the representations that the plant may ask for.
        plant: makes representations.
    """

    def __init__(self, cutting: CutModel, data: Data, genuine: GivesRepresentations, plant: Plant) -> None:
        self.cutting, self.data, self.genuine, self.plant = cutting, data, genuine, plant

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
        """Return planted representations at ``names``; see :meth:`GivesRepresentations.represent`."""
        labels, n_labels = self._labels(inputs, part)

        def genuine(name: str, some: Tensor) -> Tensor:
            (own,) = self.genuine.represent(
                inputs, (name,), part, some, torch.float32, unaccelerated=unaccelerated
            )
            return self.cutting.find(name).layout.features_first(own)

        made = []
        for name in names:
            layout = self.cutting.find(name).layout
            shape = layout.features_first_shape
            given = Given(name, shape, part, indices, labels, n_labels, partial(genuine, name))
            made.append(layout.features_back(self.plant(given).to(dtype)))
        return tuple(made)

    def _labels(self, inputs: NetworkInputs, part: PartName) -> tuple[Tensor, int]:
        """Return the labels of all examples of a part, and the number of labels.

        A position without a target has a label of its own.
        """
        given = inputs.given[part]
        if not self.data.task.by_position:
            return given.labels, len(self.data.classes)
        n_tokens = 1 + max(int(held.targets.max()) for held in inputs.given.values())
        return torch.where(given.targets == IGNORED, n_tokens, given.targets), n_tokens + 1
