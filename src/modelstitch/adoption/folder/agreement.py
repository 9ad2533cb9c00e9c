r"""How far a form of a stitched network is from the network itself.

.. math:: d = \max_k \frac{\max |y'_k - y_k|}{\max |y_k|}

:math:`y_k` is the k-th output of the network for all compared examples, :math:`y'_k` that of the form.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from modelstitch.errors import ModelError
from modelstitch.tasks import OutputReading, Targets

BATCHES = (1, 2, 257)
"""Numbers of examples that are computed at once when a form is compared."""

MOST_DIFFERENCE = 1e-4
"""Largest difference of a form that is written, as a share of the largest output."""

_MOST_SCORE = 1e-3
"""Largest difference of the score of an example, where scores are no right or wrong."""

NamedTensors = Mapping[str, Tensor]
Run = Callable[[NamedTensors], NamedTensors]


@dataclass(frozen=True)
class Compared:
    """One batch that forms are compared on.

    Attributes:
        inputs: (n, ...) by name.
        outputs: (n, ...) of the original network, by name; the first is scored.
        targets: of the examples.
    """

    inputs: NamedTensors
    outputs: NamedTensors
    targets: Targets


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far a form is from the original.

    Attributes:
        form: name of its file.
        difference: largest difference of an output, as a share of its largest value.
        answers: how many answers are others.
        n: number of compared answers.
        batches: how many examples were computed at once.

    Example:
        >>> Agreement(form="model.pt2", difference=0.0, answers=0, n=260).holds
        True
    """

    form: str
    difference: float
    answers: int
    n: int
    batches: tuple[int, ...] = BATCHES

    @property
    def holds(self) -> bool:
        """Whether the form may be written."""
        return self.difference <= MOST_DIFFERENCE and self.answers == 0

    @property
    def said(self) -> str:
        """The differences in words."""
        return (
            f"{self.form} differs from the stitched network by {self.difference:.2g} of the largest output "
            f"and in {self.answers} of {self.n} answers (batches of {', '.join(map(str, self.batches))})"
        )


def agreement(form: str, run: Run, batches: Sequence[Compared], reading: OutputReading) -> Agreement:
    """Compare a form with the original on some batches.

    Args:
        form: name of its file.
        run: computes outputs by name from inputs by name.
        batches: what to compare on.
        reading: how the first output is read.

    Returns:
        The differences; infinite where the form gives other outputs, other shapes, or no finite number where
        the original gives one.

    Raises:
        ModelError: an output of the original is not finite.
    """
    expect_finite(batches)
    differences, answers, n = [0.0], 0, 0
    for batch in batches:
        with torch.no_grad():
            got = run(batch.inputs)
        differences.append(difference(got, batch.outputs))
        first = next(iter(batch.outputs))
        others = other_answers(got.get(first), batch.outputs[first], batch.targets, reading)
        answers, n = answers + int(others.sum()), n + others.numel()
    sizes = tuple(len(next(iter(batch.inputs.values()))) for batch in batches)
    return Agreement(form=form, difference=max(differences), answers=answers, n=n, batches=sizes)


def difference(got: NamedTensors, expected: NamedTensors) -> float:
    """Return the largest difference of two sets of outputs, as a share of the largest value of each output.

    Example:
        >>> difference({"y": torch.tensor([1.0, 4.5])}, {"y": torch.tensor([1.0, 5.0])})
        0.1
        >>> difference({}, {"y": torch.tensor([1.0])})
        inf
    """
    if list(got) != list(expected):
        return math.inf
    shares = [0.0]
    for name, value in expected.items():
        if got[name].shape != value.shape:
            return math.inf
        if not value.numel():
            continue
        gap = (got[name].double() - value.double()).abs().max()
        largest = value.double().abs().max()
        shares.append(float(gap / largest) if largest > 0 else (0.0 if gap == 0 else math.inf))
    return max(shares) if all(map(math.isfinite, shares)) else math.inf


def other_answers(
    got: Tensor | None, expected: Tensor, targets: Targets, reading: OutputReading
) -> Bool[Tensor, ...]:
    """Tell for each answer whether it is another one: every one, where the shapes differ.

    An answer is the class of an example or a position; of a task without classes it is the score of an
    example, and another one if it is no longer right, or further away than forms may differ.
    """
    own = _answers(expected, targets, reading)
    if got is None or got.shape != expected.shape or not bool(got.isfinite().all()):
        return torch.ones_like(own, dtype=torch.bool)
    found = _answers(got, targets, reading)
    if own.is_floating_point():
        return (found - own).abs() > _MOST_SCORE
    return found != own


def _answers(output: Tensor, targets: Targets, reading: OutputReading) -> Tensor:
    scores = reading.as_scores(output)
    if reading.task.has_classes:
        return reading.answers(scores).argmax(-1)
    return reading.task.scored(scores, targets)


def expect_finite(batches: Sequence[Compared]) -> None:
    """Raise where an output of the original is not finite.

    Raises:
        ModelError: it is not.
    """
    for batch in batches:
        for name, value in batch.outputs.items():
            if value.is_floating_point() and not bool(value.isfinite().all()):
                raise ModelError(
                    f"expected finite outputs of the stitched network, got NaN or infinity in {name}: it "
                    "cannot be exported; choose another cell"
                )
