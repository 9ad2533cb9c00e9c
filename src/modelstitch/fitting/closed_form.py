"""Least squares from second moments: every family that is linear, solved exactly and without a step.

This is the objective ``match``: the similarity-trained stitch of Hernandez et al. 2022 (section 3), at its optimum.
"""

from __future__ import annotations

import torch
from torch import Tensor

from modelstitch.fitting.gram import Gram, Moments, merge
from modelstitch.stitches import LowRank, Orthogonal, Scale, Stitch, Values
from modelstitch.stitches.coordinates import Coordinates, output_scale, whitening
from modelstitch.stitches.linear import Linear

RIDGES = (0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Ridges that are tried, as shares of the features' average variance."""

_PROCRUSTES_ITERATIONS = 1000
_NORM_EPSILON = 1e-5  # of PyTorch's batch norm


def squared_error(weight: Tensor, bias: Tensor, moments: Moments) -> float:
    r"""Return the mean squared error of ``W x + b`` against the targets, summed over channels.

    .. math:: E\|W x + b - y\|^2 = \mathrm{tr}(W C_{xx} W^\top) - 2\, \mathrm{tr}(W C_{xy}) + \mathrm{tr}\, C_{yy} + \|W \bar x + b - \bar y\|^2

    Args:
        weight: (D, F).
        bias: (D,).
        moments: of any rows, also others than the weight was fitted to.
    """
    gram, cross = moments.gram, moments.cross
    offset = weight @ gram.mean + bias - cross.mean
    quadratic = ((weight @ gram.covariance) * weight).sum()
    linear = (weight * cross.covariance.T).sum()
    return float(quadratic - 2 * linear + cross.variance.sum() + offset.square().sum())


def ridge(moments: Moments, share: float = 0.0) -> tuple[Tensor, Tensor]:
    r"""Return the weight and bias of ridge regression.

    .. math:: W = C_{xy}^\top (C_{xx} + \lambda I)^{-1}, \quad \lambda = s \, \mathrm{tr}\, C_{xx} / F, \quad b = \bar y - W \bar x

    With ``share`` 0 this is least squares; of many solutions (constant or dependent features, more features than rows)
    it takes the one of smallest norm.

    Args:
        moments: of the rows to fit.
        share: s, the ridge as a share of the average variance.

    Returns:
        (D, F) and (D,), in float64.

    Example:
        >>> from modelstitch.fitting.gram import of_rows
        >>> x = torch.tensor([[0.0], [1.0], [2.0]])
        >>> w, b = ridge(of_rows(x, 3 * x + 1))
        >>> round(w.item(), 6), round(b.item(), 6)
        (3.0, 1.0)
    """
    values, vectors = moments.gram.spectrum
    damped = values + share * values.mean()
    # Directions below the rounding of float64 sums are constant features. Rows in float32 round more coarsely: there a
    # small ridge, which `best_ridge` may choose, does what this cutoff cannot.
    cutoff = values.max() * len(values) * torch.finfo(values.dtype).eps * 10
    inverse = torch.where(damped > cutoff, damped.clamp_min(torch.finfo(values.dtype).tiny).reciprocal(), 0.0)
    weight = ((vectors * inverse) @ (vectors.T @ moments.cross.covariance)).T
    return weight, moments.cross.mean - weight @ moments.gram.mean


def best_ridge(moments: Moments, aside: Moments) -> float:
    """Return the share of :data:`RIDGES` whose fit to ``moments`` has the smallest error on rows kept aside."""
    return min(RIDGES, key=lambda share: squared_error(*ridge(moments, share), aside))


def reduced_rank(moments: Moments, rank: int, share: float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
    r"""Return the best weight of at most ``rank``, as a product, and its bias.

    .. math:: W_r = U_r U_r^\top W, \quad U_r = \text{leading eigenvectors of } W (C_{xx} + \lambda I) W^\top

    Returns:
        up (D, rank), down (rank, F) and bias (D,).

    Source: Izenman 1975; with a ridge, Mukherjee & Zhu 2011.
    """
    weight, _ = ridge(moments, share)
    covariance = moments.gram.covariance
    ridged = covariance + share * covariance.diagonal().mean() * torch.eye(len(covariance)).to(covariance)
    _, vectors = torch.linalg.eigh(weight @ ridged @ weight.T)
    up = vectors[:, -rank:].flip(1)
    down = up.T @ weight
    return up, down, moments.cross.mean - up @ (down @ moments.gram.mean)


def procrustes(moments: Moments) -> tuple[Tensor, Tensor]:
    r"""Return the best ``s Q`` with orthonormal rows or columns of Q and one scale s, and its bias.

    .. math:: \min_{s, Q} E\|s\, Q (x - \bar x) - (y - \bar y)\|^2

    With at least as many targets as features (:math:`Q^\top Q = I`) it is :math:`Q = U V^\top` of
    :math:`C_{xy}^\top = U S V^\top`, exactly. With more features than targets the variance of Q x depends on Q, there is no closed
    form, and a majorisation is iterated from it that never raises the error. It is slow where the features' variances differ by
    orders of magnitude: stopped after 1,000 steps, it was seen 2.5 % above the best.

    Returns:
        s Q (D, F) and the bias (D,).

    Source: Schoenemann & Carroll 1970; the iteration, Kiers 1990.
    """
    covariance, cross = moments.gram.covariance, moments.cross.covariance.T
    u, _, v = torch.linalg.svd(cross, full_matrices=False)
    q = u @ v
    scale = _scale(q, covariance, cross)
    if q.shape[0] < q.shape[1] and scale != 0:
        largest = torch.linalg.eigvalsh(covariance)[-1]
        slack = covariance - largest * torch.eye(len(covariance)).to(covariance)
        for _ in range(_PROCRUSTES_ITERATIONS):
            u, _, v = torch.linalg.svd(cross - scale * (q @ slack), full_matrices=False)
            moved = u @ v
            change = (moved - q).norm() / q.norm()
            q, scale = moved, _scale(moved, covariance, cross)
            if change < 1e-10:
                break
    weight = scale * q
    return weight, moments.cross.mean - weight @ moments.gram.mean


def _scale(q: Tensor, covariance: Tensor, cross: Tensor) -> Tensor:
    energy = ((q @ covariance) * q).sum()
    return (q * cross).sum() / energy if energy > 0 else torch.zeros_like(energy)


def channel_scales(moments: Moments) -> tuple[Tensor, Tensor]:
    """Return the best scale and offset of each channel, (C,) each; the scale of a constant channel is 0."""
    variance, covariance = moments.gram.covariance.diagonal(), moments.cross.covariance.diagonal()
    cutoff = variance.max() * torch.finfo(variance.dtype).eps * 10
    scale = torch.where(variance > cutoff, covariance / variance.clamp_min(cutoff.clamp_min(1e-300)), 0.0)
    return scale, moments.cross.mean - scale * moments.gram.mean


def solve(stitch: Stitch, moments: Moments, aside: Moments, *, refit: bool) -> Values | None:
    """Return the parameters of least squares for a stitch, in plain coordinates, or None for a family that has none.

    Args:
        stitch: of any family; with norm ``batch``, the batch norms are set so that they change nothing of the solution.
        moments: of the rows to fit, in the stitch's canonical form.
        aside: of the rows that choose the ridge.
        refit: whether the rows kept aside are fitted too once they have chosen.
    """
    whole = merge(moments, aside) if refit else moments
    values = {name: value.detach().clone() for name, value in stitch.named_parameters()}
    if isinstance(stitch, Scale):
        found: dict[str, Tensor] = dict(zip(("scale", "bias"), channel_scales(whole), strict=True))
    elif isinstance(stitch, Orthogonal):
        found = dict(zip(("weight", "bias"), procrustes(whole), strict=True))
    elif isinstance(stitch, Linear):
        found = dict(zip(("weight", "bias"), ridge(whole, best_ridge(moments, aside)), strict=True))
    elif isinstance(stitch, LowRank):
        solution = reduced_rank(whole, stitch.rank, best_ridge(moments, aside))
        found = dict(zip(("up_weight", "down_weight", "bias"), solution, strict=True))
    else:
        return None
    if stitch.spec.norm == "batch":
        added = stitch.expected_layout.extra > 0 and not stitch.carries_extra
        if added or any(stitch.reach) or any(rule.startswith("linear") for rule in stitch.bridge.rules):
            return None  # what the norms see there is not what the moments were taken of
        found = _between_norms(stitch, found, whole)
    return {name: found[name].reshape(value.shape).to(value) for name, value in values.items()}


def input_std(stitch: Stitch, gram: Gram) -> Tensor:
    """Return the standard deviation of each of the stitch's input channels, (C,), never 0."""
    channels = stitch.provided[0]
    within = gram.covariance.diagonal().view(channels, -1).mean(1)
    between = gram.mean.view(channels, -1).var(1, correction=0)
    return (within + between + _NORM_EPSILON).sqrt()


def _between_norms(stitch: Stitch, found: dict[str, Tensor], moments: Moments) -> dict[str, Tensor]:
    # The first norm divides by each channel's standard deviation, the last one by that of the convolution's output.
    std = input_std(stitch, moments.gram)
    per_feature = std.repeat_interleave(stitch.n_features // len(std))
    first = "weight" if "weight" in found else "down_weight"
    weight = found["weight"] if "weight" in found else found["up_weight"] @ found["down_weight"]
    spread = ((weight @ moments.gram.covariance) * weight).sum(1).clamp_min(0)
    return {
        **found,
        first: found[first] * per_feature,
        "norm_in.weight": torch.ones_like(std),
        "norm_in.bias": torch.zeros_like(std),
        "norm_out.weight": (spread + _NORM_EPSILON).sqrt(),
        "norm_out.bias": moments.cross.mean,
    }


def coordinates_of(stitch: Stitch, moments: Moments, device: torch.device, dtype: torch.dtype) -> Coordinates:
    """Return the coordinates in which to fit ``stitch``: input whitened, expected channels of unit variance.

    With norm ``batch`` the norms take care of means and scales, and only the correlation of the input is taken out.
    """
    gram, cross = moments.gram, moments.cross
    if stitch.spec.norm == "batch":
        std = input_std(stitch, gram).repeat_interleave(stitch.n_features // stitch.provided[0])
        values, vectors = torch.linalg.eigh(gram.covariance / torch.outer(std, std))
        white, colour = whitening((values.clamp_min(0), vectors))
        mean_in, mean_out = torch.zeros_like(gram.mean), torch.zeros_like(cross.mean)
        scale_out = torch.ones_like(cross.mean)
    else:
        white, colour = whitening(gram.spectrum)
        mean_in, mean_out, scale_out = gram.mean, cross.mean, output_scale(cross.variance)
    return Coordinates(*(each.to(device, dtype) for each in (mean_in, white, colour, mean_out, scale_out)))
