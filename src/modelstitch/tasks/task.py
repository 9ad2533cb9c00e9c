"""A task: the loss and the score of a network's outputs against targets."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from modelstitch.errors import DataError, ModelError
from modelstitch.tasks.own import name_of, told

Batch = Mapping[str, Tensor]
"""Tensors of some examples, by name: ``x`` (inputs), ``y`` (targets) and further inputs."""

Targets = Tensor | Batch
"""Second argument of a task's loss and score: targets (N, ...), or a whole batch where ``Task.takes_batch``."""

IGNORED = -100
"""Target of a position that takes no part: padding, or a token that was not masked."""

_SCORES = ("logits", "scores", "out", "output")
"""Names under which models give what is scored, where they give several things."""


def nothing(targets: Targets) -> float:
    """Return 0: no constant answer is worth anything."""
    return 0.0


def unknown(targets: Targets) -> float:
    """Return minus infinity: no loss is known that a constant answer has."""
    return -math.inf


def one_each(targets: Tensor) -> tuple[int, bool]:
    """Return K for targets (N, K), and that more outputs than that do not fit."""
    return targets.shape[1], False


def as_they_are(outputs: Tensor) -> Tensor:
    """Return outputs as they are."""
    return outputs


@dataclass(frozen=True, kw_only=True)
class Task:
    """A loss and a score of a network's outputs, given targets.

    Scores lie between 0 and 1, the higher the better. That is what every interval of a run relies on: the mean of n such scores
    varies no more than a share of n right answers.

    Attributes:
        name: what to call it.
        loss: mean loss of a batch, to be made small.
        score: (N,) scores of the examples, true and false or from 0 to 1; their mean is the score of the network.
        chance: the score of the best constant answer, from the targets of all examples.
        constant_loss: the loss of that answer, where it can be said.
        score_name: what a score is, in words.
        axes: number of axes of the outputs, the batch among them; None for any.
        read: outputs to one class score for each label, for the evidence that reads answers and their probabilities.
        has_classes: whether outputs are class scores; evidence that reads them is measured for such tasks alone.
        by_position: whether every position of an example has its own target, as the next token is.
        together: whether examples are scored against each other, so that all of them are scored at once.
        needs: least number of outputs, from the targets, and whether a network may have more.
        distance: (N,) distances of outputs from other outputs, given targets; the mean squared difference without it.
        takes_batch: whether loss, score, chance, constant_loss and distance take a :data:`Batch` instead of targets alone.

    Example:
        >>> def loss(outputs, targets):
        ...     return (outputs - targets).abs().mean()
        >>> def score(outputs, targets):
        ...     return ((outputs - targets).abs() < 0.5).all(1)
        >>> Task(name="within half a unit", loss=loss, score=score).scored(torch.zeros(2, 1), torch.tensor([[0.2], [3.0]])).tolist()
        [True, False]
    """

    name: str
    loss: Callable[[Tensor, Any], Tensor]
    score: Callable[[Tensor, Any], Tensor]
    chance: Callable[[Any], float] = nothing
    constant_loss: Callable[[Any], float] = unknown
    score_name: str = "accuracy"
    axes: int | None = 2
    read: Callable[[Tensor], Tensor] = as_they_are
    has_classes: bool = False
    by_position: bool = False
    together: bool = False
    needs: Callable[[Tensor], tuple[int, bool]] | None = None
    distance: Callable[[Tensor, Tensor, Any], Tensor] | None = None
    takes_batch: bool = False

    @contextlib.contextmanager
    def _hinting(self, targets: Targets) -> Iterator[None]:
        """Say what a function of the user's own was given, where it fails."""
        try:
            yield
        except (TypeError, KeyError, IndexError, ValueError) as error:
            given = (
                "targets alone, a tensor; takes_batch=True gives them the whole batch, by name"
                if isinstance(targets, Tensor)
                else f"a batch with {', '.join(targets)}"
            )
            error.add_note(f"task {self.name}: its functions are given outputs and {given}")
            raise

    def takes(self, n_outputs: int, targets: Tensor) -> bool:
        """Tell whether ``n_outputs`` outputs can be scored against ``targets``."""
        if self.needs is None:
            return True
        least, may_be_more = self.needs(targets)
        return n_outputs >= least if may_be_more else n_outputs == least

    def targets(self, x: Tensor, y: Tensor, more: Batch) -> Targets:
        """Return what loss and score are given of examples.

        Args:
            x: (N, ...) what a network takes.
            y: (N, ...) targets.
            more: (N, ...) further inputs by name.

        Raises:
            DataError: a further input called ``x`` or ``y``.
        """
        if not self.takes_batch:
            return y
        doubled = sorted({"x", "y"} & more.keys())
        if doubled:
            raise DataError(
                f"task {self.name} takes batches, in which x and y are the inputs and the targets: call the further input "
                f"{doubled[0]!r} otherwise"
            )
        return {"x": x, "y": y, **more}

    def scored(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Return the scores of the examples (N,), checked.

        Raises:
            ModelError: something else than one score from 0 to 1 for each example.
        """
        with self._hinting(targets):
            found = self.score(outputs, targets)
        n_examples = len(_targets(targets))
        if not isinstance(found, Tensor) or found.shape != (n_examples,):
            raise ModelError(
                f"task {self.name}: expected one score for each of {n_examples} examples, got {described(found)}"
            )
        if found.dtype != torch.bool and not ((found >= 0) & (found <= 1)).all():
            wrong = found[~((found >= 0) & (found <= 1))][0]
            raise ModelError(
                f"task {self.name}: expected scores from 0 (worst) to 1 (best), got {float(wrong):.4g}; bring them to that range"
            )
        return found

    @property
    def identity(self) -> str:
        """The name, and of a task of the user's own what can be told of its functions: another loss makes another run."""
        functions = (self.loss, self.score, self.read, self.distance)
        known = ("modelstitch.", f"{F.__name__}.cross_entropy")
        own = [each for each in functions if each is not None and not name_of(each).startswith(known)]
        return "|".join([self.name, *map(told, own)])

    def mean_loss(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Return the mean loss of a batch, checked.

        Raises:
            ModelError: something else than one number, or one that no gradient reaches though the outputs have one.
        """
        with self._hinting(targets):
            found = self.loss(outputs, targets)
        if not isinstance(found, Tensor) or found.numel() != 1 or not found.is_floating_point():
            raise ModelError(
                f"task {self.name}: expected the loss of a batch as one number, got {described(found)}; take its mean"
            )
        if outputs.requires_grad and not found.requires_grad:
            raise ModelError(
                f"task {self.name}: no gradient of its loss reaches the outputs: expected a loss without detach(), item() or argmax()"
            )
        return found.reshape(())

    def n_counted(self, targets: Targets) -> int:
        """Return over how many things the mean of a loss is taken: examples, or positions with a target."""
        y = _targets(targets)
        return int((y != IGNORED).sum()) if self.by_position else len(y)

    def apart(self, outputs: Tensor, own: Tensor, targets: Targets) -> Tensor:
        """Return how far outputs are from others, example by example (N,)."""
        if self.distance is not None:
            return self.distance(outputs, own, targets)
        return (outputs - own).square().flatten(1).mean(1)

    def losses(self, outputs: Tensor, targets: Targets) -> Tensor:
        """Return the loss of each example (N,); of all together, the same for each, where they are scored against each other."""
        if self.together:
            return self.loss(outputs, targets).expand(len(outputs))
        each = (at(targets, slice(n, n + 1)) for n in range(len(outputs)))
        return torch.stack([self.loss(*one) for one in zip(outputs.split(1), each, strict=True)])

    def outputs_of(self, output: Any) -> Tensor:
        """Return what is scored in what a network gives: the output itself, or the part of it that holds it.

        That part is called ``logits``, ``scores``, ``out`` or ``output`` in a mapping, a dataclass or a named tuple (Hugging Face's
        outputs are such), and comes first in a plain tuple.

        Raises:
            ModelError: no such part.

        Example:
            >>> from modelstitch.tasks import CLASSIFICATION
            >>> CLASSIFICATION.outputs_of({"hidden": torch.zeros(2, 5), "logits": torch.ones(2, 3)}).shape
            torch.Size([2, 3])
        """
        found = output
        if not isinstance(output, Tensor):
            named = output if isinstance(output, Mapping) else getattr(output, "__dict__", {})
            named = output._asdict() if hasattr(output, "_asdict") else named
            found = next((named[name] for name in _SCORES if isinstance(named.get(name), Tensor)), None)
            if found is None and isinstance(output, tuple | list) and output:
                found = output[0]
        if isinstance(found, Tensor) and self.axes == 2 and found.ndim == 1:
            found = found[:, None]
        if not isinstance(found, Tensor) or (self.axes is not None and found.ndim != self.axes):
            expected = (
                "class scores, one row for each example"
                if self.has_classes and self.axes == 2
                else self._expected()
            )
            raise ModelError(
                f"expected {expected}, got {described(output)}; a model that gives several things "
                f"gives them as {', '.join(_SCORES)}, or first in a tuple"
            )
        return found

    def _expected(self) -> str:
        return f"outputs for the task {self.name}, a tensor of {self.axes or 'any number of'} axes"


def _targets(targets: Targets) -> Tensor:
    return targets if isinstance(targets, Tensor) else targets["y"]


def at(targets: Targets, chosen: Tensor | slice) -> Targets:
    """Return the targets of some examples, by indices or as a slice."""
    if isinstance(targets, Tensor):
        return targets[chosen.to(targets.device) if isinstance(chosen, Tensor) else chosen]
    return {
        name: each[chosen.to(each.device) if isinstance(chosen, Tensor) else chosen]
        for name, each in targets.items()
    }


def joined(parts: Sequence[Targets]) -> Targets:
    """Concatenate the targets of several batches."""
    first = parts[0]
    if isinstance(first, Tensor):
        return torch.cat([part for part in parts if isinstance(part, Tensor)])
    return {name: torch.cat([part[name] for part in parts]) for name in first}  # type: ignore[index]


def described(output: Any) -> str:
    """Say in words what a network gives."""
    if isinstance(output, Tensor):
        return f"a tensor of shape {tuple(output.shape)}"
    if isinstance(output, Mapping):
        return f"{type(output).__name__} with {', '.join(map(str, output))}"
    if isinstance(output, tuple | list):
        return f"{type(output).__name__} of {', '.join(described(each) for each in output)}"
    return type(output).__name__


def mean_score(scores: Tensor) -> float:
    """Return the mean of scores (N,), from 0 to 1; of true and false values their share of true ones, exactly.

    Example:
        >>> mean_score(torch.tensor([True, False])), mean_score(torch.tensor([0.25, 0.75]))
        (0.5, 0.5)
    """
    if scores.dtype == torch.bool:
        return int(torch.count_nonzero(scores)) / len(scores)
    return float(scores.double().mean())
