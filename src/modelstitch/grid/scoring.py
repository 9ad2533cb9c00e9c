"""Score outputs batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import final

import torch
from torch import Tensor, nn

from modelstitch.tasks import OutputReading, Targets, Task, joined

SCORE_BATCH = 256
"""Examples a batch when nothing is fitted; fixed, since the last bits of a convolution depend on it."""

_MOST_SCORES = 2**26


def score_batches(n_examples: int, size: int = SCORE_BATCH) -> Iterator[Tensor]:
    """Yield index tensors that cover ``n_examples`` in order."""
    yield from torch.arange(n_examples).split(size)


def score_batch_of(task: Task, targets: Tensor, n_outputs: int) -> int:
    """Return how many examples are scored at once: fewer where each position of an example has many outputs.

    Args:
        task: what is scored.
        targets: (N, ...) of the training part.
        n_outputs: of the network, for each example or each position.
    """
    if not task.by_position:
        return SCORE_BATCH
    scores_of_one = n_outputs * targets.shape[1]
    return max(1, min(SCORE_BATCH, _MOST_SCORES // max(1, scores_of_one)))


def scored(task: Task, batches: Iterable[tuple[Tensor, Targets]]) -> Tensor:
    """Return the scores (N,) of batches of outputs and targets.

    A task that scores examples against each other gets all of them at once.
    """
    if task.together:
        outputs, targets = zip(*batches, strict=True)
        return task.scored(torch.cat(outputs), joined(targets))
    return torch.cat([task.scored(*batch) for batch in batches])


@final
class ScoresOf(nn.Module):
    """A half, or a whole network, reduced to the outputs that are scored.

    Args:
        half: its output is any that can be read.
        reading: reads it.
    """

    def __init__(self, half: nn.Module, reading: OutputReading) -> None:
        super().__init__()
        self.inner, self.reading = half, reading

    def forward(self, x: Tensor, **kwargs: Tensor) -> Tensor:
        """Return outputs, for classification class scores (N, K)."""
        return self.reading(self.inner(x, **kwargs))
