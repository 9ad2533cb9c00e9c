"""What a stitch is fitted to: a loss of the stitched representation of a batch, and how well each example does.

An objective takes the stitched representation y (n, *shape) and the examples' indices (n,).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Outputs = Callable[[Tensor], Tensor]
Targets = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Objective:
    """A named pair of functions of a stitched representation and the examples' indices.

    Attributes:
        loss: mean loss of the batch, to be made small.
        score: (n,) a number for each example, higher is better: what tells whether a fit has converged.
    """

    name: str
    loss: Callable[[Tensor, Tensor], Tensor]
    score: Callable[[Tensor, Tensor], Tensor]


def task(
    suffix: Outputs,
    labels: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    correct: Callable[[Tensor, Tensor], Tensor],
) -> Objective:
    """Return the receiver's own loss of its outputs: the vanilla stitch (Hernandez et al. 2022, section 3)."""

    def value(y: Tensor, indices: Tensor) -> Tensor:
        return loss(suffix(y).float(), _at(labels, indices))

    def score(y: Tensor, indices: Tensor) -> Tensor:
        return correct(suffix(y).float(), _at(labels, indices)).float()

    return Objective("task", value, score)


def match(
    expected: Targets, variance: float, score: Callable[[Tensor, Tensor], Tensor] | None = None
) -> Objective:
    r"""Return the squared error to the expected representation, as a share of its variance.

    .. math:: \mathrm{mean}\,(y - e)^2 / \sigma_e^2

    The similarity-trained stitch (Hernandez et al. 2022, section 3).
    """

    def error(y: Tensor, indices: Tensor) -> Tensor:
        return (y.float() - expected(indices).float()).square().flatten(1).mean(1) / variance

    return Objective(
        "match",
        lambda y, indices: error(y, indices).mean(),
        score or (lambda y, indices: -error(y, indices)),
    )


def logits(suffix: Outputs, own: Targets, score: Callable[[Tensor, Tensor], Tensor]) -> Objective:
    r"""Return the divergence of the stitched network's answers from the receiver's own.

    .. math:: \mathrm{KL}(\mathrm{softmax}(o_n) \,\|\, \mathrm{softmax}(s_n))

    Args:
        suffix: stitched representation to outputs.
        own: the whole receiver's outputs (n, K) of examples.
        score: of each example.
    """

    def value(y: Tensor, indices: Tensor) -> Tensor:
        got = suffix(y).float().log_softmax(1)
        return F.kl_div(got, own(indices).float().log_softmax(1), reduction="batchmean", log_target=True)

    return Objective("logits", value, score)


def latent(
    trail: Callable[[Tensor], tuple[Tensor, ...]],
    expected: Targets,
    score: Callable[[Tensor, Tensor], Tensor],
) -> Objective:
    r"""Return the squared errors at the cut and at every later cut of the receiver, each as a share of its variance.

    .. math:: \frac{1}{L} \sum_{l} \frac{\mathrm{mean}\,(h_l(y) - h_l(e))^2}{\mathrm{var}\,h_l(e)}

    Args:
        trail: a representation at the cut to those at all later cuts.
        expected: the expected representation of examples at the cut.
        score: of each example.

    Source: functional latent alignment, Athanasiadis et al., arXiv 2505.20142.
    """

    def value(y: Tensor, indices: Tensor) -> Tensor:
        e = expected(indices).to(y.dtype)
        with torch.no_grad():
            wanted = (e, *trail(e))
        terms = [
            (got.float() - want.float()).square().mean() / _variance(want)
            for got, want in zip((y, *trail(y)), wanted, strict=True)
        ]
        return torch.stack(terms).mean()

    return Objective("latent", value, score)


def _variance(x: Tensor) -> Tensor:
    return (x.float() - x.float().mean(0)).square().mean().clamp_min(1e-12)


def _at(values: Tensor, indices: Tensor) -> Tensor:
    return values[indices.to(values.device)]
