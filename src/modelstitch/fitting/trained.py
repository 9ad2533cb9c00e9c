"""Fit a stitch by gradient descent; both networks stay frozen.

The length of a fit is found by doubling. A complete schedule of n steps is a warm-up, a constant rate, and the mean of
the parameters over its second half (Polyak & Juditsky 1992), which does what a decay to zero would do. So a schedule of
2n steps goes on where that of n steps ended, and each is to the bit what it would be alone.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.func import functional_call

from modelstitch.fitting.muon import Muon
from modelstitch.fitting.norms import in_full, settle_norms
from modelstitch.fitting.objectives import Criterion
from modelstitch.fitting.schedules import RunningMean, averaged_rate, batches, rate
from modelstitch.specs import FitSpec
from modelstitch.stitches import Stitch, Values
from modelstitch.stitches.coordinates import Coordinates

_ASIDE_BATCH = 256
_NEAR_CONSTANT = 0.1
_START_EXAMPLES = 256
_RETRY_RATE = 0.1
_RESOLUTION = 0.025


@dataclass(frozen=True)
class Fitted:
    """What a fit reports.

    Attributes:
        loss: mean training loss over the last tenth of the steps.
        steps: length of the schedule whose stitch was kept; 0 for a closed form.
        seconds: wall-clock time.
        start: ``closed form``, ``random`` or ``none``.
        converged: whether twice the steps gained less than their noise in score on the examples kept aside (and in loss,
            where the score stands at chance or its noise is above 0.025); None where that was not asked.
        gain: what the last doubling gained in score on the examples kept aside.
        noise: two standard errors of that gain.
        total_steps: optimiser steps taken in all.
        retried: whether the rate was lowered after a loss that was not finite.
        unchanged: names of parameters that no step changed.
        failure: why the fit ended early, or None.
        precision: of the frozen halves.
    """

    loss: float
    steps: int
    seconds: float
    start: str = "random"
    converged: bool | None = None
    gain: float | None = None
    noise: float | None = None
    total_steps: int = 0
    retried: bool = False
    unchanged: tuple[str, ...] = ()
    failure: str | None = None
    precision: str = "float32"


@dataclass(frozen=True)
class Candidate:
    """A finished stitch: its state in plain coordinates, and score and loss of each example kept aside, (n,)."""

    state: dict[str, Tensor]
    scores: Tensor
    losses: Tensor
    steps: int
    loss: float


class _DivergedError(Exception):
    """The loss is not finite."""


class Fit:
    """One stitch being fitted to one objective.

    Args:
        stitch: at PyTorch's random start; holds the fitted parameters in the end.
        objective: what it is fitted to.
        provided: maps example indices (n,) to provided representations (n, ...).
        examples: indices to fit on.
        aside: indices kept aside, which tell whether the fit has converged; may be empty where its length is fixed.
        spec: optimiser, schedule, start.
        generator: source of the random start and of the order of examples.
        coordinates: in which to fit; None for plain ones.
        closed_form: a start in plain coordinates, or None.
        micro_batch: examples that go through the frozen half at once; the sum of their gradients is that of the batch.
        aside_batch: examples kept aside that do.
    """

    def __init__(
        self,
        stitch: Stitch,
        objective: Criterion,
        provided: Callable[[Tensor], Tensor],
        examples: Tensor,
        aside: Tensor,
        spec: FitSpec,
        generator: torch.Generator,
        coordinates: Coordinates | None = None,
        closed_form: Values | None = None,
        micro_batch: int | None = None,
        aside_batch: int = _ASIDE_BATCH,
    ) -> None:
        self.stitch, self.objective, self.provided = stitch, objective, provided
        self.examples, self.aside, self.spec = examples, aside, spec
        self.generator, self.coordinates, self.closed_form = generator, coordinates, closed_form
        self.micro_batch = spec.batch_size if objective.weight is None else micro_batch or spec.batch_size
        # What is judged against each other is judged at once.
        self.aside_batch = max(1, len(aside)) if objective.weight is None else aside_batch
        self.total_steps = 0
        self._kept: Candidate | None = None

    def run(self) -> Fitted:
        """Fit the stitch in place.

        Returns:
            How the fit ended. A loss that is not finite is tried once more at a tenth of the rate, and then ends the fit,
            with the reason in ``failure``.
        """
        begin = time.perf_counter()
        if not list(self.stitch.parameters()):
            return Fitted(loss=math.nan, steps=0, seconds=0.0, start="none")
        untouched = copy.deepcopy(self.stitch.state_dict())
        start, values = self._start()
        state = self.generator.get_state()
        retried = False
        try:
            fitted = self._schedules(start, values, self.spec)
            if start == "random" and self._closed_form_is_better():
                assert self.closed_form is not None
                start = "closed form"
                fitted = self._schedules(start, self._from_plain(self.closed_form), self.spec)
        except _DivergedError:
            retried = True
            self.generator.set_state(state)
            self.stitch.load_state_dict(untouched)
            slower = replace(self.spec, learning_rate=self.spec.learning_rate * _RETRY_RATE)
            try:
                fitted = self._schedules(start, values, slower)
            except _DivergedError as reason:
                self.stitch.eval()
                fitted = Fitted(
                    loss=math.nan, steps=0, seconds=0.0, failure=f"{reason}, also at a tenth of the rate"
                )
        return replace(
            fitted,
            start=start,
            retried=retried,
            seconds=time.perf_counter() - begin,
            total_steps=self.total_steps,
        )

    def _start(self) -> tuple[str, Values]:
        """Return the start in the coordinates of the fit, and what it is called."""
        closed = self._from_plain(self.closed_form) if self.closed_form is not None else None
        if closed is not None and self.spec.start == "closed-form":
            return "closed form", closed
        if self.coordinates is None:
            drawn = {name: value.detach().clone() for name, value in self.stitch.named_parameters()}
        else:
            drawn = self.stitch.random_start(self.generator)
            drawn = {name: value.to(self.stitch.get_parameter(name)) for name, value in drawn.items()}
        if closed is None or self.spec.start == "random":
            return "random", drawn
        few = self.examples[:: max(1, len(self.examples) // _START_EXAMPLES)][:_START_EXAMPLES]
        with torch.no_grad():
            losses = [float(self._loss(each, few)) for each in (closed, drawn)]
        # A comparison with NaN is false: only a random start that is certainly better replaces the closed form.
        return ("random", drawn) if losses[1] < losses[0] else ("closed form", closed)

    def _closed_form_is_better(self) -> bool:
        """Tell whether the closed form, as it is, does better on the examples kept aside than what came of the random start.

        The start is chosen by the loss before a step was taken, which does not always tell where a fit will end.
        """
        if self.closed_form is None or not self.spec.automatic or self.spec.start == "random":
            return False
        assert self._kept is not None
        closed = self._candidate(self._from_plain(self.closed_form), 0, math.nan)
        self.stitch.load_state_dict(self._kept.state)
        gain, noise = paired_gain(closed.scores, self._kept.scores)
        return gain > noise

    def _from_plain(self, values: Values) -> Values:
        return values if self.coordinates is None else self.stitch.from_plain(values, self.coordinates)

    def _to_plain(self, values: Values) -> Values:
        return values if self.coordinates is None else self.stitch.to_plain(values, self.coordinates)

    def _stitched(self, values: Values, x: Tensor) -> Tensor:
        # In full precision whatever the halves run in: weights that were folded out of whitened coordinates are large and cancel each other,
        # which three digits do not bear; batch norms take their statistics so too.
        y = functional_call(self.stitch, self._to_plain(values), (in_full(x),)).to(x.dtype)
        assert isinstance(y, Tensor)
        return y

    def _loss(self, values: Values, indices: Tensor) -> Tensor:
        return self.objective.loss(self._stitched(values, self.provided(indices)), indices)

    def _schedules(self, kind: str, start: Values, spec: FitSpec) -> Fitted:
        values = {name: value.clone().requires_grad_() for name, value in start.items()}
        optimiser = _optimiser(spec, list(values.values()))
        stream = batches(self.examples, spec.batch_size, self.generator)
        averaged = spec.schedule == "averaged"
        n_steps, done = spec.n_steps(len(self.examples)), 0
        # A closed form is a stitch already, and may be the best there is; a random start is none.
        closed = spec.automatic and kind == "closed form"
        best = last = self._candidate(start, 0, math.nan) if closed else None
        converged: bool | None = None
        gain = noise = None
        while True:
            mean, losses = RunningMean(), []
            for step in range(done, n_steps):
                share = averaged_rate(step) if averaged else rate(step, n_steps, spec.warmup_share)
                losses.append(self._step(values, optimiser, next(stream), spec, share))
                if step >= n_steps // 2:
                    mean.add(values)
            done = n_steps
            loss = torch.stack(losses[-max(1, n_steps // 10) :]).mean().item()
            if not math.isfinite(loss):
                raise _DivergedError(f"loss {loss} after {n_steps} steps")
            candidate = self._candidate(mean.value(self.stitch) if averaged else values, n_steps, loss)
            if last is None:
                best = candidate
            else:
                gain, noise = paired_gain(candidate.scores, last.scores)
                assert best is not None
                if candidate.scores.mean() >= best.scores.mean():
                    best = candidate
                if gain <= noise and not self._hidden_gain(candidate, last, gain, noise):
                    converged = True
                elif 2 * n_steps > spec.max_steps(len(self.examples)):
                    converged = gain <= noise and self._learnt_nothing(candidate)
            if not spec.automatic or converged is not None:
                break
            last, n_steps = candidate, 2 * n_steps
        assert best is not None
        unchanged = tuple(name for name, value in values.items() if torch.equal(value, start[name]))
        self._kept = best
        self.stitch.load_state_dict(best.state)
        self.stitch.eval()
        return Fitted(
            loss=best.loss,
            steps=best.steps,
            seconds=0.0,
            converged=converged,
            gain=gain,
            noise=noise,
            unchanged=unchanged,
        )

    def _hidden_gain(self, candidate: Candidate, last: Candidate, gain: float, noise: float) -> bool:
        """Tell whether the loss still falls where the score could not show it: at chance, or in a rise that few examples blur.

        Everywhere else a falling loss is no reason to go on: surer answers lower it without changing one of them.
        """
        mean, error = (
            float(candidate.scores.mean()),
            float(candidate.scores.std() / len(candidate.scores) ** 0.5),
        )
        blind = (gain > 0 and noise > _RESOLUTION) or mean <= self.objective.chance + 2 * error
        fall, loss_noise = paired_gain(last.losses, candidate.losses)
        return blind and fall > loss_noise

    def _learnt_nothing(self, candidate: Candidate) -> bool:
        """Tell whether a fit does no better on the examples kept aside than a constant answer, by its loss as by its score.

        Its loss may fall to the last, towards that of the constant: that is what was wrong in the start being unlearnt. From further
        away than a tenth of it nothing can be said yet.
        """
        losses, constant = candidate.losses, self.objective.constant_loss
        error = float(losses.std() / len(losses) ** 0.5)
        return constant - 2 * error <= float(losses.mean()) <= (1 + _NEAR_CONSTANT) * constant

    def _step(
        self, values: Values, optimiser: torch.optim.Optimizer, indices: Tensor, spec: FitSpec, share: float
    ) -> Tensor:
        for group in optimiser.param_groups:
            group["lr"] = spec.learning_rate * share
        self.stitch.train()
        y = self._stitched(values, self.provided(indices))
        value, gradient = self._through(y.detach(), indices)
        gradients = torch.autograd.grad(y, list(values.values()), gradient, allow_unused=True)
        for parameter, each in zip(values.values(), gradients, strict=True):
            parameter.grad = torch.zeros_like(parameter) if each is None else each
        optimiser.step()
        projected = self.stitch.project({name: each.detach() for name, each in values.items()})
        with torch.no_grad():
            for name, each in values.items():
                if projected[name] is not each:
                    each.copy_(projected[name])
        self.total_steps += 1
        # Looking at the value every step would wait for the device; a value that is not finite spreads to the next.
        if self.total_steps % 16 == 1 and not torch.isfinite(value):
            raise _DivergedError(f"loss {value.item()}")
        return value

    def _through(self, y: Tensor, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return loss and gradient at the stitched representation, in micro-batches; out of memory halves them."""
        while True:
            try:
                losses, gradients = [], []
                for part, some in zip(
                    y.split(self.micro_batch), indices.split(self.micro_batch), strict=True
                ):
                    leaf = part.detach().requires_grad_()
                    loss = self.objective.loss(leaf, some) * self._share(some, indices)
                    (gradient,) = torch.autograd.grad(loss, leaf)
                    losses.append(loss.detach())
                    gradients.append(gradient)
                return torch.stack(losses).sum(), torch.cat(gradients)
            except torch.OutOfMemoryError:
                if self.micro_batch == 1 or self.objective.weight is None:
                    raise
                self.micro_batch = max(1, self.micro_batch // 2)

    def _share(self, part: Tensor, whole: Tensor) -> float:
        """Return how much of a batch's mean a part of it is."""
        if len(part) == len(whole) or self.objective.weight is None:
            return 1.0
        return self.objective.weight(part) / max(1, self.objective.weight(whole))

    def _candidate(self, values: Values, n_steps: int, loss: float) -> Candidate:
        """Finish the stitch as it would be if the fit ended here, and score it on the examples kept aside."""
        with torch.no_grad():
            for name, value in self._to_plain(values).items():
                self.stitch.get_parameter(name).copy_(value)
        settle_norms(self.stitch, self.provided, self.examples)
        self.stitch.eval()
        judged = [(torch.zeros(0), torch.zeros(0))]
        with torch.no_grad():
            for indices in self.aside.split(self.aside_batch) if len(self.aside) else ():
                x = self.provided(indices)
                y = self._stitched(values, x)
                scores, losses = self.objective.judge(y, indices)
                judged.append((scores.float().cpu(), losses.float().cpu()))
        return Candidate(
            {name: value.detach().clone() for name, value in self.stitch.state_dict().items()},
            torch.cat([scores for scores, _ in judged]),
            torch.cat([losses for _, losses in judged]),
            n_steps,
            loss,
        )


def paired_gain(scores: Tensor, before: Tensor) -> tuple[float, float]:
    r"""Return the mean gain of paired scores (n,), and its noise: two standard errors.

    .. math:: \bar d, \quad 2 \sqrt{\mathrm{var}(d) / n}, \quad d = s - s_0

    Example:
        >>> paired_gain(torch.tensor([1.0, 1.0, 1.0, 0.0]), torch.tensor([0.0, 1.0, 1.0, 0.0]))
        (0.25, 0.5)
    """
    difference = (scores - before).double()
    n = len(difference)
    if n < 2:
        return float(difference.sum()), math.inf
    return float(difference.mean()), float(2 * difference.std() / n**0.5)


def _optimiser(spec: FitSpec, parameters: list[Tensor]) -> torch.optim.Optimizer:
    if spec.optimiser == "sgd":
        return torch.optim.SGD(
            parameters, spec.learning_rate, momentum=spec.momentum, weight_decay=spec.weight_decay
        )
    if spec.optimiser == "adam":
        return torch.optim.Adam(parameters, spec.learning_rate, weight_decay=spec.weight_decay)
    return Muon(parameters, spec.learning_rate, spec.momentum, spec.weight_decay)
