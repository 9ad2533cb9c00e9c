"""Nearest neighbours: is an example surrounded by the same examples in both representations?"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float64
from numpy.typing import ArrayLike
from torch import Tensor

from modelstitch.errors import GeometryError, expect_one_of
from modelstitch.geometry.inputs import centre, centred_pair
from modelstitch.geometry.inputs import pair as checked
from modelstitch.geometry.rsa import significant

Metric = Literal["cosine", "euclidean"]
_BLOCK = 1024
_SAME = 2.0**-44  # squared distance, relative to the squared norms, below which two rows are one


def mutual_knn(
    x: Float[Tensor, "n d"] | ArrayLike,
    y: Float[Tensor, "n e"] | ArrayLike,
    k: int = 10,
    *,
    distance: Metric = "cosine",
) -> float:
    r"""The mean share of the k nearest neighbours that an example has in both representations.

    .. math:: \frac{1}{N} \sum_i \frac{|S_k(x_i) \cap S_k(y_i)|}{k}

    No example is its own neighbour. Where examples are equally far away and only some of them fit into the
    k, they share the places that are left, each with the same weight, and the intersection takes the smaller
    of two weights. So the result does not depend on the order of the examples, a representation agrees with
    itself in full, and with ties everywhere agreement is chance. Distances count as equal when they agree to
    11 digits.

    Args:
        x, y: (N, D) and (N, D').
        k: number of neighbours; comparable only between equal k and N.
        distance: ``cosine`` (the paper's: rows of unit norm, not centred; a row of zeros is at cosine 0 from
            all) or ``euclidean``.

    Returns:
        A number in [0, 1]; higher is more similar; unrelated representations score about k / (N - 1).
        Symmetric. Invariant to rotation and one scale of each side; ``euclidean`` also to translation.

    Raises:
        GeometryError: not two sets of rows, k below 1, fewer than k + 1 examples, a constant side, an
            unknown distance.

    Source: Huh et al. 2024, arXiv 2405.07987, appendix A.

    Example:
        >>> x = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
        >>> mutual_knn(x, x.flip(1), k=1)
        1.0
    """
    expect_one_of("distance", distance, ("cosine", "euclidean"), GeometryError)
    if k < 1:
        raise GeometryError(f"expected at least 1 neighbour, got k = {k}")
    a, b = centred_pair(x, y, k + 1, f"{k} nearest neighbours")
    one, other = a.rows, b.rows
    if distance == "cosine":
        one, other = (_unit(rows) for rows in checked(x, y, k + 1, "mutual_knn"))
    total = 0.0
    for first in range(0, len(one), _BLOCK):
        shared = torch.minimum(_near(one, first, k), _near(other, first, k))
        total += float(shared.sum())
    return min(1.0, total / (k * len(one)))


def _unit(x: Float64[Tensor, "n d"]) -> Float64[Tensor, "n d"]:
    """Rows of unit norm (rows of zeros stay), then centred, so that a large common offset costs no digits."""
    scale = x.abs().amax(1, keepdim=True)
    return centre(F.normalize(x / torch.where(scale > 0, scale, 1.0), dim=1)).rows


def distances(
    products: Float64[Tensor, "b n"], squares_b: Float64[Tensor, " b"], squares_n: Float64[Tensor, " n"]
) -> Float64[Tensor, "b n"]:
    """Squared distances from inner products and squared norms, to 11 digits; 0 between copies."""
    sizes = squares_b[:, None] + squares_n
    apart = sizes - 2 * products
    return significant(torch.where(apart > _SAME * sizes, apart, 0.0))


def membership(apart: Float64[Tensor, "b n"], k: int) -> Float64[Tensor, "b n"]:
    """Weights with which each of n examples is among the k nearest; each row sums to k.

    Args:
        apart: distances, infinite from an example to itself.
        k: number of neighbours.
    """
    last = apart.kthvalue(k, dim=1, keepdim=True).values
    nearer, tied = apart < last, apart == last
    places = (k - nearer.sum(1, keepdim=True)).to(apart.dtype) / tied.sum(1, keepdim=True)
    return nearer + tied * places


def _near(x: Float64[Tensor, "n d"], first: int, k: int) -> Float64[Tensor, "b n"]:
    """The memberships of a block of examples from ``first`` on."""
    squares = x.square().sum(1)
    block = slice(first, first + _BLOCK)
    apart = distances(x[block] @ x.T, squares[block], squares)
    apart.diagonal(first).fill_(torch.inf)
    return membership(apart, k)
