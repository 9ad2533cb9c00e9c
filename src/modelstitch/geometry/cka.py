"""Centred kernel alignment with a linear kernel: do two representations find the same examples alike?"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from jaxtyping import Float, Float64, Num
from numpy.typing import ArrayLike
from torch import Tensor

from modelstitch.errors import GeometryError
from modelstitch.geometry.inputs import Array, centre, centred_pair, numbers, pair_as_given

_BLOCK = 1024  # rows of a Gram matrix that are in memory at once
NEGLIGIBLE = 1e-12  # share of the terms it is made of, below which a sum is only rounding

Sums = tuple[float, float, float]


def cka(
    x: Float[Tensor, "n d"] | ArrayLike, y: Float[Tensor, "n e"] | ArrayLike, *, debiased: bool = True
) -> float:
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
    for own, side, name in ((own_x, a, "x"), (own_y, b, "y")):
        if debiased and own <= NEGLIGIBLE * _terms(side.rows):
            raise GeometryError(
                f"expected distances between examples that differ for debiased CKA, got {name} with "
                "all examples equally far apart, or all but one equal"
            )
    return _ratio(cross, own_x, own_y)


def hsic(
    x: Float[Tensor, "n d"] | ArrayLike, y: Float[Tensor, "n e"] | ArrayLike, *, debiased: bool = True
) -> float:
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


def minibatch_cka(
    batches: Iterable[tuple[Float[Tensor, "_ d"] | ArrayLike, Float[Tensor, "_ e"] | ArrayLike]],
) -> float:
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
    return _summed_cka(enumerate(batches), "batch", lambda n: 1 / (n - 3))  # n of w_i over n (n - 3) of HSIC


def within_cka(
    x: Float[Tensor, "n d"] | ArrayLike,
    y: Float[Tensor, "n e"] | ArrayLike,
    labels: Num[Tensor, " n"] | ArrayLike,
) -> float:
    r"""Debiased CKA of what is left when the label is known: the mean of each class is taken away.

    .. math:: \frac{\sum_c \mathrm{HSIC}(K_c, L_c)}
        {\sqrt{\sum_c \mathrm{HSIC}(K_c, K_c)}\sqrt{\sum_c \mathrm{HSIC}(L_c, L_c)}}

    HSIC is the unbiased estimator, and c runs over the classes. Every class counts the same, whatever its
    number of examples, because classes are different populations; the batches of :func:`minibatch_cka`, by
    contrast, are samples of one and count by their size. Classes with fewer than 4 examples are left out.

    Args:
        x, y: (N, D) and (N, D').
        labels: (N,), the class of each example.

    Returns:
        A number in [-1, 1]: 1 for equal representations up to rotation, scale and an offset of each class;
        0 on average where x knows of y no more than the label.

    Raises:
        GeometryError: not two sets of rows, labels of another length, no class of 4 examples or more, a side
            constant within every class.

    Source: Nguyen et al. 2021, arXiv 2010.15327, equation 3, with classes in place of batches.

    Example:
        >>> x = torch.randn(60, 5, generator=torch.Generator().manual_seed(0))
        >>> labels = torch.arange(60) % 3
        >>> round(within_cka(x, x + 10 * labels[:, None], labels), 6)
        1.0
    """
    a, b = pair_as_given(x, y, 4, "CKA within classes")
    of = numbers(labels, "labels").to(a.device)
    if of.shape != (len(a),):
        raise GeometryError(f"expected one label an example, ({len(a)},), got shape {tuple(of.shape)}")
    classes = [(label, of == label) for label in of.unique().tolist()]
    parts = [(label, (a[members], b[members])) for label, members in classes if int(members.sum()) >= 4]
    if not parts:
        raise GeometryError(f"expected a class of at least 4 examples, got {len(classes):,} smaller ones")
    return _summed_cka(parts, "class", lambda n: 1 / (n * (n - 3)))


def _summed_cka(
    parts: Iterable[tuple[object, tuple[Array, Array]]], part: str, weight: Callable[[int], float]
) -> float:
    """CKA of sums over parts of the examples, each centred by itself.

    Args:
        parts: x and y of each part, by number.
        part: what a part is, for an error.
        weight: of a part with n examples, in a sum of HSIC times n (n - 3).
    """
    totals, terms = [0.0, 0.0, 0.0], [0.0, 0.0]
    # Rows come divided by scales of their own part; sums are in units of the first part that varies.
    units: list[float | None] = [None, None]
    for number, (x, y) in parts:
        try:
            given = pair_as_given(x, y, 4, "unbiased HSIC")
        except GeometryError as error:
            raise GeometryError(f"{part} {number}: {error}") from None
        sides = [centre(rows) for rows in given]
        factors = []
        for k, side in enumerate(sides):
            if units[k] is None and not side.constant:
                units[k] = side.scale
            unit = units[k]
            factors.append(0.0 if unit is None else (side.scale / unit) ** 2)
        p, q = factors
        share = weight(len(given[0]))
        sums = _hsic_sums(sides[0].rows, sides[1].rows, True)
        for k, (sum_, factor) in enumerate(zip(sums, (p * q, p * p, q * q), strict=True)):
            totals[k] += share * factor * sum_
        for k, (side, factor) in enumerate(zip(sides, (p * p, q * q), strict=True)):
            terms[k] += share * factor * _terms(side.rows)
    if any(own <= NEGLIGIBLE * term for own, term in zip(totals[1:], terms, strict=True)):
        several = {"batch": "batches", "class": "classes"}[part]
        raise GeometryError(f"expected {several} whose examples differ in x and in y, got none")
    return _ratio(totals[0], totals[1], totals[2])


def _ratio(cross: float, own_x: float, own_y: float) -> float:
    return min(1.0, max(-1.0, cross / (math.sqrt(own_x) * math.sqrt(own_y))))


def _hsic_sums(
    x: Float64[Tensor, "n d"], y: Float64[Tensor, "n e"], debiased: bool, by_examples: bool | None = None
) -> Sums:
    """HSIC of (x, y), (x, x), (y, y) of centred rows, times N (N - 3), or biased times (N - 1) squared.

    Rows of zero mean make every sum of the unbiased estimator one over squared norms k and m of the rows:
    the sum of K~ L~ is that of K L less k m, and K~ 1 is - k.
    """
    n = len(x)
    if by_examples is None:
        by_examples = n < max(x.shape[1], y.shape[1])
    norms_x, norms_y = x.square().sum(1), y.square().sum(1)
    sides = (norms_x, norms_y), (norms_x, norms_x), (norms_y, norms_y)
    sums = []
    for off_diagonal, (k, m) in zip(_off_diagonal(x, y, by_examples), sides, strict=True):
        diagonal = float(k @ m)
        if debiased:
            whole = float(k.sum()) * float(m.sum()) / ((n - 1) * (n - 2))
            sums.append(off_diagonal + whole - 2 / (n - 2) * diagonal)
        else:
            sums.append(off_diagonal + diagonal)
    return sums[0], sums[1], sums[2]


def _off_diagonal(x: Float64[Tensor, "n d"], y: Float64[Tensor, "n e"], by_examples: bool) -> Sums:
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
        gram_x, gram_y = (rows[first : first + _BLOCK] @ rows.T for rows in (x, y))
        for gram in (gram_x, gram_y):
            gram.diagonal(first).zero_()
        sums += torch.stack([(gram_x * gram_y).sum(), gram_x.square().sum(), gram_y.square().sum()])
    cross, own_x, own_y = sums.tolist()
    return cross, own_x, own_y


def _terms(x: Float64[Tensor, "n d"]) -> float:
    """The size of what a side's own sum is the small difference of."""
    k = x.square().sum(1)
    return float(k @ k) + float(k.sum()) ** 2 / len(x)
