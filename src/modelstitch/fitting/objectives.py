"""Objectives: what a stitch is fitted to. Each is one function here and one row of ``specs.OBJECTIVES``.

A criterion takes the stitched representation y (n, *shape) and the example indices (n,).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from modelstitch.tasks import Targets, Task

Outputs = Callable[[Tensor, Tensor], Tensor]
"""A stitched representation and example indices to outputs."""

RepresentationsOf = Callable[[Tensor], Tensor]
"""Example indices to representations or outputs."""

TargetsOf = Callable[[Tensor | None], Targets]
"""Example indices to their targets; None for all examples."""

Trail = Callable[[Tensor, Tensor], tuple[Tensor, ...]]
"""A representation at the cut and example indices to the representations at all later cuts."""

Judged = tuple[Tensor, Tensor]
"""Score (n,), higher is better, and loss (n,), lower is better, of each example."""

Padding = Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor | float]]
"""Masks padding: values (n, *shape) at a numbered cut and example indices to the values with 0 in padding,
and the share (n,) of positions that are not padding."""


def no_padding(values: Tensor, indices: Tensor, place: int) -> tuple[Tensor, Tensor | float]:
    """Return values unchanged: no position is padding."""
    return values, 1.0


@dataclass(frozen=True)
class Criterion:
    """A loss and a judgement of a stitched representation, given the example indices.

    Attributes:
        name: name of the objective.
        loss: mean loss of a batch, lower is better.
        judge: score and loss of each example, which decide whether a fit has converged.
        chance: mean score of the best constant answer.
        constant_loss: mean loss of that answer; minus infinity where it is not known.
        weight: weight of a part of a batch, by its indices, in the mean; None where a batch has no parts.
    """

    name: str
    loss: Callable[[Tensor, Tensor], Tensor]
    judge: Callable[[Tensor, Tensor], Judged]
    chance: float = -math.inf
    constant_loss: float = -math.inf
    weight: Callable[[Tensor], float] | None = len


def task(suffix: Outputs, targets: TargetsOf, receiver_task: Task) -> Criterion:
    """Return the receiver's own loss of its outputs: the vanilla stitch (Hernandez et al. 2022, section 3).

    Args:
        suffix: stitched representation and indices to outputs.
        targets: targets of examples.
        receiver_task: the receiver's task.
    """

    def value(y: Tensor, indices: Tensor) -> Tensor:
        return receiver_task.mean_loss(suffix(y, indices).float(), targets(indices))

    def judge(y: Tensor, indices: Tensor) -> Judged:
        outputs, own = suffix(y, indices).float(), targets(indices)
        return receiver_task.score(outputs, own).float(), receiver_task.losses(outputs, own)

    def weight(indices: Tensor) -> float:
        return receiver_task.n_counted(targets(indices))

    every = targets(None)
    return Criterion(
        "task",
        value,
        judge,
        receiver_task.chance(every),
        receiver_task.constant_loss(every),
        None if receiver_task.together else weight,
    )


def match(expected: RepresentationsOf, variance: float, padding: Padding = no_padding) -> Criterion:
    r"""Return the squared error to the expected representation, as a share of its variance.

    .. math:: \mathrm{mean}\,(y - e)^2 / \sigma_e^2

    The similarity-trained stitch (Hernandez et al. 2022, section 3).

    Args:
        expected: expected representations of examples.
        variance: the unit of the error.
        padding: masks padding at the cut.
    """

    def error(y: Tensor, indices: Tensor) -> Tensor:
        squares, share = padding((y.float() - expected(indices).float()).square(), indices, 0)
        return squares.flatten(1).mean(1) / share / variance

    def judge(y: Tensor, indices: Tensor) -> Judged:
        errors = error(y, indices)
        return -errors, errors

    return Criterion("match", lambda y, indices: error(y, indices).mean(), judge)


def logits(suffix: Outputs, own: RepresentationsOf, targets: TargetsOf, receiver_task: Task) -> Criterion:
    r"""Return the distance of the stitched network's outputs from the receiver's own.

    For class scores it is the divergence of the answers; o are the receiver's outputs, s the stitched
    network's.

    .. math:: \mathrm{KL}(\mathrm{softmax}(o_n) \,\|\, \mathrm{softmax}(s_n))

    Args:
        suffix: stitched representation and indices to outputs.
        own: the whole receiver's outputs of examples.
        targets: targets of examples, for the score and to mask positions without a target.
        receiver_task: the receiver's task.
    """

    def distance(outputs: Tensor, indices: Tensor) -> Tensor:
        return receiver_task.distances(outputs, own(indices).float(), targets(indices))

    def value(y: Tensor, indices: Tensor) -> Tensor:
        return distance(suffix(y, indices).float(), indices).mean()

    def judge(y: Tensor, indices: Tensor) -> Judged:
        outputs = suffix(y, indices).float()
        return receiver_task.score(outputs, targets(indices)).float(), distance(outputs, indices)

    return Criterion("logits", value, judge, receiver_task.chance(targets(None)))


def latent(
    trail: Trail,
    expected: RepresentationsOf,
    score: Callable[[Tensor, Tensor], Tensor],
    padding: Padding = no_padding,
) -> Criterion:
    r"""Return the squared errors at the cut and at every later cut, each as a share of its variance.

    .. math:: \frac{1}{L} \sum_{l} \frac{\mathrm{mean}\,(h_l(y) - h_l(e))^2}{\mathrm{var}\,h_l(e)}

    Args:
        trail: representation at the cut and indices to the representations at all later cuts.
        expected: expected representations of examples at the cut.
        score: stitched representation and indices to the score of each example.
        padding: masks padding at the cut (0) and at each later one (1, 2, ...).

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


@dataclass(frozen=True)
class Parts:
    """Parts of a receiver that criteria are made of; those that cost something are made when asked for.

    Attributes:
        task: the receiver's task.
        targets: targets of examples.
        suffix: stitched representation and indices to outputs.
        outputs: the whole receiver's outputs of examples; None where the objective needs none.
        expected: expected representations of examples; None where the objective needs none.
        variance: makes the unit of squared errors at the cut.
        trail: makes the map to the representations at all later cuts.
        padding: makes the mask of padding, at the cut alone or (True) at all later ones too.
    """

    task: Task
    targets: TargetsOf
    suffix: Outputs
    outputs: RepresentationsOf | None
    expected: RepresentationsOf | None
    variance: Callable[[], float]
    trail: Callable[[], Trail]
    padding: Callable[[bool], Padding]


def _task(parts: Parts) -> Criterion:
    return task(parts.suffix, parts.targets, parts.task)


def _match(parts: Parts) -> Criterion:
    assert parts.expected is not None
    return match(parts.expected, parts.variance(), parts.padding(False))


def _logits(parts: Parts) -> Criterion:
    assert parts.outputs is not None
    return logits(parts.suffix, parts.outputs, parts.targets, parts.task)


def _latent(parts: Parts) -> Criterion:
    assert parts.expected is not None
    by_task = _task(parts)

    def score(y: Tensor, indices: Tensor) -> Tensor:
        return by_task.judge(y, indices)[0]

    return latent(parts.trail(), parts.expected, score, parts.padding(True))


CRITERIA: dict[str, Callable[[Parts], Criterion]] = {
    "task": _task,
    "match": _match,
    "logits": _logits,
    "latent": _latent,
}
"""What makes the criterion of each objective of :data:`modelstitch.specs.OBJECTIVES`."""
