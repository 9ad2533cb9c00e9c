"""Fit a stitch to the receiver's own task by gradient descent; both networks stay frozen."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from modelstitch.fitting.coordinates import fold
from modelstitch.fitting.moments import ChannelMoments
from modelstitch.specs import FitSpec
from modelstitch.stitches import Affine, Stitch

_NORM_EXAMPLES, _NORM_BATCH = 4096, 256


@dataclass(frozen=True)
class Fitted:
    """What a fit reports.

    Attributes:
        loss: mean training loss over the last tenth of the steps.
        steps: optimiser steps taken.
        seconds: wall-clock time.
        unchanged: names of parameters that no step changed.
        failure: why the fit ended early, or None.
    """

    loss: float
    steps: int
    seconds: float
    unchanged: tuple[str, ...] = ()
    failure: str | None = None


def rate(step: int, n_steps: int, warmup_share: float) -> float:
    """Return the share of the highest learning rate at ``step``: linear warm-up, then cosine to zero.

    Example:
        >>> [round(rate(step, 10, 0.2), 2) for step in range(10)]
        [0.5, 1.0, 1.0, 0.96, 0.85, 0.69, 0.5, 0.31, 0.15, 0.04]
    """
    warmup = max(1, round(n_steps * warmup_share)) if warmup_share else 0
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, n_steps - warmup)))


def batches(n_examples: int, batch_size: int, n_steps: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Yield ``n_steps`` index tensors: shuffled passes over the examples in whole batches.

    A set smaller than one batch is taken whole.
    """
    size = min(batch_size, n_examples)
    order = torch.empty(0, dtype=torch.int64)
    for _ in range(n_steps):
        if len(order) < size:
            order = torch.randperm(n_examples, generator=generator)
        yield order[:size]
        order = order[size:]


def fit(
    stitch: Stitch,
    suffix: nn.Module,
    provided: Callable[[Tensor], Tensor],
    labels: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    spec: FitSpec,
    generator: torch.Generator,
    moments: tuple[ChannelMoments, ChannelMoments],
) -> Fitted:
    """Fit ``stitch`` in place so that ``suffix(stitch(provided))`` has a small loss.

    Args:
        stitch: the stitch, at its random start.
        suffix: the receiver after its cut; its parameters are not changed.
        provided: maps example indices (n,) to provided representations (n, ...).
        labels: (N,) class indices.
        loss: maps outputs and labels to the mean loss of a batch.
        spec: optimiser, schedule, coordinates.
        generator: source of the order of examples.
        moments: of the provided and of the expected representation, for standardised coordinates.

    Returns:
        How the fit ended; a loss that is not finite ends it early, with the reason in ``failure``.

    Source: the objective *task* is the vanilla stitch of Hernandez et al. 2022, section 3.
    """
    start = time.perf_counter()
    parameters = list(stitch.parameters())
    if not parameters:
        return Fitted(loss=math.nan, steps=0, seconds=0.0)
    n_steps = spec.n_steps(len(labels))
    if spec.optimiser == "sgd":
        optimiser: torch.optim.Optimizer = torch.optim.SGD(
            parameters, spec.learning_rate, momentum=spec.momentum, weight_decay=spec.weight_decay
        )
    else:
        optimiser = torch.optim.Adam(parameters, spec.learning_rate, weight_decay=spec.weight_decay)
    if spec.coordinates == "standardised":
        _start_at_moments(stitch, moments[1])
    at_start = {name: value.detach().clone() for name, value in stitch.named_parameters()}
    run = _in_coordinates(stitch, spec, moments)
    tail: list[Tensor] = []
    failure = None
    stitch.train()
    step = 0
    for step, indices in enumerate(batches(len(labels), spec.batch_size, n_steps, generator), 1):
        for group in optimiser.param_groups:
            group["lr"] = spec.learning_rate * rate(step - 1, n_steps, spec.warmup_share)
        value = loss(suffix(run(provided(indices))), labels[indices])
        if not torch.isfinite(value):
            failure = f"loss {value.item()} at step {step} of {n_steps}"
            break
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        optimiser.step()
        if step > n_steps - max(1, n_steps // 10):
            tail.append(value.detach())
    stitch.eval()
    unchanged = tuple(name for name, value in stitch.named_parameters() if torch.equal(value, at_start[name]))
    _settle_norms(stitch, provided, len(labels))
    if _standardised(stitch, spec):
        with torch.no_grad():
            for name, value in _folded(stitch, moments).items():
                stitch.get_parameter(name).copy_(value)
    mean = torch.stack(tail).mean().item() if tail and failure is None else math.nan
    return Fitted(
        loss=mean,
        steps=step,
        seconds=time.perf_counter() - start,
        unchanged=unchanged,
        failure=failure,
    )


def _norms(stitch: Stitch) -> list[nn.BatchNorm2d]:
    return [each for each in stitch.modules() if isinstance(each, nn.BatchNorm2d)]


def _start_at_moments(stitch: Stitch, expected: ChannelMoments) -> None:
    """Let a last batch norm give each channel the mean and standard deviation that the receiver expects."""
    if norms := _norms(stitch):
        with torch.no_grad():
            norms[-1].weight.copy_(expected.std)
            norms[-1].bias.copy_(expected.mean)


def _settle_norms(stitch: Stitch, provided: Callable[[Tensor], Tensor], n_examples: int) -> None:
    """Take the statistics of batch norms over training examples as the fitted weights see them.

    Running averages still hold the weights of earlier steps, all the more after a short schedule.
    """
    norms = _norms(stitch)
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain average over the batches that follow
    stitch.train()
    chosen = torch.linspace(0, n_examples - 1, min(n_examples, _NORM_EXAMPLES)).round().long()
    with torch.no_grad():
        for indices in chosen.split(_NORM_BATCH):
            stitch(provided(indices))
    stitch.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def _standardised(stitch: Stitch, spec: FitSpec) -> bool:
    # With batch norms around the convolution, its input is standardised already.
    return spec.coordinates == "standardised" and isinstance(stitch, Affine) and stitch.spec.norm == "none"


def _folded(stitch: Stitch, moments: tuple[ChannelMoments, ChannelMoments]) -> dict[str, Tensor]:
    weight, bias = fold(stitch.get_parameter("weight"), stitch.get_parameter("bias"), *moments)
    return {"weight": weight, "bias": bias}


def _in_coordinates(
    stitch: Stitch, spec: FitSpec, moments: tuple[ChannelMoments, ChannelMoments]
) -> Callable[[Tensor], Tensor]:
    if not _standardised(stitch, spec):
        return stitch

    def run(x: Tensor) -> Tensor:
        output = functional_call(stitch, _folded(stitch, moments), (x,))
        assert isinstance(output, Tensor)
        return output

    return run
