"""Embeddings: is the nearest other example one of the same label?"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from modelstitch.tasks.task import Task

_TEMPERATURE = 0.1


def loss(outputs: Tensor, labels: Tensor) -> Tensor:
    r"""Return the supervised contrastive loss of embeddings (N, E), compared within the batch.

    .. math:: -\frac{1}{N} \sum_n \frac{1}{|P_n|} \sum_{p \in P_n} \log \frac{e^{z_n \cdot z_p / \tau}}{\sum_{m \ne n} e^{z_n \cdot z_m / \tau}}

    with z of unit length and P_n the others of the same label. An example without any takes no part.

    Source: Khosla et al. 2020, equation 2; tau = 0.1.
    """
    z = F.normalize(outputs, dim=1)
    alike = z @ z.T / _TEMPERATURE
    own = torch.eye(len(z), dtype=torch.bool, device=z.device)
    terms = alike.masked_fill(own, -torch.inf).log_softmax(1)
    same = (labels[:, None] == labels[None]) & ~own
    n_same = same.sum(1)
    of_each = -terms.masked_fill(~same, 0).sum(1) / n_same.clamp_min(1)
    return of_each[n_same > 0].mean() if (n_same > 0).any() else outputs.sum() * 0


def recall_at_1(outputs: Tensor, labels: Tensor) -> Tensor:
    """Return for each example whether its nearest other one, by cosine, has its label, (N,).

    Example:
        >>> recall_at_1(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]), torch.tensor([0, 0, 1])).tolist()
        [True, True, False]
    """
    z = F.normalize(outputs.float(), dim=1)
    alike = z @ z.T
    alike.fill_diagonal_(-torch.inf)
    # What is no number is near to nothing, and takes no part in what others find.
    usable = outputs.isfinite().all(1)
    alike = alike.masked_fill(~usable[None], -torch.inf)
    return (labels[alike.argmax(1)] == labels) & usable


def chance(labels: Tensor) -> float:
    """Return how often another example drawn at random has the same label."""
    counts = labels.unique(return_counts=True)[1].double()
    return float((counts * (counts - 1)).sum() / (len(labels) * max(1, len(labels) - 1)))


RETRIEVAL = Task(
    name="retrieval", loss=loss, score=recall_at_1, chance=chance, score_name="recall at 1", together=True
)
"""Labels (N,); outputs (N, E) are embeddings, near to each other where the label is the same."""
