"""The low-rank stitch: an affine stitch whose weight has rank at most r."""

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


class LowRank(Stitch):
    r"""An affine stitch whose weight is a product of two thin matrices.

    .. math:: y_{o,p} = b_o + \sum_{k<r} U_{o,k} \sum_{i,q} V_{k,i,q} \, x_{i, r p + q}

    ``down`` is V, a strided convolution (rank, C_provided, kh, kw) without bias; ``up`` is U, a 1 x 1
    convolution (C_expected, rank, 1, 1) with bias. The rank is at most that of an affine stitch.

    Example:
        >>> stitch = LowRank(StitchSpec(family="lowrank", size=2), (4, 8, 8), (6, 8, 8))
        >>> tuple(stitch.down_weight.shape), tuple(stitch.up_weight.shape), stitch.n_parameters
        ((2, 4, 1, 1), (6, 2, 1, 1), 22)
    """

    def __init__(self, spec: StitchSpec, provided_layout: Shaped, expected_layout: Shaped) -> None:
        super().__init__(spec, provided_layout, expected_layout)
        assert spec.size is not None
        c_expected = self.expected[0]
        self.rank = min(spec.size, self.n_features, c_expected)
        self.down_weight = nn.Parameter(torch.empty(self.rank, self.provided[0], *self.bridge.kernel()))
        self.up_weight = nn.Parameter(torch.empty(c_expected, self.rank, *(1,) * self.n_axes))
        batch = spec.norm == "batch"
        self.bias = None if batch else nn.Parameter(torch.empty(c_expected))
        self.norm_in: nn.Module = batch_norm(self.provided[0], self.n_axes) if batch else nn.Identity()
        self.norm_out: nn.Module = batch_norm(c_expected, self.n_axes) if batch else nn.Identity()
        self.initialise(fixed_generator())

    def initialise(self, generator: torch.Generator) -> None:
        """Draw each weight uniformly from +-1 / sqrt(fan in), PyTorch's own start of a convolution."""
        for weight in (self.down_weight, self.up_weight):
            weight.data = uniform(tuple(weight.shape), 1 / (3 * weight[0].numel()), generator)
        if self.bias is not None:
            self.bias.data = uniform(tuple(self.bias.shape), 1 / (3 * self.rank), generator)

    @property
    def n_parameters(self) -> int:
        """Numbers of weights and bias, minus the rank x rank mixing between the weights, which is a no-op."""
        return super().n_parameters - self.rank**2

    def transform(self, x: Tensor) -> Tensor:
        middle = convolve(self.norm_in(x), self.down_weight, None, stride=self.bridge.stride)
        normed = self.norm_out(convolve(middle, self.up_weight, self.bias))
        assert isinstance(normed, Tensor)
        return normed

    def to_plain(self, values: Values, coordinates: Coordinates) -> Values:
        down = coordinates.input_weight(values["down_weight"])
        up = coordinates.output_weight(values["up_weight"])
        plain = {**values, "down_weight": down, "up_weight": up}
        if "bias" in values:
            shift = up.flatten(1) @ coordinates.shift(down)
            plain["bias"] = coordinates.mean_out + coordinates.output_weight(values["bias"]) - shift
        return plain

    def from_plain(self, values: Values, coordinates: Coordinates) -> Values:
        down, up = values["down_weight"], values["up_weight"]
        white = {
            **values,
            "down_weight": coordinates.input_weight_back(down),
            "up_weight": coordinates.output_weight_back(up),
        }
        if "bias" in values:
            shift = up.flatten(1) @ coordinates.shift(down)
            white["bias"] = coordinates.output_weight_back(values["bias"] - coordinates.mean_out + shift)
        return white

    def random_start(self, generator: torch.Generator) -> Values:
        values = super().random_start(generator)
        values["down_weight"] = uniform(tuple(self.down_weight.shape), 1 / self.n_features, generator)
        values["up_weight"] = uniform(tuple(self.up_weight.shape), 1 / self.rank, generator)
        if "bias" in values:
            values["bias"] = torch.zeros_like(values["bias"])
        return values
