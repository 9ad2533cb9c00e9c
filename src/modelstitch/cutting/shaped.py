"""A half that hands inputs of another shape on to another half."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

from torch import Tensor, nn

Half = Literal["prefix", "suffix"]


OTHERWISE = "a copy takes one shape; modelstitch.split(model, cut, examples) gives halves that take others"


class GivesOthers(Protocol):
    """Gives the half for another shape; see :class:`modelstitch.cutting.other_shapes.OtherShapes`."""

    def other(self, half: Half, x: Tensor, kwargs: Mapping[str, Tensor]) -> nn.Module | None:
        """Return the half for an input of another shape; None where it has the shape of the capture."""


def with_other_shapes(half: nn.Module, kind: Half, others: GivesOthers) -> None:
    """Let a half take inputs of other shapes."""
    half.__dict__["others"] = (kind, others)


def elsewhere(half: nn.Module, x: Tensor, kwargs: Mapping[str, Tensor]) -> nn.Module | None:
    """Return what stands for a half at the shape of ``x``; None for itself."""
    kind, others = half.__dict__.get("others") or (None, None)
    return None if others is None else others.other(kind, x, kwargs)
