"""Canonical correlations, and two ways to make one number of them: do two representations span one space?

All of them see only the spaces that the features span. With N examples and ranks r and r', at least
r + r' - (N - 1) canonical correlations are 1 whatever the data: use them only with many more examples than
features.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Float64
from numpy.typing import ArrayLike
from torch import Tensor

from modelstitch.errors import GeometryError
from modelstitch.geometry.inputs import Centred, centred_pair

_LEAST = 3


def canonical_correlations(
    x: Float[Tensor, "n d"] | ArrayLike, y: Float[Tensor, "n e"] | ArrayLike
) -> list[float]:
    r"""The cosines of the principal angles between the spaces that the features span over the examples.

    .. math:: \rho = \text{singular values of } U_x^\top U_y,
        \quad X = U_x S_x V_x^\top,\ Y = U_y S_y V_y^\top

    Args:
        x, y: (N, D) and (N, D'); features may depend on each other.

    Returns:
        min(rank x, rank y) numbers in [0, 1], largest first. Symmetric. Invariant to translation and to any
        linear map of a side that keeps its rank.

    Raises:
        GeometryError: not two sets of rows, fewer than 3 examples, a constant side.

    Source: Hotelling 1936; computed as in Björck & Golub 1973.

    Example:
        >>> x = torch.tensor([[0.0, 1.0], [2.0, 0.0], [3.0, 3.0], [5.0, 1.0], [1.0, 4.0]])
        >>> [round(rho, 6) for rho in canonical_correlations(x, x @ torch.tensor([[1.0, 2.0], [0.0, 3.0]]))]
        [1.0, 1.0]
    """
    a, b = centred_pair(x, y, _LEAST, "canonical correlations")
    cosines: list[float] = torch.linalg.svdvals(a.svd[0].T @ b.svd[0]).clamp_max(1).tolist()
    return cosines


def svcca(
    x: Float[Tensor, "n d"] | ArrayLike, y: Float[Tensor, "n e"] | ArrayLike, *, variance: float = 0.99
) -> float:
    r"""Singular vector CCA: the mean canonical correlation of the leading components.

    .. math:: \frac{1}{c} \sum_{i \le c} \rho_i(X_k, Y_{k'}), \quad c = \min(k, k')

    :math:`X_k` are the first k principal components of X, the fewest that hold ``variance`` of its variance.

    Args:
        x, y: (N, D) and (N, D').
        variance: share of the variance to keep, in (0, 1].

    Returns:
        A number in [0, 1]; higher is more similar. Symmetric. Invariant to translation, rotation and one
        scale of each side. Independent representations give about the root of max(k, k') / N, not 0.

    Raises:
        GeometryError: not two sets of rows, fewer than 3 examples, a constant side, a share outside (0, 1].

    Source: Raghu et al. 2017, arXiv 1706.05806.

    Example:
        >>> x = torch.tensor([[0.0, 1.0], [2.0, 0.0], [3.0, 3.0], [5.0, 1.0], [1.0, 4.0]])
        >>> round(svcca(x, x.flip(1)), 6)
        1.0
    """
    if not 0 < variance <= 1:
        raise GeometryError(f"expected a share of variance above 0 and at most 1 for SVCCA, got {variance}")
    a, b = centred_pair(x, y, _LEAST, "SVCCA")
    u, v = (side.svd[0][:, : components(side, variance)] for side in (a, b))
    return float(torch.linalg.svdvals(u.T @ v).clamp_max(1).mean())


def components(centred: Centred, variance: float = 0.99) -> int:
    """The fewest principal components that hold ``variance`` of the variance."""
    energy = centred.svd[1].square()
    share = energy.cumsum(0) / energy.sum()
    return min(len(share), int((share < variance - 1e-12).sum()) + 1)


def pwcca(x: Float[Tensor, "n d"] | ArrayLike, y: Float[Tensor, "n e"] | ArrayLike) -> float:
    r"""Projection weighted CCA: the mean canonical correlation, weighted by use in **x**.

    .. math:: \frac{\sum_i \alpha_i \rho_i}{\sum_i \alpha_i},
        \quad \alpha_i = \sum_j |\langle h_i, x_j \rangle|

    :math:`h_i` is the i-th canonical variable of x, of unit norm, and :math:`x_j` its j-th centred feature;
    i runs to the smaller rank. **x weighs and y does not**: ``pwcca(x, y)`` is not ``pwcca(y, x)``. (The
    authors' code lets the side of lower rank weigh; here the order of the arguments decides.) Where several
    correlations are equal, canonical variables are determined only up to a rotation among themselves, and so
    are their weights.

    Args:
        x, y: (N, D) and (N, D').

    Returns:
        A number in [0, 1]; higher is more similar. Not symmetric. Invariant to translation and one scale of
        x and to any invertible linear map of y; not to a rotation of x.

    Raises:
        GeometryError: not two sets of rows, fewer than 3 examples, a constant side.

    Source: Morcos et al. 2018, arXiv 1806.05759, section 3.

    Example:
        >>> x = torch.tensor([[0.0, 1.0], [2.0, 0.0], [3.0, 3.0], [5.0, 1.0], [1.0, 4.0]])
        >>> round(pwcca(x, x[:, :1]), 6)
        1.0
    """
    a, b = centred_pair(x, y, _LEAST, "PWCCA")
    u = a.svd[0]
    left, rho, _ = torch.linalg.svd(u.T @ b.svd[0], full_matrices=False)
    return _weighted(rho.clamp_max(1), (u @ left).T @ a.rows)


def _weighted(rho: Float64[Tensor, " c"], projections: Float64[Tensor, "c d"]) -> float:
    weights = projections.abs().sum(1)
    return float((weights * rho).sum() / weights.sum())
