"""Closed forms: least squares from second moments for every linear family.

This is the optimum of the objective ``match``: the similarity-trained stitch of Hernandez et al. 2022,
section 3.
"""

from __future__ import annotations

import torch
from torch import Tensor

from modelstitch.fitting.gram import Gram, Moments, merge
from modelstitch.stitches import LowRank, Orthogonal, Scale, Stitch, Values
from modelstitch.stitches.coordinates import Coordinates, output_scale, whitening
from modelstitch.stitches.linear import Linear

RIDGES = (0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Ridges to choose from, as shares of the features' average variance."""

_PROCRUSTES_ITERATIONS = 1000
_NORM_EPSILON = 1e-5  # of PyTorch's batch norm


def squared_error(weight: Tensor, bias: Tensor, moments: Moments) -> float:
    r"""Return the mean squared error of ``W x + b`` against the targets, summed over channels.

    .. math:: E\|W x + b - y\|^2 = \mathrm{tr}(W C_{xx} W^\top) - 2\, \mathrm{tr}(W C_{xy})
        + \mathrm{tr}\, C_{yy} + \|W \bar x + b - \bar y\|^2

    Args:
        weight: (D, F).
        bias: (D,).
        moments: moments of any rows, those of the fit or others.
    """
    gram, cross = moments.gram, moments.cross
    offset = weight @ gram.mean + bias - cross.mean
    quadratic = ((weight @ gram.covariance) * weight).sum()
    linear = (weight * cross.covariance.T).sum()
    return float(quadratic - 2 * linear + cross.variance.sum() + offset.square().sum())


def ridge(moments: Moments, share: float = 0.0) -> tuple[Tensor, Tensor]:
    r"""Return the weight and bias of ridge regression.

    .. math:: W = C_{xy}^\top (C_{xx} + \lambda I)^{-1}, \quad \lambda = s \, \mathrm{tr}\, C_{xx} / F,
        \quad b = \bar y - W \bar x

    With ``share`` 0 this is least squares. Where solutions are many (constant or dependent features, more
    features than rows) it is the one of smallest norm.

    Args:
        moments: moments of the rows to fit.
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
    # Directions below the rounding of float64 sums are constant features. Rows in float32 round more
    # coarsely: there `best_ridge` may choose a small ridge instead.
    cutoff = values.max() * len(values) * torch.finfo(values.dtype).eps * 10
    inverse = torch.where(damped > cutoff, damped.clamp_min(torch.finfo(values.dtype).tiny).reciprocal(), 0.0)
    weight = ((vectors * inverse) @ (vectors.T @ moments.cross.covariance)).T
    return weight, moments.cross.mean - weight @ moments.gram.mean


def best_ridge(moments: Moments, validation: Moments) -> float:
    """Return the share of :data:`RIDGES` whose fit to ``moments`` has the smallest validation error."""
    return min(RIDGES, key=lambda share: squared_error(*ridge(moments, share), validation))


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

    With at least as many targets as features (:math:`Q^\top Q = I`) the optimum is :math:`Q = U V^\top` of
    :math:`C_{xy}^\top = U S V^\top`.

    With more features than targets the variance of Q x depends on Q and there is no closed form: a
    majorisation iterates from that Q and never raises the error. It is slow where the features' variances
    differ by orders of magnitude: after 1,000 steps the error was up to 2.5 % above the optimum.

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


def solve(stitch: Stitch, moments: Moments, validation: Moments, *, refit: bool) -> Values | None:
    """Return the least-squares parameters of a stitch in plain coordinates; None without a closed form.

    Args:
        stitch: a stitch of any family; with norm ``batch``, the batch norms are set to keep the solution.
        moments: moments of the rows to fit, in the stitch's canonical form.
        validation: moments of the validation rows, which choose the ridge.
        refit: whether the validation rows join the fit once the ridge is chosen.
    """
    whole = merge(moments, validation) if refit else moments
    values = {name: value.detach().clone() for name, value in stitch.named_parameters()}
    if isinstance(stitch, Scale):
        solution: dict[str, Tensor] = dict(zip(("scale", "bias"), channel_scales(whole), strict=True))
    elif isinstance(stitch, Orthogonal):
        solution = dict(zip(("weight", "bias"), procrustes(whole), strict=True))
    elif isinstance(stitch, Linear):
        solution = dict(zip(("weight", "bias"), ridge(whole, best_ridge(moments, validation)), strict=True))
    elif isinstance(stitch, LowRank):
        product = reduced_rank(whole, stitch.rank, best_ridge(moments, validation))
        solution = dict(zip(("up_weight", "down_weight", "bias"), product, strict=True))
    else:
        return None
    if stitch.spec.norm == "batch":
        added = stitch.expected_layout.extra > 0 and not stitch.carries_extra
        if added or any(stitch.reach) or any(rule.startswith("linear") for rule in stitch.bridge.rules):
            return None  # the norms see other rows there than the moments
        solution = _between_norms(stitch, solution, whole)
    return {name: solution[name].reshape(value.shape).to(value) for name, value in values.items()}


def input_std(stitch: Stitch, gram: Gram) -> Tensor:
    """Return the standard deviation (C,) of each input channel of a stitch, never 0."""
    channels = stitch.provided[0]
    within = gram.covariance.diagonal().view(channels, -1).mean(1)
    between = gram.mean.view(channels, -1).var(1, correction=0)
    return (within + between + _NORM_EPSILON).sqrt()


def _between_norms(stitch: Stitch, solution: dict[str, Tensor], moments: Moments) -> dict[str, Tensor]:
    # The first norm divides by each channel's standard deviation, the last by that of the convolution's
    # output.
    std = input_std(stitch, moments.gram)
    per_feature = std.repeat_interleave(stitch.n_features // len(std))
    first = "weight" if "weight" in solution else "down_weight"
    weight = solution["weight"] if "weight" in solution else solution["up_weight"] @ solution["down_weight"]
    spread = ((weight @ moments.gram.covariance) * weight).sum(1).clamp_min(0)
    return {
        **solution,
        first: solution[first] * per_feature,
        "norm_in.weight": torch.ones_like(std),
        "norm_in.bias": torch.zeros_like(std),
        "norm_out.weight": (spread + _NORM_EPSILON).sqrt(),
        "norm_out.bias": moments.cross.mean,
    }


def coordinates_of(stitch: Stitch, moments: Moments, device: torch.device, dtype: torch.dtype) -> Coordinates:
    """Return the coordinates to fit ``stitch`` in: whitened input, expected channels of unit variance.

    With norm ``batch`` the norms handle means and scales; the coordinates only decorrelate the input.
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
    return Coordinates(*(value.to(device, dtype) for value in (mean_in, white, colour, mean_out, scale_out)))
