"""The scale stitch: one scale and one offset for each channel; both cuts need equally many channels."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from modelstitch.cutting.layouts import Shaped
from modelstitch.errors import StitchError
from modelstitch.specs import StitchSpec
from modelstitch.stitches.base import Stitch
from modelstitch.stitches.coordinates import Coordinates
from modelstitch.stitches.fittable import Values


class Scale(Stitch):
    r"""A scale and an offset for each channel, after average pooling where the resolution goes down.

    .. math:: y_{c,p} = b_c + s_c \, x_{c,p}

    Raises:
        StitchError: the two cuts have different numbers of channels.

    Example:
        >>> Scale(StitchSpec(family="scale"), (4, 8, 8), (4, 4, 4)).n_parameters
        8
    """

    down: ClassVar[Literal["stride", "pool"]] = "pool"

    def __init__(self, spec: StitchSpec, provided_layout: Shaped, expected_layout: Shaped) -> None:
        super().__init__(spec, provided_layout, expected_layout)
        if self.provided[0] != self.expected[0]:
            raise StitchError(
                f"a scale stitch needs as many channels on both sides, "
                f"got {self.provided[0]} -> {self.expected[0]}; choose the family affine, or other cuts"
            )
        self.scale = nn.Parameter(torch.ones(self.provided[0]))
        self.bias = nn.Parameter(torch.zeros(self.provided[0]))

    def transform(self, x: Tensor) -> Tensor:
        scale, bias = (
            parameter.to(x.dtype).view(-1, *(1,) * self.n_axes) for parameter in (self.scale, self.bias)
        )
        return x * scale + bias

    def to_plain(self, values: Values, coordinates: Coordinates) -> Values:
        # Channels must not mix: only each channel's own scale of the whitening applies.
        scale = values["scale"] * coordinates.scale_out * coordinates.white.diagonal()
        bias = coordinates.mean_out + coordinates.scale_out * values["bias"] - scale * coordinates.mean_in
        return {"scale": scale, "bias": bias}

    def from_plain(self, values: Values, coordinates: Coordinates) -> Values:
        scale, bias = values["scale"], values["bias"]
        offset = bias - coordinates.mean_out + scale * coordinates.mean_in
        return {
            "scale": scale / (coordinates.scale_out * coordinates.white.diagonal()),
            "bias": offset / coordinates.scale_out,
        }

    def random_start(self, generator: torch.Generator) -> Values:
        signs = torch.randint(0, 2, self.scale.shape, generator=generator).float() * 2 - 1
        return {"scale": signs, "bias": torch.zeros_like(self.bias)}
