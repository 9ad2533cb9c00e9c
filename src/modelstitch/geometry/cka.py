"""Centred kernel alignment with a linear kernel: do two representations find the same examples alike?"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from modelstitch.errors import GeometryError
from modelstitch.geometry.inputs import Array, centre, centred_pair, pair_as_given

_BLOCK = 1024  # rows of a Gram matrix that are in memory at once
_NOTHING = 1e-12  # share of the terms it is made of, below which a sum is only rounding

Sums = tuple[float, float, float]


def cka(x: Array, y: Array, *, debiased: bool = True) -> float:
    r"""Linear centred kernel alignment.

    .. math:: \mathrm{CKA} = \frac{\mathrm{HSIC}(K, L)}{\sqrt{\mathrm{HSIC}(K, K)\,\mathrm{HSIC}(L, L)}},
        \quad K = X X^\top,\ L = Y Y^\top

    Debiased, HSIC is the unbiased estimator of :func:`hsic`: independent representations then score about 0.
    Biased, it is :math:`\|X^\top Y\|_F^2` of centred rows, and independent representations with many more
    features than examples score about 1.

    Args:
        x, y: (N, D) and (N, D'), one row an example, the same examples in the same order.
        debiased: whether to use the unbiased estimator.

    Returns:
        Debiased a number in [-1, 1], biased in [0, 1]; higher is more similar. Symmetric. Invariant to
        translation, rotation and one scale of each side, not to a general linear map.

    Raises:
        GeometryError: not two sets of rows, fewer than 4 examples (2 if biased), a constant side; debiased
            also where the examples of a side are all equally far apart, or all but one are equal: 0 / 0.

    Source: Kornblith et al. 2019, arXiv 1905.00414; debiased, Nguyen et al. 2021, arXiv 2010.15327, with the
    estimator of Song et al. 2012 (JMLR 13).

    Example:
        >>> x = torch.tensor([[0.0, 1.0], [2.0, 0.0], [3.0, 3.0], [5.0, 1.0], [1.0, 4.0]])
        >>> round(cka(x, 3 * x.flip(1) + 7), 6)
        1.0
    """
    a, b = centred_pair(x, y, 4 if debiased else 2, "debiased CKA" if debiased else "CKA")
    cross, own_x, own_y = _hsic_sums(a.rows, b.rows, debiased)
    for own, each, name in ((own_x, a, "x"), (own_y, b, "y")):
        if debiased and own <= _NOTHING * _terms(each.rows):
            raise GeometryError(
                f"expected distances between examples that differ for debiased CKA, got {name} with "
                "all examples equally far apart, or all but one equal"
            )
    return _ratio(cross, own_x, own_y)


def hsic(x: Array, y: Array, *, debiased: bool = True) -> float:
    r"""Hilbert-Schmidt independence criterion with linear kernels: what :func:`cka` divides.

    Unbiased, with :math:`\tilde K` the Gram matrix whose diagonal is 0,

    .. math:: \frac{1}{N(N-3)}\left[\mathrm{tr}(\tilde K \tilde L)
        + \frac{1^\top \tilde K 1\; 1^\top \tilde L 1}{(N-1)(N-2)}
        - \frac{2}{N-2} 1^\top \tilde K \tilde L 1\right]

    and biased :math:`\mathrm{tr}(K H L H) / (N-1)^2` with the centring matrix H.

    Args:
        x, y: (N, D) and (N, D').
        debiased: whether to use the unbiased estimator.

    Returns:
        A number in the units of x squared times y squared; unbiased it may be negative. A constant side
        gives 0.

    Raises:
        GeometryError: not two sets of rows, or fewer than 4 examples (2 if biased).

    Source: Song et al. 2012 (JMLR 13); biased, Gretton et al. 2005.

    Example:
        >>> hsic([[0.0], [1.0], [2.0], [3.0]], [[1.0], [1.0], [1.0], [1.0]])
        0.0
    """
    a, b = pair_as_given(x, y, 4 if debiased else 2, "unbiased HSIC" if debiased else "HSIC")
    one, other = centre(a), centre(b)
    n = len(a)
    sums = _hsic_sums(one.rows, other.rows, debiased)
    return sums[0] / (n * (n - 3) if debiased else (n - 1) ** 2) * one.scale**2 * other.scale**2


def minibatch_cka(batches: Iterable[tuple[Array, Array]]) -> float:
    r"""Debiased CKA of representations that are never together in memory.

    .. math:: \frac{\sum_i w_i \mathrm{HSIC}(K_i, L_i)}
        {\sqrt{\sum_i w_i \mathrm{HSIC}(K_i, K_i)}\sqrt{\sum_i w_i \mathrm{HSIC}(L_i, L_i)}}

    HSIC is the unbiased estimator and :math:`w_i` the share of the examples that are in batch i: where all
    batches are of one size this is equation 3 of the paper, and a short last batch does not add more noise
    than its share. Examples must have been shuffled before they were cut into batches: only pairs within a
    batch are compared.

    Args:
        batches: pairs (N_i, D), (N_i, D') with at least 4 examples each.

    Returns:
        A number in [-1, 1]; one batch gives :func:`cka`.

    Raises:
        GeometryError: no batch, one that is not two sets of rows of 4 examples or more, a side constant in
            every batch.

    Source: Nguyen et al. 2021, arXiv 2010.15327, equation 3.

    Example:
        >>> x = torch.randn(64, 5, generator=torch.Generator().manual_seed(0))
        >>> round(minibatch_cka(zip(x.split(16), x.split(16))), 6)
        1.0
    """
    totals, terms = [0.0, 0.0, 0.0], [0.0, 0.0]
    # Rows come divided by scales of their own batch; sums are in units of the first batch that varies.
    units: list[float | None] = [None, None]
    for index, (x, y) in enumerate(batches):
        try:
            given = pair_as_given(x, y, 4, "unbiased HSIC")
        except GeometryError as error:
            raise GeometryError(f"batch {index}: {error}") from None
        sides = [centre(each) for each in given]
        factors = []
        for k, side in enumerate(sides):
            if units[k] is None and not side.constant:
                units[k] = side.scale
            unit = units[k]
            factors.append(0.0 if unit is None else (side.scale / unit) ** 2)
        p, q = factors
        weight = 1 / (len(given[0]) - 3)  # n of w_i over n (n - 3) of HSIC
        sums = _hsic_sums(sides[0].rows, sides[1].rows, True)
        for k, (each, factor) in enumerate(zip(sums, (p * q, p * p, q * q), strict=True)):
            totals[k] += weight * factor * each
        for k, (side, factor) in enumerate(zip(sides, (p * p, q * q), strict=True)):
            terms[k] += weight * factor * _terms(side.rows)
    if any(own <= _NOTHING * term for own, term in zip(totals[1:], terms, strict=True)):
        raise GeometryError("expected batches whose examples differ in x and in y, got none")
    return _ratio(totals[0], totals[1], totals[2])


def _ratio(cross: float, own_x: float, own_y: float) -> float:
    return min(1.0, max(-1.0, cross / (math.sqrt(own_x) * math.sqrt(own_y))))


def _hsic_sums(x: Tensor, y: Tensor, debiased: bool, by_examples: bool | None = None) -> Sums:
    """HSIC of (x, y), (x, x), (y, y) of centred rows, times N (N - 3), or biased times (N - 1) squared.

    Rows of zero mean make every sum of the unbiased estimator one over squared norms k and m of the rows:
    the sum of K~ L~ is that of K L less k m, and K~ 1 is - k.
    """
    n = len(x)
    if by_examples is None:
        by_examples = n < max(x.shape[1], y.shape[1])
    norms_x, norms_y = x.square().sum(1), y.square().sum(1)
    sides = (norms_x, norms_y), (norms_x, norms_x), (norms_y, norms_y)
    found = []
    for off_diagonal, (k, m) in zip(_off_diagonal(x, y, by_examples), sides, strict=True):
        diagonal = float(k @ m)
        if debiased:
            whole = float(k.sum()) * float(m.sum()) / ((n - 1) * (n - 2))
            found.append(off_diagonal + whole - 2 / (n - 2) * diagonal)
        else:
            found.append(off_diagonal + diagonal)
    return found[0], found[1], found[2]


def _off_diagonal(x: Tensor, y: Tensor, by_examples: bool) -> Sums:
    """Sums of K L, K K and L L over pairs of different examples, in one of two ways."""
    if not by_examples:
        k, m = x.square().sum(1), y.square().sum(1)
        return (
            float((x.T @ y).square().sum() - k @ m),
            float((x.T @ x).square().sum() - k @ k),
            float((y.T @ y).square().sum() - m @ m),
        )
    sums = torch.zeros(3, dtype=x.dtype, device=x.device)
    for first in range(0, len(x), _BLOCK):
        gram_x, gram_y = (each[first : first + _BLOCK] @ each.T for each in (x, y))
        for gram in (gram_x, gram_y):
            gram.diagonal(first).zero_()
        sums += torch.stack([(gram_x * gram_y).sum(), gram_x.square().sum(), gram_y.square().sum()])
    cross, own_x, own_y = sums.tolist()
    return cross, own_x, own_y


def _terms(x: Tensor) -> float:
    """The size of what a side's own sum is the small difference of."""
    k = x.square().sum(1)
    return float(k @ k) + float(k.sum()) ** 2 / len(x)
