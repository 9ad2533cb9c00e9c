"""The MLP stitch: one hidden layer with a ReLU, the only family that is not affine."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from modelstitch.cutting.layouts import Shaped
from modelstitch.specs import StitchSpec
from modelstitch.stitches.base import Stitch, fixed_generator
from modelstitch.stitches.convolve import batch_norm, convolve
from modelstitch.stitches.coordinates import Coordinates
from modelstitch.stitches.fittable import Values
from modelstitch.stitches.linear import uniform


class Mlp(Stitch):
    r"""A perceptron with one hidden layer at each (patch of) position(s).

    .. math:: y_p = b_2 + W_2 \, \mathrm{relu}(b_1 + W_1 x_p)

    ``in_weight`` is (hidden, C_provided, r, r), strided going down; ``out_weight`` (C_expected, hidden, 1,
    1).

    Example:
        >>> Mlp(StitchSpec(family="mlp", size=5), (4, 8, 8), (6, 8, 8)).n_parameters
        61
    """

    def __init__(self, spec: StitchSpec, provided_layout: Shaped, expected_layout: Shaped) -> None:
        super().__init__(spec, provided_layout, expected_layout)
        assert spec.size is not None
        hidden, c_expected = spec.size, self.expected[0]
        batch = spec.norm == "batch"
        self.in_weight = nn.Parameter(torch.empty(hidden, self.provided[0], *self.bridge.kernel()))
        self.in_bias = nn.Parameter(torch.empty(hidden))
        self.out_weight = nn.Parameter(torch.empty(c_expected, hidden, *(1,) * self.n_axes))
        self.bias = None if batch else nn.Parameter(torch.empty(c_expected))
        self.norm_in: nn.Module = batch_norm(self.provided[0], self.n_axes) if batch else nn.Identity()
        self.norm_out: nn.Module = batch_norm(c_expected, self.n_axes) if batch else nn.Identity()
        self.initialise(fixed_generator())

    def initialise(self, generator: torch.Generator) -> None:
        """Draw weights and biases uniformly from +-1 / sqrt(fan in), PyTorch's own start of a convolution."""
        for weight, bias in ((self.in_weight, self.in_bias), (self.out_weight, self.bias)):
            weight.data = uniform(tuple(weight.shape), 1 / (3 * weight[0].numel()), generator)
            if bias is not None:
                bias.data = uniform(tuple(bias.shape), 1 / (3 * weight[0].numel()), generator)

    def transform(self, x: Tensor) -> Tensor:
        hidden = convolve(self.norm_in(x), self.in_weight, self.in_bias, stride=self.bridge.stride).relu()
        normed = self.norm_out(convolve(hidden, self.out_weight, self.bias))
        assert isinstance(normed, Tensor)
        return normed

    def to_plain(self, values: Values, coordinates: Coordinates) -> Values:
        first = coordinates.input_weight(values["in_weight"])
        plain = {
            **values,
            "in_weight": first,
            "in_bias": values["in_bias"] - coordinates.shift(first),
            "out_weight": coordinates.output_weight(values["out_weight"]),
        }
        if "bias" in values:
            plain["bias"] = coordinates.mean_out + coordinates.output_weight(values["bias"])
        return plain

    def from_plain(self, values: Values, coordinates: Coordinates) -> Values:
        first = values["in_weight"]
        white = {
            **values,
            "in_weight": coordinates.input_weight_back(first),
            "in_bias": values["in_bias"] + coordinates.shift(first),
            "out_weight": coordinates.output_weight_back(values["out_weight"]),
        }
        if "bias" in values:
            white["bias"] = coordinates.output_weight_back(values["bias"] - coordinates.mean_out)
        return white

    def random_start(self, generator: torch.Generator) -> Values:
        values = super().random_start(generator)
        # A ReLU halves the second moment (He et al. 2015).
        values["in_weight"] = uniform(tuple(self.in_weight.shape), 2 / self.n_features, generator)
        values["in_bias"] = torch.zeros_like(values["in_bias"])
        values["out_weight"] = uniform(tuple(self.out_weight.shape), 1 / len(self.in_bias), generator)
        if "bias" in values:
            values["bias"] = torch.zeros_like(values["bias"])
        return values
