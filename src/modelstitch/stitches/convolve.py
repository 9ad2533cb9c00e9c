"""Convolutions and batch norms over grids of two or three axes."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from modelstitch.stitches.bridges import AxisSizes

_CONVOLUTIONS = {2: F.conv2d, 3: F.conv3d}
_NORMS = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def convolve(
    x: Float[Tensor, "n c *grid"],
    weight: Float[Tensor, "d c *kernel"],
    bias: Float[Tensor, " d"] | None,
    stride: AxisSizes | int = 1,
    padding: AxisSizes | int = 0,
) -> Float[Tensor, "n d *strided"]:
    """Convolve a grid of two or three axes.

    Example:
        >>> import torch
        >>> convolve(torch.zeros(2, 3, 4, 8, 8), torch.zeros(5, 3, 2, 2, 2), None, (2, 2, 2)).shape
        torch.Size([2, 5, 2, 4, 4])
    """
    return _CONVOLUTIONS[weight.ndim - 2](x, weight, bias, stride, padding)


def batch_norm(n_features: int, n_axes: int) -> nn.Module:
    """Return an untrained batch norm over the features of a grid."""
    return _NORMS[n_axes](n_features)
