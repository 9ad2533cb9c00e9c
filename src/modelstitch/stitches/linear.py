"""The base class of families with one convolution: weight, bias, batch norms, coordinates."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from modelstitch.cutting.layouts import Shaped
from modelstitch.specs import StitchSpec
from modelstitch.stitches.base import Stitch, fixed_generator
from modelstitch.stitches.convolve import batch_norm, convolve
from modelstitch.stitches.coordinates import Coordinates
from modelstitch.stitches.fittable import Values


def uniform(shape: tuple[int, ...], variance: float, generator: torch.Generator) -> Tensor:
    """Draw a tensor uniformly with mean 0 and the given variance."""
    bound = math.sqrt(3 * variance)
    return nn.init.uniform_(torch.empty(shape), -bound, bound, generator=generator)


class Linear(Stitch):
    r"""One convolution, with bias, or without between two batch norms.

    .. math:: y_{o,p} = b_o + \sum_f W_{o,f} \, x_{f,p}

    where f runs over the channels and positions of the patch at output position p. ``weight`` is (C_expected,
    C_provided, kh, kw). With norm ``batch``, batch norms stand before and after the convolution, which has no
    bias then (Bansal et al. 2021, section 2).
    """

    def __init__(self, spec: StitchSpec, provided_layout: Shaped, expected_layout: Shaped) -> None:
        super().__init__(spec, provided_layout, expected_layout)
        c_provided, c_expected = self.provided[0], self.expected[0]
        self.weight = nn.Parameter(torch.empty(c_expected, c_provided, *self.bridge.kernel(self.reach)))
        batch = spec.norm == "batch"
        self.bias = None if batch else nn.Parameter(torch.empty(c_expected))
        self.norm_in: nn.Module = batch_norm(c_provided, self.n_axes) if batch else nn.Identity()
        self.norm_out: nn.Module = batch_norm(c_expected, self.n_axes) if batch else nn.Identity()
        self.initialise(fixed_generator())

    def initialise(self, generator: torch.Generator) -> None:
        """Draw weight and bias uniformly from +-1 / sqrt(fan in), PyTorch's own start of a convolution."""
        bound = 1 / math.sqrt(self.n_features)
        for parameter in (self.weight, self.bias):
            if parameter is not None:
                nn.init.uniform_(parameter, -bound, bound, generator=generator)

    def transform(self, x: Tensor) -> Tensor:
        y = convolve(self.norm_in(x), self.weight, self.bias, stride=self.bridge.stride, padding=self.reach)
        normed = self.norm_out(y)
        assert isinstance(normed, Tensor)
        return normed

    def to_plain(self, values: Values, coordinates: Coordinates) -> Values:
        weight = coordinates.output_weight(coordinates.input_weight(values["weight"]))
        plain = {**values, "weight": weight}
        if "bias" in values:
            plain["bias"] = (
                coordinates.mean_out + coordinates.output_weight(values["bias"]) - coordinates.shift(weight)
            )
        return plain

    def from_plain(self, values: Values, coordinates: Coordinates) -> Values:
        weight = values["weight"]
        white = {
            **values,
            "weight": coordinates.output_weight_back(coordinates.input_weight_back(weight)),
        }
        if "bias" in values:
            white["bias"] = coordinates.output_weight_back(
                values["bias"] - coordinates.mean_out + coordinates.shift(weight)
            )
        return white

    def random_start(self, generator: torch.Generator) -> Values:
        values = super().random_start(generator)
        values["weight"] = uniform(tuple(self.weight.shape), 1 / self.n_features, generator)
        if "bias" in values:
            values["bias"] = torch.zeros_like(values["bias"])
        return values
