"""What the receiver is scored on: the loss and the score of its outputs against labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from modelstitch.errors import ModelError

_SCORES = ("logits", "scores", "out", "output")
"""Names under which models give their class scores, where they give several things."""


def class_scores(output: Any) -> Tensor:
    """Return the class scores (N, K) in what a network gives: the output itself, or the part of it that holds them.

    That part is called ``logits``, ``scores``, ``out`` or ``output`` in a mapping, a dataclass or a named tuple (Hugging Face's outputs are
    such), and comes first in a plain tuple.

    Raises:
        ModelError: no such part.

    Example:
        >>> class_scores({"hidden": torch.zeros(2, 5), "logits": torch.ones(2, 3)}).shape
        torch.Size([2, 3])
    """
    found = output
    if not isinstance(output, Tensor):
        named = output if isinstance(output, Mapping) else getattr(output, "__dict__", {})
        named = output._asdict() if hasattr(output, "_asdict") else named
        found = next((named[name] for name in _SCORES if isinstance(named.get(name), Tensor)), None)
        if found is None and isinstance(output, tuple | list) and output:
            found = output[0]
    if not isinstance(found, Tensor) or found.ndim != 2:
        raise ModelError(
            f"expected class scores, one row for each example, got {_described(output)}; a model that gives several things "
            f"gives them as {', '.join(_SCORES)}, or first in a tuple"
        )
    return found


def _described(output: Any) -> str:
    if isinstance(output, Tensor):
        return f"a tensor of shape {tuple(output.shape)}"
    if isinstance(output, Mapping):
        return f"{type(output).__name__} with {', '.join(map(str, output))}"
    if isinstance(output, tuple | list):
        return f"{type(output).__name__} of {', '.join(_described(each) for each in output)}"
    return type(output).__name__


@dataclass(frozen=True)
class Task:
    """A named pair of functions of outputs and labels.

    Attributes:
        loss: mean loss of a batch, to be made small.
        correct: (N,) booleans, whose mean is the score.
        read: outputs (N, K) of a network to one class score for each label.
    """

    name: str
    loss: Callable[[Tensor, Tensor], Tensor]
    correct: Callable[[Tensor, Tensor], Tensor]
    read: Callable[[Tensor], Tensor]


def is_correct(outputs: Tensor, labels: Tensor) -> Tensor:
    """Return for each example whether the largest of its outputs (N, K) is its label (N,).

    An output that is not a number is never correct.

    Example:
        >>> is_correct(torch.tensor([[1.0, 2.0], [float("nan"), 0.0]]), torch.tensor([1, 0])).tolist()
        [True, False]
    """
    return (outputs.argmax(1) == labels) & outputs.isfinite().all(1)


def _as_they_are(outputs: Tensor) -> Tensor:
    return outputs


CLASSIFICATION = Task("classification", F.cross_entropy, is_correct, _as_they_are)


def by_label_set(label_of: Sequence[int]) -> Task:
    r"""Return classification by coarser labels than the classes a network has outputs for.

    .. math:: s_{nl} = \log \sum_{k:\, l(k) = l} \mathrm{softmax}(o_n)_k

    Outputs beyond the last class count together as one more label, which is never right. Fewer outputs than classes are taken as
    scores of the coarser labels themselves; see :meth:`Data.can_score`.

    Args:
        label_of: the label of each class.

    Example:
        >>> task = by_label_set([0, 0, 1])
        >>> task.correct(torch.tensor([[2.0, 2.0, 2.5]]), torch.tensor([0])).tolist()
        [True]
    """
    members = [
        [index for index, label in enumerate(label_of) if label == each] for each in range(max(label_of) + 1)
    ]

    def read(outputs: Tensor) -> Tensor:
        n_outputs = outputs.shape[1]
        if n_outputs < len(label_of):
            return outputs
        beyond = list(range(len(label_of), n_outputs))
        logs = outputs.log_softmax(1)
        return torch.stack(
            [logs[:, some].logsumexp(1) for some in (*members, *([beyond] if beyond else []))], 1
        )

    def loss(outputs: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(read(outputs), labels)

    def correct(outputs: Tensor, labels: Tensor) -> Tensor:
        return is_correct(read(outputs), labels)

    return Task("classification by coarser labels", loss, correct, read)


def accuracy(correct: Tensor) -> float:
    """Return the share of true values in ``correct`` (N,), from 0 to 1."""
    return int(torch.count_nonzero(correct)) / len(correct)


def chance(labels: Tensor) -> float:
    """Return the score of always naming the commonest of ``labels`` (N,).

    Example:
        >>> chance(torch.tensor([0, 0, 0, 1]))
        0.75
    """
    return int(labels.bincount().max()) / len(labels)
