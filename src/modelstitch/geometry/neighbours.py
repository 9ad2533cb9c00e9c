"""Nearest neighbours: is an example surrounded by the same examples in both representations?"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from modelstitch.errors import GeometryError, expect_one_of
from modelstitch.geometry.inputs import Array, centre, centred_pair
from modelstitch.geometry.inputs import pair as checked
from modelstitch.geometry.rsa import significant

Metric = Literal["cosine", "euclidean"]
_BLOCK = 1024
_SAME = 2.0**-44  # squared distance, relative to the squared norms, below which two rows are one


def mutual_knn(x: Array, y: Array, k: int = 10, *, distance: Metric = "cosine") -> float:
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
        one, other = (_unit(each) for each in checked(x, y, k + 1, "mutual_knn"))
    total = 0.0
    for first in range(0, len(one), _BLOCK):
        shared = torch.minimum(_membership(one, first, k), _membership(other, first, k))
        total += float(shared.sum())
    return min(1.0, total / (k * len(one)))


def _unit(x: Tensor) -> Tensor:
    """Rows of unit norm (rows of zeros stay), then centred, so that a large common offset costs no digits."""
    scale = x.abs().amax(1, keepdim=True)
    return centre(F.normalize(x / torch.where(scale > 0, scale, 1.0), dim=1)).rows


def _membership(x: Tensor, first: int, k: int) -> Tensor:
    """Weights (rows of the block, N) with which an example is among the k nearest; each row sums to k."""
    norms = x.square().sum(1)
    block = slice(first, first + _BLOCK)
    sizes = norms[block, None] + norms
    distances = sizes - 2 * x[block] @ x.T
    distances = significant(torch.where(distances > _SAME * sizes, distances, 0.0))
    distances.diagonal(first).fill_(torch.inf)
    last = distances.kthvalue(k, dim=1, keepdim=True).values
    nearer, tied = distances < last, distances == last
    places = (k - nearer.sum(1, keepdim=True)).to(x.dtype) / tied.sum(1, keepdim=True)
    return nearer + tied * places
