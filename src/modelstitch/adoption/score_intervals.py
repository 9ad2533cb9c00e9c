r"""Intervals of a mean score, and of the difference of two scores on the same examples.

For right and wrong answers a score has Wilson's interval, and a difference Tango's
(:mod:`modelstitch.geometry.intervals`). For scores from 0 to 1 the interval is one by betting
(:mod:`modelstitch.adoption.betting`), and so is every interval where examples come in groups, with one bet a
group. No interval has width 0.

Source: Tango 1998; Wilson 1927; Waudby-Smith & Ramdas 2024.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from modelstitch.adoption.betting import betting_interval
from modelstitch.geometry.intervals import ValueWithInterval, paired_interval, wilson

LEVEL = 0.95
"""Share of repetitions in which an interval holds the truth, at least."""


def mean_interval(
    scores: Shaped[Tensor, " n"], level: float = LEVEL, groups: Int[Tensor, " n"] | None = None
) -> ValueWithInterval:
    """Return the mean of scores with its interval: Wilson's for right and wrong.

    Args:
        scores: (n,) bool, or from 0 to 1.
        level: of the interval.
        groups: (n,) scores of one group depend on each other; None where none do.

    Example:
        >>> [round(end, 3) for end in mean_interval(torch.tensor([True] * 90 + [False] * 10))]
        [0.9, 0.826, 0.945]
    """
    if scores.dtype != torch.bool or groups is not None:
        return betting_interval(scores, 0.0, 1.0, level, groups)
    n, right = len(scores), int(scores.sum())
    return right / n, *wilson(right, n, _quantile(level))


def interval_over_seeds(
    scores: Shaped[Tensor, "seeds n"], level: float = LEVEL, groups: Int[Tensor, " n"] | None = None
) -> ValueWithInterval:
    r"""Return the mean score over seeds with an interval for other seeds and other examples.

    Half of the error goes to the examples: the interval of the mean over these seeds, by betting. The other
    half goes to the seeds: both ends move out by the larger one of

    .. math:: t_{S - 1} \sqrt{\mathrm{var}_s(\bar x_s) / S}, \quad
        z \sqrt{\mathrm{var}_{si}(x_{si} - \bar x_s - \bar x_i) / (n S)}

    The second is what seeds differ by if each errs by chance on examples of its own; it holds where a few
    seeds have one score by chance. Two seeds say little: t is 25 then.

    Args:
        scores: (S, n) score of each example with each of S seeds, at least two.
        level: share of repetitions, with other seeds and examples, in which it holds the mean, at least.
        groups: (n,) scores of one group depend on each other; None where none do.

    Returns:
        The mean and both ends, from 0 to 1.

    Source: two-way random effects; the union bound.

    Example:
        >>> same = torch.tensor([[1.0, 0.0] * 100] * 3)
        >>> [round(end, 2) for end in interval_over_seeds(same)]
        [0.5, 0.4, 0.59]
    """
    from scipy.special import stdtrit

    n_seeds, n = scores.shape
    values, alpha = scores.double().cpu(), 1 - level
    mean, low, high = betting_interval(values.mean(0), 0.0, 1.0, 1 - alpha / 2, groups)
    of_seeds = values.mean(1)
    left = values - of_seeds[:, None] - values.mean(0) + values.mean()
    by_chance = float(left.square().sum()) / ((n_seeds - 1) * max(1, n - 1)) / n
    half = max(
        float(stdtrit(n_seeds - 1, 1 - alpha / 4)) * math.sqrt(float(of_seeds.var()) / n_seeds),
        _quantile(1 - alpha / 2) * math.sqrt(by_chance / n_seeds),
    )
    return mean, max(0.0, low - half), min(1.0, high + half)


def variance_of_examples(values: Shaped[Tensor, " n"], groups: Int[Tensor, " n"] | None = None) -> float:
    r"""Return n times the variance of a mean: that of one value, or more where groups have values alike.

    .. math:: \frac{1}{n} \sum_g \Bigl( \sum_{i \in g} (x_i - \bar x) \Bigr)^2

    Example:
        >>> x = torch.tensor([0.0, 0.0, 1.0, 1.0])
        >>> variance_of_examples(x), variance_of_examples(x, torch.tensor([0, 0, 1, 1]))
        (0.25, 0.5)
    """
    away = values.double().cpu() - values.double().cpu().mean()
    if groups is None:
        return float(away.square().mean())
    _, number = groups.cpu().unique(return_inverse=True)
    sums = torch.zeros(int(number.max()) + 1, dtype=torch.float64).index_add_(0, number, away)
    return float(sums.square().sum()) / len(away)


def difference_interval(
    first: Shaped[Tensor, " n"],
    second: Shaped[Tensor, " n"],
    level: float = LEVEL,
    groups: Int[Tensor, " n"] | None = None,
) -> ValueWithInterval:
    """Return the mean of ``first - second`` with its interval.

    Args:
        first, second: (n,) scores of two networks on the same examples, bool or from 0 to 1.
        level: of the interval.
        groups: (n,) scores of one group depend on each other; None where none do.

    Example:
        >>> same = torch.tensor([True] * 100)
        >>> [round(end, 3) for end in difference_interval(same, same)]
        [0.0, -0.037, 0.037]
    """
    if first.dtype != torch.bool or second.dtype != torch.bool or groups is not None:
        return betting_interval(first.double() - second.double(), -1.0, 1.0, level, groups)
    b, c, n = int((first & ~second).sum()), int((second & ~first).sum()), len(first)
    return (b - c) / n, *paired_interval(b, c, n, _quantile(level))


def _quantile(level: float) -> float:
    return NormalDist().inv_cdf(0.5 + level / 2)
