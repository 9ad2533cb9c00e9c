"""What a stitch is fitted to: a loss of the stitched representation of a batch, and how well each example does.

An objective takes the stitched representation y (n, *shape) and the examples' indices (n,).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Outputs = Callable[[Tensor], Tensor]
Targets = Callable[[Tensor], Tensor]
Judged = tuple[Tensor, Tensor]
"""Of each example (n,) a score, higher is better, and its loss, lower is better."""


@dataclass(frozen=True)
class Objective:
    """A named pair of functions of a stitched representation and the examples' indices.

    Attributes:
        loss: mean loss of the batch, to be made small.
        judge: score and loss of each example: what tells whether a fit has converged.
        chance: the mean score that one constant answer reaches.
    """

    name: str
    loss: Callable[[Tensor, Tensor], Tensor]
    judge: Callable[[Tensor, Tensor], Judged]
    chance: float = -math.inf


def task(
    suffix: Outputs,
    labels: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    correct: Callable[[Tensor, Tensor], Tensor],
) -> Objective:
    """Return the receiver's own loss of its outputs: the vanilla stitch (Hernandez et al. 2022, section 3)."""

    def value(y: Tensor, indices: Tensor) -> Tensor:
        return loss(suffix(y).float(), _at(labels, indices))

    def judge(y: Tensor, indices: Tensor) -> Judged:
        outputs, wanted = suffix(y).float(), _at(labels, indices)
        # A task's loss is a mean; one example at a time it is that example's.
        each = [loss(*one) for one in zip(outputs.split(1), wanted.split(1), strict=True)]
        return correct(outputs, wanted).float(), torch.stack(each)

    return Objective("task", value, judge, _commonest(labels))


def match(expected: Targets, variance: float) -> Objective:
    r"""Return the squared error to the expected representation, as a share of its variance.

    .. math:: \mathrm{mean}\,(y - e)^2 / \sigma_e^2

    The similarity-trained stitch (Hernandez et al. 2022, section 3).
    """

    def error(y: Tensor, indices: Tensor) -> Tensor:
        return (y.float() - expected(indices).float()).square().flatten(1).mean(1) / variance

    def judge(y: Tensor, indices: Tensor) -> Judged:
        errors = error(y, indices)
        return -errors, errors

    return Objective("match", lambda y, indices: error(y, indices).mean(), judge)


def logits(
    suffix: Outputs, own: Targets, labels: Tensor, correct: Callable[[Tensor, Tensor], Tensor]
) -> Objective:
    r"""Return the divergence of the stitched network's answers from the receiver's own.

    .. math:: \mathrm{KL}(\mathrm{softmax}(o_n) \,\|\, \mathrm{softmax}(s_n))

    Args:
        suffix: stitched representation to outputs.
        own: the whole receiver's outputs (n, K) of examples.
        labels: (N,) class indices, for the score alone.
        correct: which outputs (n, K) are right.
    """

    def divergence(outputs: Tensor, indices: Tensor) -> Tensor:
        wanted = own(indices).float().log_softmax(1)
        return F.kl_div(outputs.log_softmax(1), wanted, reduction="none", log_target=True).sum(1)

    def value(y: Tensor, indices: Tensor) -> Tensor:
        return divergence(suffix(y).float(), indices).mean()

    def judge(y: Tensor, indices: Tensor) -> Judged:
        outputs = suffix(y).float()
        return correct(outputs, _at(labels, indices)).float(), divergence(outputs, indices)

    return Objective("logits", value, judge, _commonest(labels))


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
        score: of each example's stitched representation.

    Source: functional latent alignment, Athanasiadis et al., arXiv 2505.20142.
    """

    def errors(y: Tensor, indices: Tensor) -> Tensor:
        e = expected(indices).to(y.dtype)
        with torch.no_grad():
            wanted = (e, *trail(e))
        terms = [
            (got.float() - want.float()).square().flatten(1).mean(1) / _variance(want)
            for got, want in zip((y, *trail(y)), wanted, strict=True)
        ]
        return torch.stack(terms).mean(0)

    def judge(y: Tensor, indices: Tensor) -> Judged:
        return score(y, indices), errors(y, indices)

    return Objective("latent", lambda y, indices: errors(y, indices).mean(), judge)


def _commonest(labels: Tensor) -> float:
    return float(labels.bincount().max()) / len(labels)


def _variance(x: Tensor) -> Tensor:
    return (x.float() - x.float().mean(0)).square().mean().clamp_min(1e-12)


def _at(values: Tensor, indices: Tensor) -> Tensor:
    return values[indices.to(values.device)]
