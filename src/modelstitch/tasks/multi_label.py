"""Multi-label classification: several labels for each example, each 0 or 1."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from modelstitch.tasks.task import Task, one_output_a_column


def loss(outputs: Float[Tensor, "n k"], targets: Shaped[Tensor, "n k"]) -> Float[Tensor, ""]:
    """Return the mean binary cross-entropy of logits against targets of 0 and 1."""
    return F.binary_cross_entropy_with_logits(outputs, targets.to(outputs.dtype))


def share_right(outputs: Float[Tensor, "n k"], targets: Shaped[Tensor, "n k"]) -> Float[Tensor, " n"]:
    """Return for each example the share of its labels that the signs of its outputs predict.

    Example:
        >>> outputs = torch.tensor([[2.0, -1.0], [2.0, float("nan")]])
        >>> share_right(outputs, torch.tensor([[1, 0], [0, 0]])).tolist()
        [1.0, 0.0]
    """
    return (((outputs > 0) == (targets > 0)) & outputs.isfinite()).float().mean(1)


def chance(targets: Shaped[Tensor, "n k"]) -> float:
    """Return the score of the commoner answer for each label.

    Example:
        >>> chance(torch.tensor([[1, 0], [1, 0], [0, 0], [1, 1]]))
        0.75
    """
    shares = (targets > 0).double().mean(0)
    return float(torch.maximum(shares, 1 - shares).mean())


def constant_loss(targets: Shaped[Tensor, "n k"]) -> float:
    """Return the mean entropy of the labels in nats: the loss of always answering with their shares."""
    shares = (targets > 0).double().mean(0)
    return float(F.binary_cross_entropy(shares, shares))


def signs(outputs: Float[Tensor, "n k"]) -> Int[Tensor, "n k"]:
    """Return the labels that outputs say: 1 where an output is above 0."""
    return (outputs > 0).long()


MULTI_LABEL = Task(
    name="multi-label",
    loss=loss,
    score=share_right,
    chance=chance,
    constant_loss=constant_loss,
    needs=one_output_a_column,
    score_name="share of labels predicted correctly",
    answer=signs,
    logits="sigmoid",
)
"""Labels (N, K) of 0 and 1; outputs (N, K) are their logits."""
