"""What a stitch is fitted to: a loss of the stitched representation of a batch, and how well each example does.

An objective takes the stitched representation y (n, *shape) and the examples' indices (n,).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from modelstitch.tasks import Targets, Task

Outputs = Callable[[Tensor, Tensor], Tensor]
"""A stitched representation and the examples' indices to outputs."""

RepresentationsOf = Callable[[Tensor], Tensor]
"""Example indices to representations or outputs."""

TargetsOf = Callable[[Tensor | None], Targets]
"""Example indices to their targets; None for all examples."""

Judged = tuple[Tensor, Tensor]
"""Of each example (n,) a score, higher is better, and its loss, lower is better."""


Padding = Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor | float]]
"""Values (n, *shape) at a numbered place and indices to the same with 0 where nothing is, and the share of positions (n,) that are left."""


def no_padding(values: Tensor, indices: Tensor, place: int) -> tuple[Tensor, Tensor | float]:
    """Return values as they are: every position holds something."""
    return values, 1.0


@dataclass(frozen=True)
class Criterion:
    """A named pair of functions of a stitched representation and the examples' indices.

    Attributes:
        loss: mean loss of the batch, to be made small.
        judge: score and loss of each example: what tells whether a fit has converged.
        chance: the mean score that one constant answer reaches.
        constant_loss: the mean loss of one constant answer; minus infinity where it cannot be said.
        weight: how much a part of a batch, given by its indices, counts in the mean; None where a batch cannot be taken in parts.
    """

    name: str
    loss: Callable[[Tensor, Tensor], Tensor]
    judge: Callable[[Tensor, Tensor], Judged]
    chance: float = -math.inf
    constant_loss: float = -math.inf
    weight: Callable[[Tensor], float] | None = len


def task(suffix: Outputs, targets: TargetsOf, of: Task) -> Criterion:
    """Return the receiver's own loss of its outputs: the vanilla stitch (Hernandez et al. 2022, section 3).

    Args:
        suffix: stitched representation and indices to outputs.
        targets: targets of examples.
        of: the task.
    """

    def value(y: Tensor, indices: Tensor) -> Tensor:
        return of.mean_loss(suffix(y, indices).float(), targets(indices))

    def judge(y: Tensor, indices: Tensor) -> Judged:
        outputs, here = suffix(y, indices).float(), targets(indices)
        return of.score(outputs, here).float(), of.losses(outputs, here)

    def weight(indices: Tensor) -> float:
        return of.n_counted(targets(indices))

    every = targets(None)
    return Criterion(
        "task", value, judge, of.chance(every), of.constant_loss(every), None if of.together else weight
    )


def match(expected: RepresentationsOf, variance: float, padding: Padding = no_padding) -> Criterion:
    r"""Return the squared error to the expected representation, as a share of its variance.

    .. math:: \mathrm{mean}\,(y - e)^2 / \sigma_e^2

    The similarity-trained stitch (Hernandez et al. 2022, section 3).

    Args:
        expected: of examples.
        variance: the unit of the error.
        padding: takes differences where nothing is out of the mean.
    """

    def error(y: Tensor, indices: Tensor) -> Tensor:
        squares, share = padding((y.float() - expected(indices).float()).square(), indices, 0)
        return squares.flatten(1).mean(1) / share / variance

    def judge(y: Tensor, indices: Tensor) -> Judged:
        errors = error(y, indices)
        return -errors, errors

    return Criterion("match", lambda y, indices: error(y, indices).mean(), judge)


def logits(suffix: Outputs, own: RepresentationsOf, targets: TargetsOf, of: Task) -> Criterion:
    r"""Return how far the stitched network's outputs are from the receiver's own: of class scores, the divergence of its answers.

    .. math:: \mathrm{KL}(\mathrm{softmax}(o_n) \,\|\, \mathrm{softmax}(s_n))

    Args:
        suffix: stitched representation and indices to outputs.
        own: the whole receiver's outputs of examples.
        targets: targets of examples, for the score, and for what takes no part.
        of: the task.
    """

    def distance(outputs: Tensor, indices: Tensor) -> Tensor:
        return of.distances(outputs, own(indices).float(), targets(indices))

    def value(y: Tensor, indices: Tensor) -> Tensor:
        return distance(suffix(y, indices).float(), indices).mean()

    def judge(y: Tensor, indices: Tensor) -> Judged:
        outputs = suffix(y, indices).float()
        return of.score(outputs, targets(indices)).float(), distance(outputs, indices)

    return Criterion("logits", value, judge, of.chance(targets(None)))


def latent(
    trail: Callable[[Tensor, Tensor], tuple[Tensor, ...]],
    expected: RepresentationsOf,
    score: Callable[[Tensor, Tensor], Tensor],
    padding: Padding = no_padding,
) -> Criterion:
    r"""Return the squared errors at the cut and at every later cut of the receiver, each as a share of its variance.

    .. math:: \frac{1}{L} \sum_{l} \frac{\mathrm{mean}\,(h_l(y) - h_l(e))^2}{\mathrm{var}\,h_l(e)}

    Args:
        trail: a representation at the cut, and indices, to those at all later cuts.
        expected: the expected representation of examples at the cut.
        score: of each example's stitched representation.
        padding: takes differences where nothing is out of the mean, at the cut (0) and at each later one (1, 2, ...).

    Source: functional latent alignment, Athanasiadis et al., arXiv 2505.20142.
    """

    def errors(y: Tensor, indices: Tensor) -> Tensor:
        e = expected(indices).to(y.dtype)
        with torch.no_grad():
            references = (e, *trail(e, indices))
        terms = []
        for place, (got, reference) in enumerate(zip((y, *trail(y, indices)), references, strict=True)):
            squares, share = padding((got.float() - reference.float()).square(), indices, place)
            counted, _ = padding(torch.ones_like(reference, dtype=torch.float32), indices, place)
            terms.append(squares.flatten(1).mean(1) / share / _variance(reference, counted))
        return torch.stack(terms).mean(0)

    def judge(y: Tensor, indices: Tensor) -> Judged:
        return score(y, indices), errors(y, indices)

    return Criterion("latent", lambda y, indices: errors(y, indices).mean(), judge)


def _variance(x: Tensor, counted: Tensor) -> Tensor:
    x = x.float()
    mean = (x * counted).sum(0) / counted.sum(0).clamp_min(1)
    return (((x - mean).square() * counted).sum() / counted.sum().clamp_min(1)).clamp_min(1e-12)
