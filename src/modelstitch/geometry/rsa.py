"""Representational similarity analysis: do two representations order the pairs of examples alike?"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float64, Int
from numpy.typing import ArrayLike
from torch import Tensor

from modelstitch.errors import GeometryError, expect_one_of
from modelstitch.geometry.inputs import centred_pair, pair

Distance = Literal["euclidean", "correlation"]
_LEAST = 3
_BITS = 36  # that count when distances are compared; the others are rounding


def rsa(
    x: Float[Tensor, "n d"] | ArrayLike,
    y: Float[Tensor, "n e"] | ArrayLike,
    *,
    distance: Distance = "euclidean",
) -> float:
    r"""Rank correlation of the distances between all pairs of examples.

    .. math:: \mathrm{Spearman}\left(d(x_i, x_j),\ d(y_i, y_j)\right)_{i < j}

    Equal distances share their mean rank; distances count as equal when they agree to 11 digits.

    Args:
        x, y: (N, D) and (N, D'); time and memory grow with N squared.
        distance: ``euclidean``, or ``correlation``, one less Pearson's correlation of two rows over their
            features.

    Returns:
        A number in [-1, 1]; higher is more similar. Symmetric. Invariant to one scale of each side;
        ``euclidean`` also to translation and rotation, ``correlation`` to neither, but to the order of the
        features and an offset common to all.

    Raises:
        GeometryError: not two sets of rows, fewer than 3 examples, a constant side, an unknown distance, all
            distances of a side equal; for ``correlation`` also a row that is the same in all features.

    Source: Kriegeskorte, Mur & Bandettini 2008, doi 10.3389/neuro.06.004.2008.

    Example:
        >>> x = torch.tensor([[0.0, 1.0], [2.0, 0.0], [3.0, 3.0], [7.0, 1.0]])
        >>> round(rsa(x, 2 * x.flip(1) + 5), 6)
        1.0
    """
    expect_one_of("distance", distance, ("euclidean", "correlation"), GeometryError)
    centred = centred_pair(x, y, _LEAST, "RSA")
    given = pair(x, y, _LEAST, "RSA")
    if distance == "euclidean":
        distances = [F.pdist(side.rows) for side in centred]
    else:
        distances = [_correlation_distances(rows, name) for rows, name in zip(given, ("x", "y"), strict=True)]
    ranks = [_ranks(values) for values in distances]
    for values, name in zip(ranks, ("x", "y"), strict=True):
        if not bool(values.any()):
            raise GeometryError(
                f"expected distances between examples that differ for RSA, got {name} with "
                "all equally far apart"
            )
    a, b = ranks
    return min(1.0, max(-1.0, float(a @ b / (a.norm() * b.norm()))))


def _correlation_distances(x: Float64[Tensor, "n d"], name: str) -> Float64[Tensor, " pairs"]:
    flat = int((x.amax(1) == x.amin(1)).sum())
    if flat:
        raise GeometryError(
            f"expected rows with features that differ for correlation distance, "
            f"got {flat:,} of {len(x):,} in {name} without; use euclidean"
        )
    rows = x / x.abs().amax(1, keepdim=True)
    rows = rows - rows.mean(1, keepdim=True)
    # One less the correlation is half the squared distance of unit rows, and loses no digits near 0.
    return F.pdist(F.normalize(rows, dim=1)).square() / 2


def significant(x: Float64[Tensor, "*shape"]) -> Float64[Tensor, "*shape"]:
    """Round numbers of 0 or more to 36 binary digits: what differs only by rounding becomes equal."""
    half = 1 << (51 - _BITS)
    return ((x.view(torch.int64) + half) & -2 * half).view(torch.float64)


def _ranks(distances: Float64[Tensor, " pairs"]) -> Float64[Tensor, " pairs"]:
    """Mean ranks, less their mean; exactly 0 where all distances are equal."""
    where: Int[Tensor, " pairs"]
    counts: Int[Tensor, " levels"]
    _, where, counts = significant(distances).unique(return_inverse=True, return_counts=True)
    mean_rank = counts.cumsum(0).to(torch.float64) - (counts - 1) / 2
    return mean_rank[where] - (len(distances) + 1) / 2
