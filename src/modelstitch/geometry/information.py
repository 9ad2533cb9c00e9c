"""Mutual information of leading components, from distances to nearest neighbours."""

from __future__ import annotations

import torch
from jaxtyping import Float, Float64
from numpy.typing import ArrayLike
from torch import Tensor

from modelstitch.errors import GeometryError
from modelstitch.geometry.inputs import Centred, centred_pair

_BLOCK = 1024
_ROUNDING = 1e-9
_COPY = 1e-12  # distance of copies, up to rounding, of components whose squares sum to 1


def mutual_information(
    x: Float[Tensor, "n d"] | ArrayLike,
    y: Float[Tensor, "n e"] | ArrayLike,
    *,
    n_components: int = 3,
    k: int = 3,
) -> float:
    r"""Mutual information of the leading principal components, in nats.

    .. math:: \psi(k) + \psi(N) - \langle \psi(n_x + 1) + \psi(n_y + 1) \rangle

    The components of each side are scaled to unit variance. :math:`\epsilon_i` is the distance of example i
    to its k-th neighbour, where the distance of two examples is the larger of their Euclidean distances in x
    and in y; :math:`n_x` and :math:`n_y` count the examples that are strictly nearer than :math:`\epsilon_i`
    in x alone and in y alone.

    What it cannot do: see what is not in the leading components, which are those of largest variance, not
    those that x and y share; exceed :math:`\psi(N) - \psi(k)`, about log(N / k), which is what a side gives
    with itself, though the truth is infinite; be trusted far above two nats, or with many components (its
    bias is towards 0, and grows with both); work on values that repeat. Compare numbers only at equal N, k
    and ``n_components``.

    Args:
        x, y: (N, D) and (N, D').
        n_components: components of each side (all, where it has fewer).
        k: neighbours; fewer is less biased and noisier.

    Returns:
        Nats; higher is more shared; about 0, a little below included, where the components are independent.
        Symmetric. Invariant to translation, rotation and one scale of each side.

    Raises:
        GeometryError: not two sets of rows, ``n_components`` or k below 1, fewer than k + 2 examples, a
            constant side, examples whose k nearest are exact copies of them.

    Source: Kraskov, Stögbauer & Grassberger 2004, doi 10.1103/PhysRevE.69.066138, equation 8.

    Example:
        >>> x = torch.randn(100, 3, generator=torch.Generator().manual_seed(0))
        >>> expected = torch.special.digamma(torch.tensor([100.0, 3.0], dtype=torch.float64))
        >>> abs(mutual_information(x, 2 * x) - (expected[0] - expected[1]).item()) < 1e-9
        True
    """
    for name, got in (("component", n_components), ("neighbour", k)):
        if got < 1:
            raise GeometryError(f"expected at least 1 {name} for mutual information, got {got}")
    a, b = centred_pair(x, y, k + 2, f"mutual information with {k} neighbours")
    one, other = (_leading(side, n_components) for side in (a, b))
    total, copies = 0.0, 0
    for first in range(0, len(one), _BLOCK):
        near, near_x, near_y = _neighbourhoods(one, other, first, k)
        copies += int((near < _COPY).sum())
        total += float((torch.special.digamma(near_x + 1) + torch.special.digamma(near_y + 1)).sum())
    if copies:
        raise GeometryError(
            f"expected values that do not repeat for mutual information, got "
            f"{copies:,} examples with {k} or more exact copies"
        )
    n = len(one)
    psi = torch.special.digamma(torch.tensor([k, n], dtype=torch.float64))
    return float(psi.sum()) - total / n


def _leading(centred: Centred, n_components: int) -> Float64[Tensor, "n c"]:
    return centred.svd[0][:, :n_components]


def _neighbourhoods(
    x: Float64[Tensor, "n c"], y: Float64[Tensor, "n e"], first: int, k: int
) -> tuple[Float64[Tensor, " b"], Float64[Tensor, " b"], Float64[Tensor, " b"]]:
    """Distance to the k-th neighbour, and the numbers strictly nearer in x and in y, for a block."""
    block = slice(first, first + _BLOCK)
    distances = [
        torch.cdist(rows[block], rows, compute_mode="donot_use_mm_for_euclid_dist") for rows in (x, y)
    ]
    for matrix in distances:
        matrix.diagonal(first).fill_(torch.inf)
    near = torch.maximum(*distances).kthvalue(k, dim=1, keepdim=True).values
    # Nearer by more than rounding: the k-th neighbour must not be counted because its last bit differs
    # between x and y.
    near_x, near_y = ((matrix < near * (1 - _ROUNDING)).sum(1).to(torch.float64) for matrix in distances)
    return near.squeeze(1), near_x, near_y
