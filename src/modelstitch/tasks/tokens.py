"""Language modelling: a target token at every position, the next token or one that was masked."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from modelstitch.tasks.classification import divergence, entropy
from modelstitch.tasks.task import IGNORED, Task


def loss(outputs: Float[Tensor, "n t v"], targets: Int[Tensor, "n t"]) -> Float[Tensor, ""]:
    """Return the mean cross-entropy over the positions with a target; 0 where there is none."""
    total = F.cross_entropy(outputs.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum")
    return total / (targets != IGNORED).sum().clamp_min(1)


def share_right(outputs: Float[Tensor, "n t v"], targets: Int[Tensor, "n t"]) -> Float[Tensor, " n"]:
    """Return for each example the share of its targets that are predicted.

    Example:
        >>> outputs = torch.eye(3)[None]
        >>> share_right(outputs, torch.tensor([[0, 2, -100]])).tolist()
        [0.5]
    """
    counted = targets != IGNORED
    right = (outputs.argmax(-1) == targets) & outputs.isfinite().all(-1) & counted
    return right.sum(1) / counted.sum(1).clamp_min(1)


def distance(
    outputs: Float[Tensor, "n t v"], reference: Float[Tensor, "n t v"], targets: Int[Tensor, "n t"]
) -> Float[Tensor, " n"]:
    """Return the mean divergence of the answers at the positions with a target; see :func:`divergence`."""
    counted = (targets != IGNORED).to(outputs.dtype)
    return (divergence(outputs, reference) * counted).sum(1) / counted.sum(1).clamp_min(1)


def chance(targets: Int[Tensor, "n t"]) -> float:
    """Return the score of always answering with the commonest token."""
    counted = targets[targets != IGNORED]
    commonest = int(counted.bincount().argmax())
    return float(((targets == commonest).sum(1) / (targets != IGNORED).sum(1).clamp_min(1)).mean())


def shifted(tokens: Int[Tensor, "n t"], mask: Shaped[Tensor, "n t"] | None = None) -> Int[Tensor, "n t"]:
    """Return the next token at every position, -100 at the last one, in padding and before padding.

    Args:
        tokens: the tokens of each example.
        mask: 1 where there is a token, 0 in padding.

    Example:
        >>> shifted(torch.tensor([[5, 6, 7]])).tolist()
        [[6, 7, -100]]
    """
    targets = torch.full_like(tokens, IGNORED)
    targets[:, :-1] = tokens[:, 1:]
    if mask is not None:
        targets[:, :-1][(mask[:, 1:] == 0) | (mask[:, :-1] == 0)] = IGNORED
    return targets


def constant_loss(targets: Int[Tensor, "n t"]) -> float:
    """Return the entropy of the target tokens, in nats."""
    return entropy(targets[targets != IGNORED])


def needs(targets: Int[Tensor, "n t"]) -> tuple[int, bool]:
    """Return the number of tokens, and that more outputs than that fit too."""
    return int(targets.max()) + 1, True


def likeliest(outputs: Float[Tensor, "n t v"]) -> Int[Tensor, "n t"]:
    """Return the token with the highest score at every position."""
    return outputs.argmax(-1)


TOKENS = Task(
    name="tokens",
    loss=loss,
    score=share_right,
    chance=chance,
    constant_loss=constant_loss,
    needs=needs,
    score_name="share of tokens predicted correctly",
    axes=3,
    has_classes=True,
    by_position=True,
    distance=distance,
    logits="softmax",
    answer=likeliest,
)
"""Tokens (N, T), -100 where there is no target; outputs (N, T, V) are their scores."""
