"""Similarity measures of two representations from the Gram matrices of their centred rows: pure functions.

All take (n, n) matrices in float64 of the same examples in the same order.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Ridges that a linear read-out tries, as shares of the average eigenvalue."""


def hsic(k: Tensor, l: Tensor, groups: Tensor | None = None, n_groups: int = 0) -> Tensor:  # noqa: E741
    r"""Return the unbiased estimate of the Hilbert-Schmidt independence criterion, also with groups of examples left out.

    .. math:: \frac{1}{n(n-3)}\left[\mathrm{tr}(\tilde K \tilde L) + \frac{1^\top \tilde K 1\, 1^\top \tilde L 1}{(n-1)(n-2)} - \frac{2}{n-2} 1^\top \tilde K \tilde L 1\right]

    with the diagonals of K and L set to zero; n is at least 4. Zero on average for independent rows, and negative
    about as often as positive. Every example left out changes sums that are known already, so that all groups together
    cost little more than one estimate.

    Args:
        k, l: Gram matrices.
        groups: the group of each example, (n,), from 0 to ``n_groups`` - 1.
        n_groups: number of groups to leave out, one at a time.

    Returns:
        (1 + n_groups,): of all examples, then without each group; NaN where fewer than four are left.

    Source: Song et al. 2012, equation 5.
    """
    n = len(k)
    k, l = k - torch.diag(k.diagonal()), l - torch.diag(l.diagonal())  # noqa: E741
    # Column 0 stands for "no group": nothing is left out there.
    member = torch.zeros(n, 1 + n_groups, dtype=k.dtype, device=k.device)
    if groups is not None:
        member[torch.arange(n, device=k.device), 1 + groups.to(k.device)] = 1
    kept = 1 - member
    counts = kept.sum(0)
    product = (k * l) @ member
    trace = (k * l).sum() - 2 * product.sum(0) + (member * product).sum(0)
    rows_k = (k.sum(1, keepdim=True) - k @ member) * kept
    rows_l = (l.sum(1, keepdim=True) - l @ member) * kept
    total = trace + rows_k.sum(0) * rows_l.sum(0) / ((counts - 1) * (counts - 2))
    total = total - 2 / (counts - 2) * (rows_k * rows_l).sum(0)
    return torch.where(counts >= 4, total / (counts * (counts - 3)), torch.nan)


def cka(ks: list[Tensor], ls: list[Tensor], members: list[Tensor], n_groups: int = 0) -> Tensor:
    r"""Return the debiased linear CKA of one or of several classes of examples, also with groups of examples left out.

    .. math:: \frac{\sum_c \mathrm{HSIC}(K_c, L_c)}{\sqrt{\sum_c \mathrm{HSIC}(K_c, K_c) \sum_c \mathrm{HSIC}(L_c, L_c)}}

    Over several classes this is the similarity *within* classes: what is left when the label is known. 1 for equal
    representations up to rotation and scale, 0 on average for independent ones; NaN where one is constant.

    Args:
        ks, ls: Gram matrices of each class.
        members: numbers of the examples of each class; example i belongs to group i modulo ``n_groups``.
        n_groups: as for :func:`hsic`.

    Returns:
        (1 + n_groups,): of all examples, then without each group.

    Source: Nguyen, Raghu & Kornblith 2021, equation 3 (their minibatches are our classes).
    """
    if not ks:
        return torch.full((1 + n_groups,), torch.nan, dtype=torch.float64)
    sums = torch.zeros(3, 1 + n_groups, dtype=torch.float64, device=ks[0].device)
    for k, l, own in zip(ks, ls, members, strict=True):  # noqa: E741
        groups = own % n_groups if n_groups else None
        for total, pair in zip(sums, ((k, l), (k, k), (l, l)), strict=True):
            total += hsic(*pair, groups, n_groups).nan_to_num()
    scale = sums[1] * sums[2]
    return torch.where(scale > 0, sums[0] / scale.clamp_min(1e-300).sqrt(), torch.nan)


def retrieval(crosses: list[Tensor], ks: list[Tensor], ls: list[Tensor]) -> Tensor:
    """Return for each example whether its row in one representation is nearest, by cosine, to its own row in the other.

    Candidates are the examples of one group.

    Args:
        crosses: inner products of rows of the first with rows of the second representation, by group.
        ks, ls: inner products within the first and within the second.

    Returns:
        (n,) booleans, group after group; a constant row is never retrieved.
    """
    hits = []
    for cross, k, l in zip(crosses, ks, ls, strict=True):  # noqa: E741
        norms = k.diagonal().clamp_min(0).sqrt()[:, None] * l.diagonal().clamp_min(0).sqrt()[None]
        cosine = torch.where(norms > 0, cross / norms.clamp_min(1e-300), -torch.inf)
        own = cosine.diagonal()
        # A tie is no success: otherwise a constant representation would retrieve everything.
        better = (cosine >= own[:, None]).sum(1) == 1
        hits.append(better & own.isfinite())
    return torch.cat(hits) if hits else torch.empty(0, dtype=torch.bool)


def mutual_knn(k: Tensor, l: Tensor, neighbours: int = 10) -> float:  # noqa: E741
    """Return the mean share of an example's nearest neighbours that the two representations have in common.

    From 0 to 1; ``neighbours / (n - 1)`` for independent rows. Euclidean distance, the example itself left out; NaN with
    too few examples.

    Source: Huh et al. 2024, section 3.
    """
    if len(k) <= neighbours:
        return math.nan
    masks = []
    for gram in (k, l):
        squares = gram.diagonal()
        distance = squares[:, None] + squares[None] - 2 * gram
        distance.fill_diagonal_(torch.inf)
        nearest = distance.topk(neighbours, largest=False).indices
        masks.append(torch.zeros_like(distance, dtype=torch.bool).scatter_(1, nearest, True))
    return float((masks[0] & masks[1]).sum(1).double().mean()) / neighbours


Spectrum = tuple[Tensor, Tensor]
"""Eigenvalues (n,) and eigenvectors (n, n) of a Gram matrix."""


def spectrum(gram: Tensor) -> Spectrum:
    """Return eigenvalues, none below 0, and eigenvectors."""
    values, vectors = torch.linalg.eigh(gram)
    return values.clamp_min(0), vectors


def procrustes(k: Spectrum, l: Spectrum, order: Tensor | None = None) -> float:  # noqa: E741
    r"""Return the Procrustes similarity: the largest cosine between the two after an orthogonal map.

    .. math:: \frac{\|X^\top Y\|_*}{\|X\|_F \|Y\|_F} = \frac{\|K^{1/2} L^{1/2}\|_*}{\sqrt{\mathrm{tr} K\, \mathrm{tr} L}}

    From 0 to 1, higher is more alike; not debiased: with n below the number of features it is well above 0 for
    independent rows, so read it against its permutation null.

    Args:
        k, l: spectra of the Gram matrices of both.
        order: another order of the second's examples.

    Source: Williams et al. 2021 (its arc cosine is their angular distance).
    """
    one, other = (vectors * values.sqrt() for values, vectors in (k, l))
    if order is not None:
        other = other[order]
    scale = math.sqrt(float(k[0].sum()) * float(l[0].sum()))
    return float(torch.linalg.svdvals(one.T @ other).sum()) / scale if scale > 0 else math.nan


def linear_r2(k: Spectrum, l: Tensor) -> float:  # noqa: E741
    r"""Return how much of the second representation's variance a linear map of the first explains on examples left out.

    Ridge regression in its dual form, each example predicted without itself (leave one out, in closed form); the ridge with the
    smallest error of :data:`RIDGES` is taken, so the value is a little on the high side for a hopeless map.

    .. math:: 1 - \frac{\sum_n \|y_n - \hat y_{-n}\|^2}{\sum_n \|y_n - \bar y_{-n}\|^2}

    At most 1; 0 says no better than the mean, below 0 worse.

    Args:
        k: spectrum of the Gram matrix of the first, rows centred.
        l: Gram matrix of the second, rows centred.

    Source: Allen 1974 (PRESS) for the closed form.
    """
    values, vectors = k
    n = len(values)
    if float(values.sum()) <= 0 or float(l.trace()) <= 0:
        return math.nan
    turned = vectors.T @ l @ vectors
    errors = []
    for share in RIDGES:
        # Residuals of all examples are (I - H) y, and without n itself 1 / (1 - H_nn) times as large; the mean, an
        # unpenalised column, takes 1 / n more.
        kept = values / (values + share * values.mean())
        rest = 1 - kept
        left = ((vectors * rest) @ (turned * rest) * vectors).sum(1)
        leverage = 1 - (vectors.square() * kept).sum(1) - 1 / n
        errors.append(float((left / leverage.clamp_min(1e-9).square()).sum()))
    # The mean without n is n / (n - 1) times as far from y_n as the mean of all.
    return 1 - min(errors) / (float(l.trace()) * (n / (n - 1)) ** 2)


def effective_rank(values: Tensor) -> float:
    r"""Return the exponential of the entropy of the eigenvalues' shares.

    .. math:: \exp\left(-\sum_i p_i \log p_i\right), \quad p_i = \lambda_i / \sum_j \lambda_j

    From 1 to the number of rows or features; 0 where all eigenvalues are 0. Source: Roy & Vetterli 2007.
    """
    if float(values.sum()) <= 0:
        return 0.0
    shares = values / values.sum()
    return float(torch.exp(-(shares * shares.clamp_min(1e-300).log()).sum()))


def mass_rank(values: Tensor, mass: float = 0.95) -> int:
    """Return the number of leading eigenvalues (given in rising order) that hold ``mass`` of their sum; 0 where all are 0."""
    if float(values.sum()) <= 0:
        return 0
    shares = values.flip(0) / values.sum()
    return 1 + int((shares.cumsum(0) < mass).sum())
