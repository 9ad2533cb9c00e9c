"""A target token at every position: the next token, or one that was masked."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from modelstitch.tasks.classification import divergence, entropy
from modelstitch.tasks.task import IGNORED, Task


def loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean cross-entropy of outputs (N, T, V) over the positions that take part; 0 where none does."""
    total = F.cross_entropy(outputs.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum")
    return total / (targets != IGNORED).sum().clamp_min(1)


def share_right(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return for each example which share of its positions is told rightly, (N,).

    Example:
        >>> outputs = torch.eye(3)[None]
        >>> share_right(outputs, torch.tensor([[0, 2, -100]])).tolist()
        [0.5]
    """
    counted = targets != IGNORED
    right = (outputs.argmax(-1) == targets) & outputs.isfinite().all(-1) & counted
    return right.sum(1) / counted.sum(1).clamp_min(1)


def distance(outputs: Tensor, own: Tensor, targets: Tensor) -> Tensor:
    """Return the mean divergence (N,) of the answers at the positions that take part; see :func:`divergence`."""
    counted = (targets != IGNORED).to(outputs.dtype)
    return (divergence(outputs, own) * counted).sum(1) / counted.sum(1).clamp_min(1)


def chance(targets: Tensor) -> float:
    """Return the score of always naming the commonest token."""
    counted = targets[targets != IGNORED]
    commonest = int(counted.bincount().argmax())
    return float(((targets == commonest).sum(1) / (targets != IGNORED).sum(1).clamp_min(1)).mean())


def shifted(tokens: Tensor, padding: Tensor | None = None) -> Tensor:
    """Return the next token at every position of ``tokens`` (N, T); none at the last position, in padding and before it.

    Args:
        tokens: (N, T).
        padding: (N, T), 1 where there is a token and 0 where there is none.

    Example:
        >>> shifted(torch.tensor([[5, 6, 7]])).tolist()
        [[6, 7, -100]]
    """
    targets = torch.full_like(tokens, IGNORED)
    targets[:, :-1] = tokens[:, 1:]
    if padding is not None:
        targets[:, :-1][(padding[:, 1:] == 0) | (padding[:, :-1] == 0)] = IGNORED
    return targets


def constant_loss(targets: Tensor) -> float:
    """Return the entropy of the target tokens, in nats."""
    return entropy(targets[targets != IGNORED])


def needs(targets: Tensor) -> tuple[int, bool]:
    """Return the number of tokens; a network may know more."""
    return int(targets.max()) + 1, True


TOKENS = Task(
    name="tokens",
    loss=loss,
    score=share_right,
    chance=chance,
    constant_loss=constant_loss,
    needs=needs,
    score_name="share of tokens told rightly",
    axes=3,
    has_classes=True,
    by_position=True,
    distance=distance,
)
"""Tokens (N, T), -100 where there is no target; outputs (N, T, V) are their scores."""
