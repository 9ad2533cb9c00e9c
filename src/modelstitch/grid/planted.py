"""Sides of a pair that are not a plain network: planted representations, and a fixed read-out instead of a suffix."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from modelstitch.controls.probe import ReadOut
from modelstitch.controls.roles import Given, Plant
from modelstitch.data.parts import DataPart
from modelstitch.grid.side import Side
from modelstitch.tasks import IGNORED


class PlantedSide(Side):
    """A sender whose representations are made by a plant; its cuts and shapes are those of the network it stands for.

    Args:
        like: the side whose cuts it has, and whose representations the plant may ask for.
        plant: makes representations.
    """

    def __init__(self, like: Side, plant: Plant) -> None:
        super().__init__(like.network, like.data, like=like)
        self._genuine, self._plant = like, plant

    def represent(
        self,
        names: Sequence[str],
        split: DataPart,
        indices: Tensor,
        dtype: torch.dtype,
        *,
        plain: bool = False,
    ) -> tuple[Tensor, ...]:
        part = "train" if split is self.data.train else "held-out"

        def genuine(name: str, some: Tensor) -> Tensor:
            (found,) = self._genuine.represent((name,), split, some, torch.float32, plain=plain)
            return self.cut(name).layout.features_first(found)

        made = []
        for name in names:
            layout = self.cut(name).layout
            given = Given(
                name,
                layout.features_first_shape,
                part,
                indices,
                *self._labels(split),
                partial(genuine, name),
            )
            made.append(layout.features_back(self._plant(given).to(dtype)))
        return tuple(made)

    def _labels(self, split: DataPart) -> tuple[Tensor, int]:
        """Return the labels of all examples of a part, and how many there are; where none is wanted, one more."""
        if not self.data.task.by_position:
            return split.labels, len(self.data.classes)
        n_tokens = 1 + max(int(part.targets.max()) for part in (self.data.train, self.data.heldout))
        return torch.where(split.targets == IGNORED, n_tokens, split.targets), n_tokens + 1

    def accuracy(self) -> float | None:
        """Return None: there is no whole network."""
        return None


class ReadOutSide(Side):
    """A receiver whose later layers are replaced by a fixed read-out.

    Args:
        like: the side whose cuts it has.
    """

    def __init__(self, like: Side) -> None:
        super().__init__(like.network, like.data, like=like)

    def suffix(self, name: str) -> nn.Module:
        read_out = ReadOut(self.cut(name).layout, len(self.data.classes))
        return read_out.to(self.data.train.images.device)

    def fast_suffix(self, name: str, dtype: torch.dtype, later: tuple[str, ...] | None = None) -> nn.Module:
        return self.suffix(name)

    def accuracy(self) -> float | None:
        """Return None: there is no whole network."""
        return None
