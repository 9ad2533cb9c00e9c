"""How well one representation fits another after the best rotation."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Float64
from numpy.typing import ArrayLike
from torch import Tensor

from modelstitch.geometry.inputs import Array, centred_pair, narrow

_LEAST = 2


def procrustes_similarity(x: Float[Tensor, "n d"] | ArrayLike, y: Float[Tensor, "n e"] | ArrayLike) -> float:
    r"""The cosine that is left between two representations after the best rotation.

    .. math:: \|\hat X^\top \hat Y\|_*, \quad \hat X = \frac{X - \bar X}{\|X - \bar X\|_F}

    the nuclear norm (sum of singular values). Also known as normalised Bures similarity of the Gram matrices.

    Args:
        x, y: (N, D) and (N, D'); the narrower side counts as filled up with zeros.

    Returns:
        A number in [0, 1]; higher is more similar. Symmetric. Invariant to translation, rotation (reflections
        count as rotations) and one scale of each side. Independent representations give above 0, towards
        1 with many features.

    Raises:
        GeometryError: not two sets of rows, fewer than 2 examples, a constant side.

    Source: Williams et al. 2021, arXiv 2110.14739 (the cosine of their angular metric); Tang et al. 2020,
    arXiv 2003.11498.

    Example:
        >>> x = torch.tensor([[0.0, 1.0], [2.0, 0.0], [3.0, 3.0]])
        >>> round(procrustes_similarity(x, 5 * x.flip(1) - 2), 6)
        1.0
    """
    a, b = _unit_pair(x, y)
    return min(1.0, float(torch.linalg.svdvals(a.T @ b).sum()))


def procrustes_distance(x: Float[Tensor, "n d"] | ArrayLike, y: Float[Tensor, "n e"] | ArrayLike) -> float:
    r"""How far apart two representations stay under the best rotation.

    .. math:: \min_{Q^\top Q = I} \|\hat X - \hat Y Q\|_F = \sqrt{2 - 2 \|\hat X^\top \hat Y\|_*},
        \quad \hat X = \frac{X - \bar X}{\|X - \bar X\|_F}

    The form: both sides centred and scaled to Frobenius norm 1, the square root taken, so that it is a
    metric. Ding et al. report the square of it; the angular metric of Williams et al. is the arc cosine of
    :func:`procrustes_similarity` instead. It is computed as the norm of what is left, so that no digits are
    lost near 0.

    Args:
        x, y: (N, D) and (N, D'); the narrower side counts as filled up with zeros.

    Returns:
        A number in [0, root of 2]; lower is more similar. Symmetric; invariant as
        :func:`procrustes_similarity`.

    Raises:
        GeometryError: not two sets of rows, fewer than 2 examples, a constant side.

    Source: Williams et al. 2021, arXiv 2110.14739; Ding et al. 2021, arXiv 2108.01661.

    Example:
        >>> x = torch.tensor([[0.0, 1.0], [2.0, 0.0], [3.0, 3.0]])
        >>> procrustes_distance(x, 5 * x.flip(1) - 2) < 1e-14
        True
    """
    a, b = _unit_pair(x, y)
    u, _, v = torch.linalg.svd(a.T @ b, full_matrices=False)
    left, right = a @ u, b @ v.T
    rest = (left - right).square().sum() + (a - left @ u.T).square().sum() + (b - right @ v).square().sum()
    return math.sqrt(float(rest.clamp_max(2)))


def _unit_pair(x: Array, y: Array) -> tuple[Float64[Tensor, "n d"], Float64[Tensor, "n e"]]:
    one, other = (narrow(side.rows) for side in centred_pair(x, y, _LEAST, "Procrustes"))
    return one / one.norm(), other / other.norm()
