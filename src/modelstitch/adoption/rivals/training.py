"""Fit anything by the rule that stitches are fitted by, and count what that took."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

import torch
from torch import Tensor, nn

from modelstitch.fitting.objectives import Criterion, Judged, TargetsOf
from modelstitch.fitting.objectives import task as task_criterion
from modelstitch.fitting.trained import Fit
from modelstitch.grid.cell import divide_validation
from modelstitch.grid.inputs import NetworkInputs
from modelstitch.models.seeding import seeded
from modelstitch.specs import FitSpec
from modelstitch.stitches import Fittable
from modelstitch.tasks import Task
from modelstitch.util.narrow_convolutions import right_gradients

FORWARD_AND_BACK = 3
"""Multiply-adds of a step of training, in those of one forward pass: a gradient takes two more."""

_MOST_EXAMPLES = 2**24
"""Numbers of examples pass through float32, which holds no larger whole number."""


@dataclass(frozen=True)
class Spent:
    """What a fit took.

    Attributes:
        steps: of the optimiser, in all schedules.
        examples: that these steps saw, each as often as it was seen.
        multiply_adds: of these steps, and of what was computed once before them.
    """

    steps: int
    examples: int
    multiply_adds: int


NOTHING = Spent(0, 0, 0)


@dataclass(frozen=True)
class FitOutcome:
    """How a fit ended.

    Attributes:
        converged: whether twice the steps gained less than their noise on the validation examples.
        score: mean score of the validation examples.
        spent: what it took.
        gain, noise: of the last doubling; None where there was none.
        failure: why it failed, or None.
    """

    converged: bool
    score: float
    spent: Spent
    gain: float | None = None
    noise: float | None = None
    failure: str | None = None


@final
class ByNumber(Fittable):
    """A whole network whose input is the number of each training example, so that masks come along.

    Args:
        module: the network.
        inputs: the examples as it takes them.
        read: its output to what the task's loss and score take.
    """

    def __init__(self, module: nn.Module, inputs: NetworkInputs, read: Callable[[object], Tensor]) -> None:
        super().__init__()
        self.module, self.inputs, self.read = module, inputs, read
        if len(inputs.given["train"]) >= _MOST_EXAMPLES:
            raise ValueError(f"expected fewer than {_MOST_EXAMPLES:,} training examples")

    def forward(self, numbers: Tensor) -> Tensor:
        """Return outputs of the examples with these numbers (n,)."""
        indices = numbers.long().cpu()
        batch = self.inputs.batch("train", indices)
        return self.read(self.module(batch.x, **batch.own)).float()


def numbers_of(indices: Tensor) -> Tensor:
    """Return the numbers of examples as :class:`ByNumber` takes them."""
    return indices.float()


def of_task(task: Task, targets: TargetsOf) -> Criterion:
    """Return the task's own loss of outputs."""
    return task_criterion(lambda outputs, _: outputs, targets, task)


def distilling(task: Task, targets: TargetsOf, teacher: Callable[[Tensor], Tensor]) -> Criterion:
    r"""Return half the task's own loss and half the distance from a teacher's outputs.

    .. math:: \tfrac12 L(o, y) + \tfrac12 \mathrm{KL}(\mathrm{softmax}(t) \,\|\, \mathrm{softmax}(o))

    for class scores o of the student and t of the teacher; for other tasks their own distance.

    Args:
        task: what is scored.
        targets: of training examples.
        teacher: indices of training examples to the teacher's outputs.

    Source: Hinton, Vinyals & Dean 2015, arXiv 1503.02531, at temperature 1.
    """
    own = of_task(task, targets)

    def value(outputs: Tensor, indices: Tensor) -> Tensor:
        apart = task.distances(outputs, teacher(indices).float(), targets(indices)).mean()
        return (own.loss(outputs, indices) + apart) / 2

    def judge(outputs: Tensor, indices: Tensor) -> Judged:
        return own.judge(outputs, indices)

    return replace(own, name="distilled", loss=value, judge=judge)


def fitted(
    module: Fittable,
    criterion: Criterion,
    provided: Callable[[Tensor], Tensor],
    n_examples: int,
    spec: FitSpec,
    per_example: int,
    *,
    seed: int = 0,
    keep_start: bool = False,
) -> FitOutcome:
    """Fit a module in place until twice the steps gain nothing, or to the end of what ``spec`` allows.

    The validation examples are those of every stitch: a tenth of the training part.

    Args:
        module: at its start.
        criterion: what to fit it to.
        provided: indices of training examples to the module's inputs.
        n_examples: number of training examples.
        spec: how to fit; its length is automatic.
        per_example: multiply-adds of one example, forward.
        seed: of the order of examples, and of what the module draws.
        keep_start: whether the start is a solution already, which may stay the best one.
    """
    examples, validation = divide_validation(n_examples, automatic=True)
    # One pass at least: a network that has seen no image twice has not begun to converge.
    first = max(spec.first_steps, len(examples) // spec.batch_size)
    chosen = replace(
        spec, first_steps=first, start="closed-form" if keep_start else "random", coordinates="plain"
    )
    with seeded(seed):
        fit = Fit(
            module,
            criterion,
            provided,
            examples,
            validation,
            chosen,
            torch.Generator().manual_seed(seed),
            closed_form={name: value.detach().clone() for name, value in module.named_parameters()}
            if keep_start
            else None,
        )
        with right_gradients(module.parameters()):
            end = fit.run()
        score = validated(module, criterion, provided, validation)
    n_seen = fit.total_steps * min(spec.batch_size, len(examples))
    spent = Spent(fit.total_steps, n_seen, n_seen * FORWARD_AND_BACK * per_example)
    return FitOutcome(end.converged is True, score, spent, end.gain, end.noise, end.failure)


def validated(
    module: nn.Module, criterion: Criterion, provided: Callable[[Tensor], Tensor], validation: Tensor
) -> float:
    """Return the mean score of the validation examples."""
    with torch.no_grad():
        scores = [criterion.judge(module(provided(some)), some)[0] for some in validation.split(256)]
    return float(torch.cat(scores).double().mean())
