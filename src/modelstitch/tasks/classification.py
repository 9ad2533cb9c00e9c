"""Classification: one label for each example."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from modelstitch.tasks.task import Task


def is_correct(outputs: Float[Tensor, "n k"], labels: Int[Tensor, " n"]) -> Bool[Tensor, " n"]:
    """Return for each example whether its largest output is that of its label.

    An example with a non-finite output is never correct.

    Example:
        >>> is_correct(torch.tensor([[1.0, 2.0], [float("nan"), 0.0]]), torch.tensor([1, 0])).tolist()
        [True, False]
    """
    return (outputs.argmax(1) == labels) & outputs.isfinite().all(1)


def divergence(
    outputs: Float[Tensor, " n *positions k"],
    reference: Float[Tensor, " n *positions k"],
    targets: Tensor | None = None,
) -> Float[Tensor, " n *positions"]:
    r"""Return the divergence of the answers of class scores from those of reference scores, in nats.

    .. math:: \mathrm{KL}(\mathrm{softmax}(r_n) \,\|\, \mathrm{softmax}(o_n))

    Args:
        outputs: class scores o.
        reference: class scores r.
        targets: not used; every distance of a task takes them.
    """
    return F.kl_div(
        outputs.log_softmax(-1), reference.log_softmax(-1), reduction="none", log_target=True
    ).sum(-1)


def chance(labels: Int[Tensor, " n"]) -> float:
    """Return the score of always answering with the commonest label.

    Example:
        >>> chance(torch.tensor([0, 0, 0, 1]))
        0.75
    """
    return int(labels.bincount().max()) / len(labels)


def entropy(labels: Int[Tensor, " n"]) -> float:
    """Return the entropy of labels in nats: the cross-entropy of always answering with their shares.

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
    logits="softmax",
)
"""One label (N,) for each example; outputs are class scores (N, K)."""


def by_label_set(label_of: Sequence[int]) -> Task:
    r"""Return classification by coarser labels than the classes that a network has outputs for.

    .. math:: s_{nl} = \log \sum_{k:\, l(k) = l} \mathrm{softmax}(o_n)_k

    Outputs beyond the last class count together as one more label, which is never right. A network with fewer
    outputs than classes answers with the coarser labels itself.

    Args:
        label_of: label l(k) of each class k.

    Example:
        >>> task = by_label_set([0, 0, 1])
        >>> task.score(torch.tensor([[2.0, 2.0, 2.5]]), torch.tensor([0])).tolist()
        [True]
    """
    return _by_label_set(tuple(label_of))


@lru_cache(maxsize=64)
def _by_label_set(label_of: tuple[int, ...]) -> Task:
    # Data ask for their task at every batch.
    classes_of = [
        [k for k, label in enumerate(label_of) if label == coarse] for coarse in range(max(label_of) + 1)
    ]

    def read(outputs: Tensor) -> Tensor:
        n_outputs = outputs.shape[1]
        if n_outputs < len(label_of):
            return outputs
        beyond = list(range(len(label_of), n_outputs))
        logs = outputs.log_softmax(1)
        return torch.stack(
            [logs[:, classes].logsumexp(1) for classes in (*classes_of, *([beyond] if beyond else []))], 1
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
        logits="softmax",
    )
