"""Sums of products over many rows, which float32 alone does not carry."""

from __future__ import annotations

import torch
from jaxtyping import Float, Float64
from torch import Tensor

_ROWS = 4096
"""Rows whose products are summed in their own precision."""


def sum_of_products(x: Float[Tensor, "n d"], y: Float[Tensor, "n e"]) -> Float64[Tensor, "d e"]:
    r"""Return the sum of products over rows, to the digits that the rows themselves have.

    .. math:: S = \sum_i x_i y_i^\top

    A product of float32 matrices adds up all rows in float32, one after another where they have few columns:
    over two million rows of 8 columns the sum is wrong by one thousandth, more than the smallest eigenvalues
    that least squares resolves. Here blocks of 4,096 rows are summed in float32, and blocks in float64.

    Args:
        x, y: (N, D) and (N, E), the same rows.

    Returns:
        (D, E) in float64.

    Example:
        >>> rows = torch.full((300_000, 1), 0.1)
        >>> float(sum_of_products(rows, rows)[0, 0] / (300_000 * rows[0, 0].double() ** 2) - 1) < 1e-6
        True
    """
    total = torch.zeros(x.shape[1], y.shape[1], dtype=torch.float64, device=x.device)
    for some, others in zip(x.split(_ROWS), y.split(_ROWS), strict=True):
        total += some.T @ others
    return total
