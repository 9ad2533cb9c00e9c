"""What a gradient fit can fit: a module, the coordinates that it is fitted in, and what holds it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from modelstitch.stitches.coordinates import Coordinates

Values = dict[str, Tensor]
"""The trainable parameters of a stitch, by name."""


class Fittable(nn.Module):
    """A module with parameters to fit: in plain coordinates, from its own start, without a constraint."""

    def to_plain(self, values: Values, coordinates: Coordinates) -> Values:
        """Return the parameters in plain coordinates that equal ``values`` in ``coordinates``.

        Differentiable: an optimiser works on ``values`` while the network sees the plain ones.
        """
        return values

    def from_plain(self, values: Values, coordinates: Coordinates) -> Values:
        """Undo :meth:`to_plain`."""
        return values

    def random_start(self, generator: torch.Generator) -> Values:
        """Draw parameters in whitened coordinates; their scale gives outputs the expected variance."""
        return {name: value.detach().clone() for name, value in self.named_parameters()}

    def project(self, values: Values) -> Values:
        """Project parameters onto the family's constraint after a step; a no-op without a constraint."""
        return values
