"""Several labels for each example, each there or not."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from modelstitch.tasks.task import Task, one_each


def loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean binary cross-entropy of outputs (N, K), logits, against 0 and 1 (N, K)."""
    return F.binary_cross_entropy_with_logits(outputs, targets.to(outputs.dtype))


def share_right(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return for each example which share of its labels is told rightly, (N,).

    Example:
        >>> share_right(torch.tensor([[2.0, -1.0], [2.0, float("nan")]]), torch.tensor([[1, 0], [0, 0]])).tolist()
        [1.0, 0.0]
    """
    return (((outputs > 0) == (targets > 0)) & outputs.isfinite()).float().mean(1)


def chance(targets: Tensor) -> float:
    """Return the score of the commoner answer for each label.

    Example:
        >>> chance(torch.tensor([[1, 0], [1, 0], [0, 0], [1, 1]]))
        0.75
    """
    there = (targets > 0).double().mean(0)
    return float(torch.maximum(there, 1 - there).mean())


def constant_loss(targets: Tensor) -> float:
    """Return the mean entropy of the labels in nats: the loss of always answering with their shares."""
    there = (targets > 0).double().mean(0)
    return float(F.binary_cross_entropy(there, there))


MULTI_LABEL = Task(
    name="multi-label",
    loss=loss,
    score=share_right,
    chance=chance,
    constant_loss=constant_loss,
    needs=one_each,
    score_name="share of labels told rightly",
)
"""Labels (N, K) of 0 and 1; outputs (N, K) are their logits."""
