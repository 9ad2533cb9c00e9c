"""What the receiver is scored on: the loss and the score of its outputs against labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Task:
    """A named pair of functions of outputs and labels.

    Attributes:
        loss: mean loss of a batch, to be made small.
        correct: (N,) booleans, whose mean is the score.
    """

    name: str
    loss: Callable[[Tensor, Tensor], Tensor]
    correct: Callable[[Tensor, Tensor], Tensor]


def is_correct(outputs: Tensor, labels: Tensor) -> Tensor:
    """Return for each example whether the largest of its outputs (N, K) is its label (N,).

    An output that is not a number is never correct.

    Example:
        >>> is_correct(torch.tensor([[1.0, 2.0], [float("nan"), 0.0]]), torch.tensor([1, 0])).tolist()
        [True, False]
    """
    return (outputs.argmax(1) == labels) & outputs.isfinite().all(1)


CLASSIFICATION = Task("classification", F.cross_entropy, is_correct)


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
