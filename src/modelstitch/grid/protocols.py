"""What stands on either side of a stitch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from modelstitch.data.parts import PartName
from modelstitch.grid.inputs import NetworkInputs


class GivesRepresentations(Protocol):
    """Gives the representations of examples at named cuts: a network's frozen prefix, or a plant."""

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
        """Return the representations (n, *shape) at each of ``names``, in ``dtype``.

        Args:
            inputs: both parts of the data.
            names: cuts; one pass computes them all.
            part: ``train`` or ``held-out``.
            indices: (n,) examples of the part.
            dtype: of the result; an accelerated prefix runs in it too.
            unaccelerated: use the unaccelerated prefix.
        """


class CompletesFromCut(Protocol):
    """Completes a network from a named cut on: its own frozen suffix, or a fixed read-out."""

    def later(self, name: str) -> tuple[str, ...]:
        """Return the block boundaries behind the cut ``name`` that it goes through."""

    def suffix(self, name: str) -> nn.Module:
        """Return a frozen module from the representation at ``name`` to the outputs that are scored."""

    def fast_suffix(self, name: str, dtype: torch.dtype) -> nn.Module:
        """Return the same, accelerated, in ``dtype``."""

    def trail(self, name: str, later: tuple[str, ...], dtype: torch.dtype) -> nn.Module:
        """Return a frozen module from the representation at ``name`` to those at ``later``."""
