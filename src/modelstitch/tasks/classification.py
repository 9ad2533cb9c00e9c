"""One label for each example."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from modelstitch.tasks.task import Task


def is_correct(outputs: Tensor, labels: Tensor) -> Tensor:
    """Return for each example whether the largest of its outputs (N, K) is its label (N,).

    An output that is not a number is never correct.

    Example:
        >>> is_correct(torch.tensor([[1.0, 2.0], [float("nan"), 0.0]]), torch.tensor([1, 0])).tolist()
        [True, False]
    """
    return (outputs.argmax(1) == labels) & outputs.isfinite().all(1)


def divergence(outputs: Tensor, own: Tensor, targets: Tensor | None = None) -> Tensor:
    r"""Return the divergence (N,) of the answers of class scores from those of others, in nats.

    .. math:: \mathrm{KL}(\mathrm{softmax}(o_n) \,\|\, \mathrm{softmax}(s_n))

    where o are the others'.
    """
    return F.kl_div(outputs.log_softmax(-1), own.log_softmax(-1), reduction="none", log_target=True).sum(-1)


def chance(labels: Tensor) -> float:
    """Return the score of always naming the commonest of ``labels`` (N,).

    Example:
        >>> chance(torch.tensor([0, 0, 0, 1]))
        0.75
    """
    return int(labels.bincount().max()) / len(labels)


def entropy(labels: Tensor) -> float:
    """Return the entropy of ``labels`` (N,) in nats: the cross-entropy of always answering with their shares.

    Example:
        >>> round(entropy(torch.tensor([0, 1, 0, 1])), 4)
        0.6931
    """
    shares = labels.bincount().double() / len(labels)
    return float(-(shares * shares.clamp_min(1e-300).log()).sum())


CLASSIFICATION = Task(
    name="classification",
    loss=F.cross_entropy,
    score=is_correct,
    chance=chance,
    constant_loss=entropy,
    has_classes=True,
    distance=divergence,
)
"""One label (N,) for each example; outputs are class scores (N, K)."""


def by_label_set(label_of: Sequence[int]) -> Task:
    r"""Return classification by coarser labels than the classes a network has outputs for.

    .. math:: s_{nl} = \log \sum_{k:\, l(k) = l} \mathrm{softmax}(o_n)_k

    Outputs beyond the last class count together as one more label, which is never right. Fewer outputs than classes are taken as
    scores of the coarser labels themselves; see :meth:`Data.can_score`.

    Args:
        label_of: the label of each class.

    Example:
        >>> task = by_label_set([0, 0, 1])
        >>> task.score(torch.tensor([[2.0, 2.0, 2.5]]), torch.tensor([0])).tolist()
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

    return Task(
        name="classification by coarser labels",
        loss=loss,
        score=correct,
        chance=chance,
        constant_loss=entropy,
        read=read,
        has_classes=True,
        distance=divergence,
    )
