"""A task: the loss and the score of a network's outputs against targets."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor

from modelstitch.errors import DataError, ModelError
from modelstitch.tasks.fingerprint import fingerprint, name_of
from modelstitch.util.arguments import read_fields

Batch = Mapping[str, Tensor]
"""Tensors of some examples, by name: ``x`` (inputs), ``y`` (targets) and further inputs."""

Targets = Tensor | Batch
"""Second argument of a task's loss and score: targets (N, ...), or a batch where ``Task.takes_batch``."""

IGNORED = -100
"""Target of a position that takes no part: padding, or a token that was not masked."""


def no_chance(targets: Targets) -> float:
    """Return 0: no constant answer scores."""
    return 0.0


def unknown_loss(targets: Targets) -> float:
    """Return minus infinity: the loss of the best constant answer is not known."""
    return -math.inf


def one_output_a_column(targets: Shaped[Tensor, "n k"]) -> tuple[int, bool]:
    """Return K for targets (N, K), and that more outputs than that do not fit."""
    return targets.shape[1], False


def unchanged(outputs: Tensor) -> Tensor:
    """Return outputs unchanged."""
    return outputs


@read_fields
@dataclass(frozen=True, kw_only=True)
class Task:
    """A loss and a score of a network's outputs, given targets.

    Scores lie between 0 and 1, higher is better. Every interval of a run relies on it: the mean of n such
    scores varies no more than a share of n right answers.

    Attributes:
        name: name of the task.
        loss: mean loss of a batch, lower is better.
        score: (N,) scores of the examples, bool or from 0 to 1; the network's score is their mean.
        chance: the score of the best constant answer, from the targets of all examples.
        constant_loss: the loss of that answer, where it is known.
        score_name: the name of the score.
        axes: number of axes of the outputs, with the batch; None for any.
        read: outputs to one class score for each label, for evidence about answers and probabilities.
        has_classes: whether outputs are class scores; other tasks have no evidence about answers.
        by_position: whether every position of an example has its own target, as the next token is.
        together: whether examples are scored against each other, so that all are scored at once.
        needs: least number of outputs, from the targets, and whether a network may have more.
        distance: (N,) distances of outputs from reference outputs, given targets; without it the mean squared
            difference.
        takes_batch: whether loss, score, chance, constant_loss and distance take a :data:`Batch` instead of
            targets alone.
        logits: what turns the outputs that its functions take into probabilities, ``softmax`` or ``sigmoid``;
            a network that gives probabilities is then read as logits. None takes outputs as they are.
        output_names: names of the output that is scored, where a network gives several by name.
        answer: outputs to the targets (N, ...) that they say, so that the score of other outputs against them
            is how well two networks agree; None where no target follows from outputs.

    Example:
        >>> def loss(outputs, targets):
        ...     return (outputs - targets).abs().mean()
        >>> def score(outputs, targets):
        ...     return ((outputs - targets).abs() < 0.5).all(1)
        >>> task = Task(name="within half a unit", loss=loss, score=score)
        >>> task.scored(torch.zeros(2, 1), torch.tensor([[0.2], [3.0]])).tolist()
        [True, False]
    """

    name: str
    loss: Callable[[Tensor, Any], Tensor]
    score: Callable[[Tensor, Any], Tensor]
    chance: Callable[[Any], float] = no_chance
    constant_loss: Callable[[Any], float] = unknown_loss
    score_name: str = "accuracy"
    axes: int | None = 2
    read: Callable[[Tensor], Tensor] = unchanged
    has_classes: bool = False
    by_position: bool = False
    together: bool = False
    needs: Callable[[Tensor], tuple[int, bool]] | None = None
    distance: Callable[[Tensor, Tensor, Any], Tensor] | None = None
    takes_batch: bool = False
    logits: Literal["softmax", "sigmoid"] | None = None
    output_names: tuple[str, ...] = ("logits", "scores")
    answer: Callable[[Tensor], Tensor] | None = None

    @contextlib.contextmanager
    def _explained(self, targets: Targets) -> Iterator[None]:
        """Add to an error of the user's function what the function was given."""
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

    def targets(self, x: Tensor, y: Tensor, kwargs: Batch) -> Targets:
        """Return the second argument of loss and score for some examples.

        Args:
            x: (N, ...) inputs of the network.
            y: (N, ...) targets.
            kwargs: (N, ...) further inputs by name.

        Raises:
            DataError: a further input called ``x`` or ``y``.
        """
        if not self.takes_batch:
            return y
        doubled = sorted({"x", "y"} & kwargs.keys())
        if doubled:
            raise DataError(
                f"task {self.name} takes batches, in which x and y are the inputs and the targets: "
                f"rename the further input {doubled[0]!r}"
            )
        return {"x": x, "y": y, **kwargs}

    def scored(self, outputs: Tensor, targets: Targets) -> Shaped[Tensor, " n"]:
        """Return the scores of the examples (N,), checked.

        Raises:
            ModelError: anything but one score from 0 to 1 for each example.
        """
        with self._explained(targets):
            scores = self.score(outputs, targets)
        n_examples = len(_y(targets))
        if not isinstance(scores, Tensor) or scores.shape != (n_examples,):
            raise ModelError(
                f"task {self.name}: expected one score for each of {n_examples} examples, "
                f"got {described(scores)}"
            )
        if scores.dtype != torch.bool and not ((scores >= 0) & (scores <= 1)).all():
            wrong = scores[~((scores >= 0) & (scores <= 1))][0]
            raise ModelError(
                f"task {self.name}: expected scores from 0 (worst) to 1 (best), got {float(wrong):.4g}; "
                "bring them to that range"
            )
        return scores

    def agreed(self, outputs: Tensor, reference: Tensor, targets: Targets) -> Float[Tensor, " n"] | None:
        r"""Return how well outputs agree with reference outputs, from 0 to 1, without a target.

        .. math:: a_n = \mathrm{score}(o_n, \mathrm{answer}(r_n))

        Args:
            outputs: (N, ...) o.
            reference: (N, ...) r.
            targets: (N, ...) of the same examples, which say only where a position takes no part.

        Returns:
            (N,) scores in float64; None where no target follows from outputs.

        Example:
            >>> from modelstitch.tasks import MULTI_LABEL
            >>> own, other = torch.tensor([[2.0, -1.0]]), torch.tensor([[3.0, 4.0]])
            >>> MULTI_LABEL.agreed(own, other, torch.zeros(1, 2))
            tensor([0.5000], dtype=torch.float64)
        """
        if self.answer is None or self.takes_batch:
            return None
        said = self.answer(reference)
        if self.by_position:
            said = said.where(_y(targets) != IGNORED, IGNORED)
        return self.scored(outputs, said).double()

    @property
    def identity(self) -> str:
        """The name, with fingerprints of a user's own functions: another loss makes another run."""
        functions = (self.loss, self.score, self.read, self.distance)
        known = ("modelstitch.", f"{F.__name__}.cross_entropy")
        own = [f for f in functions if f is not None and not name_of(f).startswith(known)]
        return "|".join([self.name, *map(fingerprint, own)])

    def mean_loss(self, outputs: Tensor, targets: Targets) -> Float[Tensor, ""]:
        """Return the mean loss of a batch, checked.

        Raises:
            ModelError: anything but one number, or a loss without a gradient for outputs with one.
        """
        with self._explained(targets):
            loss = self.loss(outputs, targets)
        if not isinstance(loss, Tensor) or loss.numel() != 1 or not loss.is_floating_point():
            raise ModelError(
                f"task {self.name}: expected the loss of a batch as one number, got {described(loss)}; "
                "take its mean"
            )
        if outputs.requires_grad and not loss.requires_grad:
            raise ModelError(
                f"task {self.name}: no gradient of its loss reaches the outputs: "
                "expected a loss without detach(), item() or argmax()"
            )
        return loss.reshape(())

    def n_counted(self, targets: Targets) -> int:
        """Return the number of terms in the mean of a loss: examples, or positions with a target."""
        y = _y(targets)
        return int((y != IGNORED).sum()) if self.by_position else len(y)

    def distances(
        self, outputs: Float[Tensor, " n *k"], reference: Float[Tensor, " n *k"], targets: Targets
    ) -> Float[Tensor, " n"]:
        """Return the distance of each example's outputs from the reference outputs."""
        if self.distance is not None:
            return self.distance(outputs, reference, targets)
        return (outputs - reference).square().flatten(1).mean(1)

    def losses(self, outputs: Float[Tensor, " n *k"], targets: Targets) -> Float[Tensor, " n"]:
        """Return the loss of each example; where examples are scored together, the loss of all for each."""
        if self.together:
            return self.loss(outputs, targets).expand(len(outputs))
        own_targets = (at(targets, slice(n, n + 1)) for n in range(len(outputs)))
        return torch.stack(
            [self.loss(*example) for example in zip(outputs.split(1), own_targets, strict=True)]
        )

    def outputs_of(self, output: Any) -> Tensor:
        """Return the tensor to score in a model's output: the only one, or the one that its name tells.

        Raises:
            ModelError: no such part, or several that may be meant.

        Example:
            >>> from modelstitch.tasks import CLASSIFICATION
            >>> CLASSIFICATION.outputs_of({"hidden": torch.zeros(2, 5), "logits": torch.ones(2, 3)}).shape
            torch.Size([2, 3])
        """
        from modelstitch.tasks.outputs import the_output  # it reads tasks

        return the_output(output, self)


def _y(targets: Targets) -> Tensor:
    return targets if isinstance(targets, Tensor) else targets["y"]


def at(targets: Targets, chosen: Tensor | slice) -> Targets:
    """Return the targets of some examples, by indices or as a slice."""
    if isinstance(targets, Tensor):
        return targets[chosen.to(targets.device) if isinstance(chosen, Tensor) else chosen]
    return {
        name: value[chosen.to(value.device) if isinstance(chosen, Tensor) else chosen]
        for name, value in targets.items()
    }


def joined(parts: Sequence[Targets]) -> Targets:
    """Concatenate the targets of several batches."""
    first = parts[0]
    if isinstance(first, Tensor):
        return torch.cat([part for part in parts if isinstance(part, Tensor)])
    return {name: torch.cat([part[name] for part in parts]) for name in first}  # type: ignore[index]


def described(output: Any) -> str:
    """Describe an output in words, for errors."""
    if isinstance(output, Tensor):
        return f"a tensor of shape {tuple(output.shape)}"
    if isinstance(output, Mapping):
        return f"{type(output).__name__} with {', '.join(map(str, output))}"
    if isinstance(output, tuple | list):
        return f"{type(output).__name__} of {', '.join(described(part) for part in output)}"
    return type(output).__name__


def mean_score(scores: Shaped[Tensor, " n"]) -> float:
    """Return the mean of scores; of bool scores the exact share of true ones.

    Example:
        >>> mean_score(torch.tensor([True, False])), mean_score(torch.tensor([0.25, 0.75]))
        (0.5, 0.5)
    """
    if scores.dtype == torch.bool:
        return int(torch.count_nonzero(scores)) / len(scores)
    return float(scores.double().mean())
