"""Whether a network's answers say that labels are numbered otherwise than its outputs are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor

_ABOVE, _ERRORS, _SHARE = 0.05, 3.0, 0.25


@dataclass(frozen=True, kw_only=True)
class Numbering:
    """A network's accuracy with labels as they are numbered, and as they fit its answers best.

    Attributes:
        n: examples that both accuracies were measured on; the numbering was chosen on as many others.
        as_given, best: the two accuracies.
        error: standard error of their paired difference.
        chance: share of the commonest label.
        moved: pairs (class, output) of the classes whose best output is another one.
    """

    n: int
    as_given: float
    best: float
    error: float
    chance: float
    moved: tuple[tuple[int, int], ...]

    @property
    def is_likely_wrong(self) -> bool:
        """Whether labels are likely numbered otherwise than the outputs.

        The best numbering has to be ahead by .05 and by three standard errors, and to reach a quarter of the
        way from chance to 1: an untrained network has a best numbering too.
        """
        ahead = self.best - self.as_given
        share = (self.best - self.chance) / (1 - self.chance) if self.chance < 1 else 0.0
        return ahead > max(_ABOVE, _ERRORS * self.error) and share >= _SHARE


def numbering(answers: Int[Tensor, " n"], labels: Int[Tensor, " n"], n_outputs: int) -> Numbering:
    r"""Return how a network's answers agree with labels under the best one-to-one numbering of classes.

    .. math:: \max_\pi \frac{1}{n} \sum_i [a_i = \pi(y_i)]

    The numbering :math:`\pi` is chosen on every second example, and both accuracies are of the others.

    Args:
        answers: number of the largest output for each example.
        labels: number of the class of each example.
        n_outputs: of the network.

    Source: Kuhn 1955, the assignment problem.

    Example:
        >>> import torch
        >>> labels = torch.arange(40) % 4
        >>> found = numbering((labels + 1) % 4, labels, 4)
        >>> found.as_given, found.best, found.moved, found.is_likely_wrong
        (0.0, 1.0, ((0, 1), (1, 2), (2, 3), (3, 0)), True)
    """
    given, asked = answers.cpu().numpy(), labels.cpu().numpy()
    # By halves within each class, so that data in the order of their classes serve too.
    order = np.argsort(asked, kind="stable")
    chosen_on, scored_on = order[::2], order[1::2]
    n_classes = int(asked.max()) + 1
    counts = np.zeros((n_classes, n_outputs))
    np.add.at(counts, (asked[chosen_on], given[chosen_on]), 1)
    classes, outputs = linear_sum_assignment(counts, maximize=True)
    # A class that no answer speaks for stays where it is.
    output_of = np.arange(n_classes)
    spoken = counts[classes, outputs] > 0
    output_of[classes[spoken]] = outputs[spoken]
    as_given = (given == asked)[scored_on].astype(float)
    best = (given == output_of[asked])[scored_on].astype(float)
    n = len(scored_on)
    return Numbering(
        n=n,
        as_given=float(as_given.mean()) if n else math.nan,
        best=float(best.mean()) if n else math.nan,
        error=float((best - as_given).std()) / math.sqrt(n) if n else math.nan,
        chance=int(np.bincount(asked).max()) / len(asked),
        moved=tuple((int(c), int(output_of[c])) for c in range(n_classes) if output_of[c] != c),
    )
