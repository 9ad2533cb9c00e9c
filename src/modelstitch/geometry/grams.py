"""The measures once more, from Gram matrices: for many comparisons of the same representations.

A name here is the measure of the same name in :mod:`modelstitch.geometry`, and equal to it up to rounding:
the same metric, ties, folds, ridges and estimator. What costs most, the inner products and their
eigenvectors, is computed once for a representation and used in every comparison. Inputs are not checked;
where the public measure raises an error, the value here is NaN.

Gram matrices are (n, n) in float64, of the same examples in the same order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor

from modelstitch.geometry.cka import NEGLIGIBLE
from modelstitch.geometry.neighbours import Metric, distances, membership
from modelstitch.geometry.regression import FOLDS, gcv_ridge, resolved


def hsic(
    gram_x: Float64[Tensor, "n n"],
    gram_y: Float64[Tensor, "n n"],
    groups: Int[Tensor, " n"] | None = None,
    n_groups: int = 0,
) -> Float64[Tensor, " groups"]:
    r"""Unbiased :func:`modelstitch.geometry.hsic`, of all examples and without each group of them.

    Leaving out an example changes sums that are known already, so all groups together cost little more than
    one estimate. The estimate does not depend on a translation: the Gram matrices may be centred or not.

    Args:
        gram_x, gram_y: Gram matrices (n, n).
        groups: group of each example, (n,), from 0 to ``n_groups`` - 1.
        n_groups: number of groups to leave out, one at a time.

    Returns:
        (1 + n_groups,): of all examples, then without each group; NaN where fewer than four are left.

    Source: Song et al. 2012 (JMLR 13), equation 5.
    """
    n = len(gram_x)
    k, m = gram_x - torch.diag(gram_x.diagonal()), gram_y - torch.diag(gram_y.diagonal())
    # Column 0 leaves nothing out.
    member = torch.zeros(n, 1 + n_groups, dtype=k.dtype, device=k.device)
    if groups is not None:
        member[torch.arange(n, device=k.device), 1 + groups.to(k.device)] = 1
    kept = 1 - member
    counts = kept.sum(0)
    product = (k * m) @ member
    trace = (k * m).sum() - 2 * product.sum(0) + (member * product).sum(0)
    rows_k = (k.sum(1, keepdim=True) - k @ member) * kept
    rows_m = (m.sum(1, keepdim=True) - m @ member) * kept
    total = trace + rows_k.sum(0) * rows_m.sum(0) / ((counts - 1) * (counts - 2))
    total = total - 2 / (counts - 2) * (rows_k * rows_m).sum(0)
    return torch.where(counts >= 4, total / (counts * (counts - 3)), torch.nan)


def cka(
    gram_x: Float64[Tensor, "n n"], gram_y: Float64[Tensor, "n n"], n_groups: int = 0
) -> Float64[Tensor, " groups"]:
    """:func:`modelstitch.geometry.cka`, debiased, of all examples and without each group of them.

    Args:
        gram_x, gram_y: Gram matrices (n, n) of centred rows.
        n_groups: example i is in group i modulo ``n_groups``.

    Returns:
        (1 + n_groups,): of all examples, then without each group.
    """
    return within_cka([gram_x], [gram_y], [torch.arange(len(gram_x), device=gram_x.device)], n_groups)


def within_cka(
    grams_x: Sequence[Float64[Tensor, "_ _"]],
    grams_y: Sequence[Float64[Tensor, "_ _"]],
    members: Sequence[Int[Tensor, " _"]],
    n_groups: int = 0,
) -> Float64[Tensor, " groups"]:
    """:func:`modelstitch.geometry.within_cka`, of all examples and without each group of them.

    Args:
        grams_x, grams_y: Gram matrices of each class, of rows less the mean of the class.
        members: numbers of the examples of each class; example i is in group i modulo ``n_groups``.
        n_groups: number of groups to leave out, one at a time.

    Returns:
        (1 + n_groups,): of all examples, then without each group; NaN without a class.
    """
    if not grams_x:
        return torch.full((1 + n_groups,), torch.nan, dtype=torch.float64)
    device = grams_x[0].device
    sums = torch.zeros(3, 1 + n_groups, dtype=torch.float64, device=device)
    terms = torch.zeros(2, dtype=torch.float64, device=device)
    for gram_x, gram_y, numbers in zip(grams_x, grams_y, members, strict=True):
        groups = numbers % n_groups if n_groups else None
        pairs = (gram_x, gram_y), (gram_x, gram_x), (gram_y, gram_y)
        for total, pair in zip(sums, pairs, strict=True):
            total += hsic(*pair, groups, n_groups).nan_to_num()
        n = len(gram_x)
        for k, gram in enumerate((gram_x, gram_y)):
            squares = gram.diagonal()
            terms[k] += (squares.square().sum() + squares.sum().square() / n) / max(1, n * (n - 3))
    cross, own_x, own_y = sums
    known = bool(own_x[0] > NEGLIGIBLE * terms[0]) and bool(own_y[0] > NEGLIGIBLE * terms[1])
    scale = own_x.clamp_min(0).sqrt() * own_y.clamp_min(0).sqrt()
    return torch.where((scale > 0) & known, (cross / scale.clamp_min(1e-300)).clamp(-1, 1), torch.nan)


def retrieval(
    crosses: Sequence[Float64[Tensor, "_ _"]],
    grams_x: Sequence[Float64[Tensor, "_ _"]],
    grams_y: Sequence[Float64[Tensor, "_ _"]],
) -> Bool[Tensor, " n"]:
    """Whether the nearest row of the other representation, by cosine, is that of the same example.

    Candidates are the examples of one class.

    Args:
        crosses: inner products of rows of the first with rows of the second representation, by class.
        grams_x, grams_y: inner products within the first and within the second.

    Returns:
        (n,) booleans, class after class; a constant row is never retrieved.
    """
    hits = []
    for cross, gram_x, gram_y in zip(crosses, grams_x, grams_y, strict=True):
        lengths_x, lengths_y = (gram.diagonal().clamp_min(0).sqrt() for gram in (gram_x, gram_y))
        norms = lengths_x[:, None] * lengths_y
        cosine = torch.where(norms > 0, cross / norms.clamp_min(1e-300), -torch.inf)
        own = cosine.diagonal()
        # A tie is no success: otherwise a constant representation would retrieve everything.
        nearest = (cosine >= own[:, None]).sum(1) == 1
        hits.append(nearest & own.isfinite())
    return torch.cat(hits) if hits else torch.empty(0, dtype=torch.bool)


def mutual_knn(
    gram_x: Float64[Tensor, "n n"],
    gram_y: Float64[Tensor, "n n"],
    k: int = 10,
    *,
    distance: Metric = "cosine",
) -> float:
    """:func:`modelstitch.geometry.mutual_knn`; NaN with k examples or fewer, or where all rows are equal.

    Args:
        gram_x, gram_y: Gram matrices (n, n); of rows as they are, not centred, for ``cosine``.
        k: number of neighbours.
        distance: ``cosine`` or ``euclidean``.
    """
    n = len(gram_x)
    if n <= k or any(not float(_centred(gram).diagonal().sum()) > 0 for gram in (gram_x, gram_y)):
        return math.nan
    weights = []
    for gram in (gram_x, gram_y):
        products = _centred(_cosines(gram) if distance == "cosine" else gram)
        squares = products.diagonal()
        apart = distances(products, squares, squares)
        apart.fill_diagonal_(torch.inf)
        weights.append(membership(apart, k))
    return min(1.0, float(torch.minimum(*weights).sum()) / (k * n))


def _cosines(gram: Float64[Tensor, "n n"]) -> Float64[Tensor, "n n"]:
    """Cosines of all pairs of rows; 0 for a row of zeros."""
    lengths = gram.diagonal().clamp_min(0).sqrt()
    norms = lengths[:, None] * lengths
    return torch.where(norms > 0, gram / torch.where(norms > 0, norms, 1.0), 0.0)


def _centred(gram: Float64[Tensor, "n n"]) -> Float64[Tensor, "n n"]:
    """Inner products of the rows less their mean."""
    means = gram.mean(0)
    return gram - means - means[:, None] + means.mean()


Spectrum: TypeAlias = tuple[Float64[Tensor, " n"], Float64[Tensor, "n n"]]
"""Eigenvalues (n,), rising, and eigenvectors (n, n) of a Gram matrix."""


def spectrum(gram: Float64[Tensor, "n n"]) -> Spectrum:
    """Eigenvalues and eigenvectors; eigenvalues that are only rounding are 0."""
    values, vectors = torch.linalg.eigh(gram)
    return torch.where(resolved(values), values, 0.0), vectors


def procrustes_similarity(x: Spectrum, y: Spectrum, order: Int[Tensor, " n"] | None = None) -> float:
    r"""Return :func:`modelstitch.geometry.procrustes_similarity`.

    .. math:: \frac{\|K^{1/2} L^{1/2}\|_*}{\sqrt{\mathrm{tr} K\, \mathrm{tr} L}}

    Args:
        x, y: spectra of the Gram matrices K and L of centred rows.
        order: another order of the examples of y.
    """
    one, other = (vectors * values.sqrt() for values, vectors in (x, y))
    if order is not None:
        other = other[order]
    scale = math.sqrt(float(x[0].sum()) * float(y[0].sum()))
    return min(1.0, float(torch.linalg.svdvals(one.T @ other).sum()) / scale) if scale > 0 else math.nan


@dataclass(frozen=True, eq=False)
class Fold:
    """What ridge regression on the training examples of one fold needs to know of x.

    Attributes:
        train, held_out: numbers of the examples.
        values: eigenvalues (r,) of the Gram matrix of the training rows less their mean.
        vectors: its eigenvectors, (t, r).
        read: inner products of held-out with training rows, in the eigenvectors, (h, r).
    """

    train: Int[Tensor, " t"]
    held_out: Int[Tensor, " h"]
    values: Float64[Tensor, " r"]
    vectors: Float64[Tensor, "t r"]
    read: Float64[Tensor, "h r"]


def folds(gram: Float64[Tensor, "n n"], n_folds: int = FOLDS) -> list[Fold]:
    """Prepare x for :func:`linear_r2`: an eigendecomposition for each fold.

    No folds come back with fewer than two examples a fold, or where all rows are equal.
    """
    n = len(gram)
    if n < 2 * n_folds or not float(_centred(gram).diagonal().sum()) > 0:
        return []
    fold = torch.arange(n, device=gram.device) % n_folds
    parts = []
    for index in range(n_folds):
        train, held_out = (fold != index).nonzero().flatten(), (fold == index).nonzero().flatten()
        products, cross, _ = _about_the_mean(gram, train, held_out)
        values, vectors = torch.linalg.eigh(products)
        kept = resolved(values)
        values, vectors = values[kept], vectors[:, kept]
        parts.append(Fold(train, held_out, values, vectors, cross @ vectors))
    return parts


def linear_r2(x: Sequence[Fold], gram_y: Float64[Tensor, "n n"]) -> float:
    r"""Return :func:`modelstitch.geometry.linear_r2`, the ridge of each fold by generalised cross-validation.

    The ridge regression in its dual form: with :math:`K_{tt} = V \Lambda V^\top` of the training examples,
    the held-out rows are predicted as :math:`K_{ht} V (\Lambda + \rho \lambda_1)^{-1} V^\top Y_t`, and only
    inner products of Y are needed for the error.

    Args:
        x: what :func:`folds` made of the Gram matrix of x.
        gram_y: Gram matrix of y.
    """
    error, whole = 0.0, 0.0
    for part in x:
        products, cross, own = _about_the_mean(gram_y, part.train, part.held_out)
        turned = products @ part.vectors
        energy = (turned * part.vectors).sum(0)
        ridge = gcv_ridge(part.values, energy, float(products.trace()), len(part.train))
        largest = part.values[-1] if len(part.values) else 0.0
        weights = (part.read / (part.values + ridge * largest)) @ part.vectors.T
        explained = 2 * (weights * cross).sum() - ((weights @ products) * weights).sum()
        error += float(own.sum() - explained)
        whole += float(own.sum())
    return 1 - error / whole if whole > 0 else math.nan


def _about_the_mean(
    gram: Float64[Tensor, "n n"], train: Int[Tensor, " t"], held_out: Int[Tensor, " h"]
) -> tuple[Float64[Tensor, "t t"], Float64[Tensor, "h t"], Float64[Tensor, " h"]]:
    """Inner products of rows less the training mean: training, held-out with training, own of held-out."""
    products, cross = gram[train][:, train], gram[held_out][:, train]
    means, held_means = products.mean(0), cross.mean(1)
    mean = means.mean()
    return (
        products - means - means[:, None] + mean,
        cross - held_means[:, None] - means + mean,
        gram.diagonal()[held_out] - 2 * held_means + mean,
    )


def effective_rank(values: Float[Tensor, " n"]) -> float:
    r"""The exponential of the entropy of the eigenvalues' shares.

    .. math:: \exp\left(-\sum_i p_i \log p_i\right), \quad p_i = \lambda_i / \sum_j \lambda_j

    From 1 to the number of rows or features; 0 where all eigenvalues are 0. Source: Roy & Vetterli 2007.
    """
    if float(values.sum()) <= 0:
        return 0.0
    shares = values / values.sum()
    return float(torch.exp(-(shares * shares.clamp_min(1e-300).log()).sum()))


def mass_rank(values: Float[Tensor, " n"], mass: float = 0.95) -> int:
    """The number of leading eigenvalues that hold ``mass`` of their sum; 0 where all are 0.

    Args:
        values: eigenvalues, rising.
        mass: share of the sum.
    """
    if float(values.sum()) <= 0:
        return 0
    shares = values.flip(0) / values.sum()
    return 1 + int((shares.cumsum(0) < mass).sum())
