"""Retrieval: is the nearest other embedding one of the same label?"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from modelstitch.tasks.task import Task

_TEMPERATURE = 0.1


def loss(outputs: Float[Tensor, "n e"], labels: Int[Tensor, " n"]) -> Float[Tensor, ""]:
    r"""Return the supervised contrastive loss of embeddings, compared within the batch.

    .. math:: -\frac{1}{N} \sum_n \frac{1}{|P_n|}
        \sum_{p \in P_n} \log \frac{e^{z_n \cdot z_p / \tau}}{\sum_{m \ne n} e^{z_n \cdot z_m / \tau}}

    with z of unit length and P_n the other examples of the same label. An example without any takes no part.

    Source: Khosla et al. 2020, equation 2; tau = 0.1.
    """
    z = F.normalize(outputs, dim=1)
    similarity = z @ z.T / _TEMPERATURE
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
    terms = similarity.masked_fill(itself, -torch.inf).log_softmax(1)
    same = (labels[:, None] == labels[None]) & ~itself
    n_same = same.sum(1)
    losses = -terms.masked_fill(~same, 0).sum(1) / n_same.clamp_min(1)
    return losses[n_same > 0].mean() if (n_same > 0).any() else outputs.sum() * 0


def recall_at_1(outputs: Float[Tensor, "n e"], labels: Int[Tensor, " n"]) -> Bool[Tensor, " n"]:
    """Return for each example whether its nearest other embedding, by cosine, has its label.

    Example:
        >>> recall_at_1(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]), torch.tensor([0, 0, 1])).tolist()
        [True, True, False]
    """
    z = F.normalize(outputs.float(), dim=1)
    similarity = z @ z.T
    similarity.fill_diagonal_(-torch.inf)
    # Non-finite embeddings never match.
    usable = outputs.isfinite().all(1)
    similarity = similarity.masked_fill(~usable[None], -torch.inf)
    return (labels[similarity.argmax(1)] == labels) & usable


def chance(labels: Int[Tensor, " n"]) -> float:
    """Return how often another example drawn at random has the same label."""
    counts = labels.unique(return_counts=True)[1].double()
    return float((counts * (counts - 1)).sum() / (len(labels) * max(1, len(labels) - 1)))


RETRIEVAL = Task(
    name="retrieval",
    loss=loss,
    score=recall_at_1,
    chance=chance,
    score_name="recall at 1",
    together=True,
    output_names=("embedding", "embeddings"),
)
"""Labels (N,); outputs (N, E) are embeddings, near to each other where the label is the same."""
