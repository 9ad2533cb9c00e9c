"""Fit a stitch by gradient descent; both networks stay frozen.

Doubling finds the length of a fit. A schedule of n steps is a warm-up, a constant rate, and the mean of the
parameters over its second half (Polyak & Juditsky 1992), which replaces a decay to zero. So a schedule of 2n
steps continues one of n steps, and each equals, to the bit, the schedule run alone.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.func import functional_call

from modelstitch.fitting.muon import Muon
from modelstitch.fitting.norms import in_full, settle_norms
from modelstitch.fitting.objectives import Criterion
from modelstitch.fitting.schedules import RunningMean, averaged_rate, batches, rate
from modelstitch.specs import FitSpec
from modelstitch.stitches import Fittable, Values
from modelstitch.stitches.coordinates import Coordinates

_VALIDATION_BATCH = 256
_NEAR_CONSTANT = 0.1
"""Share of the constant answer's loss within which a fit may count as having learnt nothing."""
_START_EXAMPLES = 256
RETRY_RATE = 0.1
_RESOLUTION = 0.025
"""Noise in score above which a gain in loss counts too."""


@dataclass(frozen=True)
class Fitted:
    """The outcome of a fit.

    Attributes:
        loss: mean training loss over the last tenth of the steps.
        steps: length of the schedule of the kept stitch; 0 for a closed form.
        seconds: wall-clock time.
        start: ``closed form``, ``random`` or ``none``.
        converged: whether doubling the steps gained less than the noise in score on the validation examples
            (and in loss, where the score is at chance or its noise above 0.025); None for a fit of fixed
            length.
        gain: gain of the last doubling in score on the validation examples.
        noise: two standard errors of that gain.
        total_steps: optimiser steps of all schedules.
        retried: whether a non-finite loss lowered the rate.
        unchanged: names of parameters that no step changed.
        failure: why the fit failed, or None.
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
class TriedFit:
    """A finished stitch: state in plain coordinates, and score and loss (n,) of the validation examples."""

    state: dict[str, Tensor]
    scores: Tensor
    losses: Tensor
    steps: int
    loss: float


@dataclass(frozen=True)
class Least:
    """What a fit has to reach before it counts as converged.

    Attributes:
        scores: (n,) of the validation examples; a fit that is below them, beyond noise, goes on.
        most_steps: length of the longest schedule that is tried for it.
    """

    scores: Tensor
    most_steps: int


class _DivergedError(Exception):
    """The loss is not finite."""


class Fit:
    """A fit of one stitch to one criterion.

    Args:
        stitch: a stitch, or any other module, at PyTorch's random start; holds the fitted parameters in the
            end.
        criterion: what to fit it to.
        provided: example indices (n,) to provided representations (n, ...).
        examples: indices of the examples to fit on.
        validation: indices of the examples that decide convergence; may be empty for a fixed length.
        spec: optimiser, schedule, start.
        generator: source of the random start and of the order of examples.
        coordinates: coordinates to fit in; None for plain ones.
        closed_form: a start in plain coordinates, or None.
        micro_batch: examples that pass the frozen half at once; their gradients sum to that of the batch.
        validation_batch: validation examples that pass it at once.
        least: what the fit has to reach; None where its own gain alone decides.
        most_steps: length of the longest automatic schedule, if it is below that of ``spec``.
    """

    def __init__(
        self,
        stitch: Fittable,
        criterion: Criterion,
        provided: Callable[[Tensor], Tensor],
        examples: Tensor,
        validation: Tensor,
        spec: FitSpec,
        generator: torch.Generator,
        coordinates: Coordinates | None = None,
        closed_form: Values | None = None,
        micro_batch: int | None = None,
        validation_batch: int = _VALIDATION_BATCH,
        least: Least | None = None,
        most_steps: int | None = None,
    ) -> None:
        self.least, self.most_steps = least, most_steps
        self.stitch, self.criterion, self.provided = stitch, criterion, provided
        self.examples, self.validation, self.spec = examples, validation, spec
        self.generator, self.coordinates, self.closed_form = generator, coordinates, closed_form
        self.micro_batch = spec.batch_size if criterion.weight is None else micro_batch or spec.batch_size
        # Examples that are scored against each other are judged together.
        self.validation_batch = max(1, len(validation)) if criterion.weight is None else validation_batch
        self.total_steps = 0
        self._kept: TriedFit | None = None

    def run(self) -> Fitted:
        """Fit the stitch in place.

        Returns:
            The outcome. After a non-finite loss the fit starts again at a tenth of the rate; a second one
            ends it, with the reason in ``failure``.
        """
        begin = time.perf_counter()
        if not list(self.stitch.parameters()):
            return Fitted(loss=math.nan, steps=0, seconds=0.0, start="none")
        untouched = copy.deepcopy(self.stitch.state_dict())
        start, values = self._start()
        state = self.generator.get_state()
        retried = False
        try:
            fitted = self._doubled(start, values, self.spec)
            if start == "random" and self._closed_form_is_better():
                assert self.closed_form is not None
                start = "closed form"
                fitted = self._doubled(start, self._from_plain(self.closed_form), self.spec)
        except _DivergedError:
            retried = True
            self.generator.set_state(state)
            self.stitch.load_state_dict(untouched)
            slower = replace(self.spec, learning_rate=self.spec.learning_rate * RETRY_RATE)
            try:
                fitted = self._doubled(start, values, slower)
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
        """Return the name of the start, and its values in the coordinates of the fit."""
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
            losses = [float(self._loss(values, few)) for values in (closed, drawn)]
        # Comparisons with NaN are false: only a certainly better random start replaces the closed form.
        return ("random", drawn) if losses[1] < losses[0] else ("closed form", closed)

    def _closed_form_is_better(self) -> bool:
        """Tell whether the closed form itself beats the fit from the random start on the validation examples.

        The start was chosen by its loss before the first step, which does not always predict the end of the
        fit.
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
        # A stitch computes in full precision, whatever the halves run in. Weights folded out of whitened
        # coordinates are large and cancel each other, which the three digits of bfloat16 cannot represent.
        y = functional_call(self.stitch, self._to_plain(values), (in_full(x),)).to(x.dtype)
        assert isinstance(y, Tensor)
        return y

    def _loss(self, values: Values, indices: Tensor) -> Tensor:
        return self.criterion.loss(self._stitched(values, self.provided(indices)), indices)

    def _doubled(self, kind: str, start: Values, spec: FitSpec) -> Fitted:
        """Run schedules of doubling length until the fit has converged, and keep the best stitch."""
        values = {name: value.clone().requires_grad_() for name, value in start.items()}
        optimiser = _optimiser(spec, list(values.values()))
        stream = batches(self.examples, spec.batch_size, self.generator)
        n_steps, done = spec.n_steps(len(self.examples)), 0
        # A closed form is a stitch already and may stay the best; a random start is none.
        closed = spec.automatic and kind == "closed form"
        best = last = self._candidate(start, 0, math.nan) if closed else None
        converged: bool | None = None
        gain = noise = None
        while True:
            candidate = self._schedule(values, optimiser, stream, spec, done, n_steps)
            if last is None:
                best = candidate
            else:
                gain, noise = paired_gain(candidate.scores, last.scores)
                assert best is not None
                if candidate.scores.mean() >= best.scores.mean():
                    best = candidate
                converged = self._has_converged(candidate, last, best, spec)
            if not spec.automatic or converged is not None:
                break
            n_next = 2 * n_steps
            if self.least is not None and last is not None and not self._may_go_on(candidate, last, spec):
                n_next = min(n_next, self.least.most_steps)
            last, n_steps, done = candidate, n_next, n_steps
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

    def _schedule(
        self,
        values: Values,
        optimiser: torch.optim.Optimizer,
        stream: Iterator[Tensor],
        spec: FitSpec,
        done: int,
        n_steps: int,
    ) -> TriedFit:
        """Take the steps from ``done`` to ``n_steps``, and return the stitch of that schedule."""
        averaged = spec.schedule == "averaged"
        mean, losses = RunningMean(), []
        for step in range(done, n_steps):
            share = averaged_rate(step) if averaged else rate(step, n_steps, spec.warmup_share)
            losses.append(self._step(values, optimiser, next(stream), spec, share))
            if step >= n_steps // 2:
                mean.add(values)
        loss = torch.stack(losses[-max(1, n_steps // 10) :]).mean().item()
        if not math.isfinite(loss):
            raise _DivergedError(f"loss {loss} after {n_steps} steps")
        return self._candidate(mean.value(self.stitch) if averaged else values, n_steps, loss)

    def _has_converged(
        self, candidate: TriedFit, last: TriedFit, best: TriedFit, spec: FitSpec
    ) -> bool | None:
        """Tell whether the fit has converged; None where a longer schedule is to decide."""
        gain, noise = paired_gain(candidate.scores, last.scores)
        if self._may_go_on(candidate, last, spec):
            return None
        if self.least is not None and self._is_short(best, self.least):
            return None if candidate.steps < self.least.most_steps else False
        return gain <= noise and (
            not self._hidden_gain(candidate, last, gain, noise) or self._learnt_nothing(candidate)
        )

    def _may_go_on(self, candidate: TriedFit, last: TriedFit, spec: FitSpec) -> bool:
        """Tell whether a fit still gains, and a schedule twice as long is allowed."""
        gain, noise = paired_gain(candidate.scores, last.scores)
        gains = gain > noise or self._hidden_gain(candidate, last, gain, noise)
        most = spec.max_steps(len(self.examples))
        return gains and 2 * candidate.steps <= min(most, self.most_steps or most)

    @staticmethod
    def _is_short(candidate: TriedFit, least: Least) -> bool:
        """Tell whether a fit is below what it has to reach, beyond noise."""
        gap, noise = paired_gain(least.scores, candidate.scores)
        return gap > noise

    def _hidden_gain(self, candidate: TriedFit, last: TriedFit, gain: float, noise: float) -> bool:
        """Tell whether the loss still falls where the score is blind: at chance, or with much noise.

        Elsewhere a falling loss is no reason to continue: more confident answers lower it without changing
        any.
        """
        mean, error = (
            float(candidate.scores.mean()),
            float(candidate.scores.std() / len(candidate.scores) ** 0.5),
        )
        blind = (gain > 0 and noise > _RESOLUTION) or mean <= self.criterion.chance + 2 * error
        fall, loss_noise = paired_gain(last.losses, candidate.losses)
        return blind and fall > loss_noise

    def _learnt_nothing(self, candidate: TriedFit) -> bool:
        """Tell whether the validation loss is that of a constant answer, or up to a tenth above.

        Such a loss may still fall: the fit unlearns what was wrong in its start. Farther above it is too
        early to tell.
        """
        losses, constant = candidate.losses, self.criterion.constant_loss
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
        for parameter, own in zip(values.values(), gradients, strict=True):
            parameter.grad = torch.zeros_like(parameter) if own is None else own
        optimiser.step()
        projected = self.stitch.project({name: parameter.detach() for name, parameter in values.items()})
        with torch.no_grad():
            for name, parameter in values.items():
                if projected[name] is not parameter:
                    parameter.copy_(projected[name])
        self.total_steps += 1
        # Reading the value every step would wait for the device; a non-finite value spreads to later steps.
        if self.total_steps % 16 == 1 and not torch.isfinite(value):
            raise _DivergedError(f"loss {value.item()}")
        return value

    def _through(self, y: Tensor, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return loss and gradient at the stitched representation; micro-batches shrink if out of memory."""
        while True:
            try:
                losses, gradients = [], []
                for part, some in zip(
                    y.split(self.micro_batch), indices.split(self.micro_batch), strict=True
                ):
                    leaf = part.detach().requires_grad_()
                    loss = self.criterion.loss(leaf, some) * self._share(some, indices)
                    (gradient,) = torch.autograd.grad(loss, leaf)
                    losses.append(loss.detach())
                    gradients.append(gradient)
                return torch.stack(losses).sum(), torch.cat(gradients)
            except torch.OutOfMemoryError:
                if self.micro_batch == 1 or self.criterion.weight is None:
                    raise
                self.micro_batch = max(1, self.micro_batch // 2)

    def _share(self, part: Tensor, whole: Tensor) -> float:
        """Return the weight of a part in the mean of a batch."""
        if len(part) == len(whole) or self.criterion.weight is None:
            return 1.0
        return self.criterion.weight(part) / max(1, self.criterion.weight(whole))

    def _candidate(self, values: Values, n_steps: int, loss: float) -> TriedFit:
        """Finish the stitch as if the fit ended here, and judge it on the validation examples."""
        with torch.no_grad():
            for name, value in self._to_plain(values).items():
                self.stitch.get_parameter(name).copy_(value)
        settle_norms(self.stitch, self.provided, self.examples)
        self.stitch.eval()
        judged = [(torch.zeros(0), torch.zeros(0))]
        with torch.no_grad():
            for indices in self.validation.split(self.validation_batch) if len(self.validation) else ():
                x = self.provided(indices)
                y = self._stitched(values, x)
                scores, losses = self.criterion.judge(y, indices)
                judged.append((scores.float().cpu(), losses.float().cpu()))
        return TriedFit(
            {name: value.detach().clone() for name, value in self.stitch.state_dict().items()},
            torch.cat([scores for scores, _ in judged]),
            torch.cat([losses for _, losses in judged]),
            n_steps,
            loss,
        )


def paired_gain(scores: Tensor, before: Tensor) -> tuple[float, float]:
    r"""Return the mean gain of paired scores (n,), and its noise, two standard errors.

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
