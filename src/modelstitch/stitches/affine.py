"""The paper's stitch: a strided convolution down, a 1 x 1 convolution otherwise, with bias."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modelstitch.specs import StitchSpec
from modelstitch.stitches.base import Stitch


class Affine(Stitch):
    r"""An affine map of the channels of each (patch of) position(s).

    .. math:: y_{o,p} = b_o + \sum_{i,q} W_{o,i,q} \, x_{i, r p + q}, \quad q \in \{0..r-1\}^2

    ``W`` is (C_expected, C_provided, r, r) with r the ratio of the resolutions going down, 1 otherwise. With norm
    ``batch``, batch norms stand before and after the convolution (Bansal et al. 2021, section 2), which then has no
    bias of its own.

    Source: Hernandez et al. 2022, section 3.

    Example:
        >>> Affine(StitchSpec(), (4, 8, 8), (6, 4, 4)).n_parameters
        102
    """

    def __init__(
        self, spec: StitchSpec, provided_shape: tuple[int, ...], expected_shape: tuple[int, ...]
    ) -> None:
        super().__init__(spec, provided_shape, expected_shape)
        c_provided, c_expected = self.provided[0], self.expected[0]
        self.weight = nn.Parameter(torch.empty(c_expected, c_provided, *self.bridge.stride))
        batch = spec.norm == "batch"
        self.bias = None if batch else nn.Parameter(torch.empty(c_expected))
        self.norm_in: nn.Module = nn.BatchNorm2d(c_provided) if batch else nn.Identity()
        self.norm_out: nn.Module = nn.BatchNorm2d(c_expected) if batch else nn.Identity()
        self.initialise(None)

    def initialise(self, generator: torch.Generator | None) -> None:
        """Draw weight and bias uniformly from +-1 / sqrt(fan in), PyTorch's own start of a convolution."""
        bound = 1 / math.sqrt(self.weight[0].numel())
        for parameter in (self.weight, self.bias):
            if parameter is not None:
                nn.init.uniform_(parameter, -bound, bound, generator=generator)

    def transform(self, x: Tensor) -> Tensor:
        y = F.conv2d(self.norm_in(x), self.weight, self.bias, stride=self.bridge.stride)
        normed = self.norm_out(y)
        assert isinstance(normed, Tensor)
        return normed
