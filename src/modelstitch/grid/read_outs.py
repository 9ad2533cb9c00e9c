"""Receivers whose suffix is a fixed read-out."""

from __future__ import annotations

from dataclasses import replace
from typing import final

import torch
from torch import nn

from modelstitch.controls.probe import ReadOut
from modelstitch.cutting import CutModel
from modelstitch.grid.side import Side


def read_out(side: Side) -> Side:
    """Return ``side`` with a fixed read-out of the classes in the place of every suffix."""
    device = side.data.train.images.device
    return replace(side, completion=ReadOuts(side.cutting, len(side.data.classes), device))


@final
class ReadOuts:
    """Completes a network from any cut by a fixed read-out, which runs in the precision of its input.

    Args:
        cutting: the cuts.
        n_classes: number of class scores.
        device: where the read-outs are.
    """

    def __init__(self, cutting: CutModel, n_classes: int, device: torch.device) -> None:
        self.cutting, self.n_classes, self.device = cutting, n_classes, device

    def later(self, name: str) -> tuple[str, ...]:
        """Return none: nothing lies behind a read-out's cut."""
        return ()

    def suffix(self, name: str) -> nn.Module:
        """Return the read-out at ``name``."""
        return ReadOut(self.cutting.find(name).layout, self.n_classes).to(self.device)

    def fast_suffix(self, name: str, dtype: torch.dtype) -> nn.Module:
        """Return the read-out at ``name``."""
        return self.suffix(name)

    def trail(self, name: str, later: tuple[str, ...], dtype: torch.dtype) -> nn.Module:
        """Raise: no later cut exists."""
        raise NotImplementedError(f"no cut lies behind {name!r} in a read-out, got {later}")
