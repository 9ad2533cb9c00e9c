"""How much of the variance within classes of one representation a linear reader recovers from another."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from modelstitch.geometry.products import sum_of_products

READER_RIDGES = tuple(10.0 ** (half / 2) for half in range(-12, 3))
"""Ridges that a reader may have, as shares of the largest eigenvalue.

The smallest is above what rounding moves an eigenvalue by: :func:`sum_of_products` is right to 4e-7.
"""

_BLOCKS, _VALIDATION = 40, 4
"""The training examples are divided into so many blocks; one block in so many chooses the ridge."""

_ROUNDING = 1e-10
"""Share of the mean square below which a variance is rounding of float32."""


@dataclass(frozen=True)
class RidgeReader:
    r"""A linear map :math:`\hat r = r W` of residuals within classes, the same at every position.

    Attributes:
        weight: (C, C'), in float64.
        ridge: its penalty, as a share of the largest eigenvalue.
    """

    weight: Float64[Tensor, "c e"]
    ridge: float

    def read(self, x: Float[Tensor, "n p c"]) -> Float[Tensor, "n p e"]:
        """Return what is read off residuals (N, P, C)."""
        return x @ self.weight.to(x)


def residuals(x: Float[Tensor, "n p c"], labels: Int[Tensor, " n"]) -> Float[Tensor, "n p c"]:
    r"""Return each row less the mean of its class, :math:`r_i = x_i - \bar x_{c(i)}`.

    All are 0 where they are rounding beside the rows.

    Args:
        x: (N, P, C) features at P positions.
        labels: (N,).

    Example:
        >>> residuals(torch.tensor([[[1.0]], [[3.0]], [[7.0]]]), torch.tensor([0, 0, 1])).flatten().tolist()
        [-1.0, 1.0, 0.0]
    """
    number = labels.unique(return_inverse=True)[1]
    counts = number.bincount()
    sums = x.new_zeros(len(counts), *x.shape[1:]).index_add_(0, number, x)
    left: Tensor = x - (sums / counts[:, None, None])[number]
    # Values that are not finite stay so: nothing that was not measured may look like 0.
    return torch.zeros_like(left) if _square(left) < _ROUNDING * _square(x) else left


def _square(x: Float[Tensor, "n p c"]) -> float:
    return float(torch.dot(x.flatten(), x.flatten()))


def fit_reader(x: Float[Tensor, "n p c"], y: Float[Tensor, "n p e"]) -> RidgeReader:
    r"""Fit the map that reads y off x, by ridge regression over all positions of all training examples.

    .. math:: W = (X'X + \lambda s I)^{-1} X'Y, \quad s \text{ the largest eigenvalue of } X'X

    Every fourth block of consecutive examples chooses :math:`\lambda`; the map is then fitted to all.
    Residuals of one small class give each other away, since they sum to 0: blocks keep most of them together.

    Args:
        x, y: residuals (N, P, C) and (N, P, C') of the same examples, each class in one piece.

    Source: ridge regression, Hoerl & Kennard 1970.

    Example:
        >>> x = torch.randn(40, 1, 3, generator=torch.Generator().manual_seed(0))
        >>> bool(torch.allclose(fit_reader(x, 2 * x).weight, 2 * torch.eye(3).double(), atol=1e-4))
        True
    """
    choosing = _block_of_each(len(x), x.device) % _VALIDATION == 0
    some, others = _moments(x[~choosing], y[~choosing]), _moments(x[choosing], y[choosing])
    values, vectors = torch.linalg.eigh(some[0])
    values = values.clamp_min(0)
    if float(values[-1]) == 0:
        return RidgeReader(torch.zeros_like(some[1]), 0.0)
    onto = vectors.T @ some[1]
    # The error on the choosing examples is quadratic in the shrunken eigen-coordinates.
    square = (vectors.T @ others[0] @ vectors) * (onto @ onto.T)
    linear = ((vectors.T @ others[1]) * onto).sum(1)
    ridges = torch.tensor(READER_RIDGES, dtype=values.dtype, device=values.device)
    shrunk = 1 / (values + ridges[:, None] * values[-1])
    errors = ((shrunk @ square) * shrunk).sum(1) - 2 * shrunk @ linear
    ridge = READER_RIDGES[int(errors.argmin())]
    gram, cross = some[0] + others[0], some[1] + others[1]
    largest = torch.linalg.eigvalsh(gram)[-1]
    penalty = ridge * largest * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    return RidgeReader(torch.linalg.solve(gram + penalty, cross), ridge)


def _block_of_each(n: int, device: torch.device) -> Int[Tensor, " n"]:
    return torch.arange(n, device=device) * min(n, _BLOCKS) // max(1, n)


def _moments(
    x: Float[Tensor, "n p c"], y: Float[Tensor, "n p e"]
) -> tuple[Float64[Tensor, "c c"], Float64[Tensor, "c e"]]:
    rows, read = x.flatten(0, 1), y.flatten(0, 1)
    return sum_of_products(rows, rows), sum_of_products(rows, read)


def permuted_products(
    read: Float[Tensor, "n p e"],
    y: Float[Tensor, "n p e"],
    labels: Int[Tensor, " n"],
    orders: Int[Tensor, "r n"],
) -> Float64[Tensor, " r"]:
    r"""Return :math:`\sum_i \langle \hat y_i, y_{\pi_r(i)} \rangle` for permutations within classes.

    Args:
        read: what a reader makes of the stitched residuals, (N, P, C).
        y: expected residuals (N, P, C).
        labels: (N,), each class in one piece.
        orders: (R, N), each a permutation of the examples that keeps labels.
    """
    products = torch.zeros(len(orders), dtype=torch.float64, device=y.device)
    first = 0
    for count in labels.unique_consecutive(return_counts=True)[1].tolist():
        part = slice(first, first + count)
        gram = (read[part].flatten(1) @ y[part].flatten(1).T).double()
        products += gram.gather(1, (orders[:, part] - first).T).sum(0)
        first += count
    return products


def orders_within(labels: Int[Tensor, " n"], n_orders: int) -> Int[Tensor, "r n"]:
    """Draw permutations (R, N) within classes with a fixed seed; the first one leaves all in place.

    Args:
        labels: (N,), each class in one piece.
        n_orders: R.

    Example:
        >>> orders_within(torch.tensor([3, 3, 5]), 2).shape
        torch.Size([2, 3])
    """
    counts = labels.unique_consecutive(return_counts=True)[1]
    return _orders_of(tuple(counts.tolist()), n_orders).to(labels.device)


@lru_cache(maxsize=2)  # all cells of a run have the same examples
def _orders_of(counts: tuple[int, ...], n_orders: int) -> Int[Tensor, "r n"]:
    generator = torch.Generator().manual_seed(0)
    keys = torch.rand(n_orders, sum(counts), generator=generator, dtype=torch.float64)
    orders: Tensor = (
        keys + torch.arange(len(counts)).repeat_interleave(torch.tensor(counts, dtype=torch.int64))
    ).argsort(1)
    orders[0] = torch.arange(sum(counts))
    return orders
