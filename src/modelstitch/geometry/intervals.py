"""95 % intervals: Wilson for scores, standard errors for means, the jackknife for pairwise measures."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import TypeAlias

from jaxtyping import Float
from torch import Tensor

GROUPS = 10

ValueWithInterval: TypeAlias = tuple[float, float, float]
"""A value with the ends of its 95 % interval."""


def wilson(successes: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Return the interval of a share; it stays in [0, 1] and has a width also with no success or no failure.

    Source: Wilson 1927.

    Example:
        >>> [round(end, 3) for end in wilson(0, 100)]
        [0.0, 0.037]
    """
    share = successes / n
    return score_interval(share, math.sqrt(share * (1 - share) / n), n, z)


def score_interval(mean: float, error: float, n: int, z: float = 1.96) -> tuple[float, float]:
    r"""Return the interval of the mean of scores from 0 to 1; it has a width also where all scores are alike.

    .. math:: \frac{n m + z^2 / 2 \pm z \sqrt{n^2 \mathrm{se}^2 + z^2 / 4}}{n + z^2}

    For right and wrong answers it is Wilson's interval.

    Args:
        mean: of the scores.
        error: its standard error, 0 where all scores are alike.
        n: number of scores.
        z: standard normal quantile.

    Source: Wilson 1927, with the variance of the scores.

    Example:
        >>> [round(end, 3) for end in score_interval(1.0, 0.0, 100)]
        [0.963, 1.0]
        >>> [round(end, 3) for end in score_interval(0.5, 0.0, 100)]
        [0.482, 0.518]
    """
    square = z * z
    middle = (n * mean + square / 2) / (n + square)
    half = z * math.sqrt((n * error) ** 2 + square / 4) / (n + square)
    # The ends of no and of all right are the share itself, but for rounding.
    return max(0.0, min(mean, middle - half)), min(1.0, max(mean, middle + half))


def paired_interval(first: int, second: int, n: int, z: float = 1.96) -> tuple[float, float]:
    r"""Return the interval of the difference of two shares of the same n examples.

    It holds all :math:`\delta` with

    .. math:: |b - c - n\delta| \le z \sqrt{n (2 \tilde q + \delta (1 - \delta))}

    and :math:`\tilde q` the probability of c that is most likely for this :math:`\delta`.

    Args:
        first, second: b examples that the first alone has right, and c that the second alone has.
        n: number of examples.
        z: standard normal quantile.

    Source: Tango 1998.

    Example:
        >>> [round(end, 3) for end in paired_interval(0, 0, 100)]
        [-0.037, 0.037]
    """
    value = (first - second) / n

    def beyond(delta: float) -> float:
        likely = 2 * _least(first, second, n, delta) + delta * (1 - delta)
        return (first - second - n * delta) ** 2 - z**2 * n * likely

    return _end(beyond, value, -1.0), _end(beyond, value, 1.0)


def _least(b: int, c: int, n: int, delta: float) -> float:
    """Return the probability of "the second alone" that is most likely, given the difference."""
    first = 2 * n
    second = -b - c + (2 * n - b + c) * delta
    third = -c * delta * (1 - delta)
    return (math.sqrt(max(0.0, second**2 - 4 * first * third)) - second) / (2 * first)


def _end(beyond: Callable[[float], float], inside: float, outside: float) -> float:
    """Return where a function that is at most 0 inside becomes positive, by halving."""
    if beyond(outside) <= 0:
        return outside
    for _ in range(60):
        middle = (inside + outside) / 2
        if beyond(middle) <= 0:
            inside = middle
        else:
            outside = middle
    return inside


def standard_error(left: Sequence[float]) -> float:
    r"""The standard error of a measure, from its values without one of G groups of examples at a time.

    .. math:: \sqrt{\frac{G - 1}{G} \sum_g (\theta_{(-g)} - \bar\theta)^2}

    Args:
        left: :math:`\theta_{(-g)}` of each group, at least two.

    Source: delete-a-group jackknife, Kott 2001 (Journal of Official Statistics 17).

    Example:
        >>> standard_error([1.0, 3.0])
        1.0
    """
    mean = statistics.fmean(left)
    squares = math.fsum((value - mean) ** 2 for value in left)
    return math.sqrt((len(left) - 1) / len(left) * squares)


def half_width(error: float, groups: int = GROUPS) -> float:
    """Half of the 95 % interval of a jackknife over G groups: :math:`t_{.975, G - 1}` standard errors."""
    return _T_QUANTILES[groups] * error


def jackknife_interval(values: Float[Tensor, " groups"]) -> ValueWithInterval:
    r"""A measure with the ends of its 95 % interval, from values without a group at a time.

    .. math:: \theta \pm t_{.975, G - 1}\, \mathrm{se}

    The bootstrap would not do: its repeated examples are each other's nearest neighbours.

    Args:
        values: (1 + G,), G at most 10: of all examples, then without each group; values that are not finite
            are left out.

    Returns:
        The value and both ends; the ends are NaN where fewer than two groups have a value.

    Source: Efron & Tibshirani 1993, section 11.5.

    Example:
        >>> import torch
        >>> [round(end, 3) for end in jackknife_interval(torch.tensor([2.0, 2.1, 1.9]))]
        [2.0, 0.729, 3.271]
    """
    value, *left = values.double().tolist()
    finite = [other for other in left if math.isfinite(other)]
    if len(finite) < 2:
        return value, math.nan, math.nan
    half = half_width(standard_error(finite), len(finite))
    return value, value - half, value + half


_T_QUANTILES = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}


def mean_interval(values: Float[Tensor, " n"], z: float = 1.96) -> ValueWithInterval:
    """Return the mean of independent values (n,) with the ends of its interval."""
    mean = float(values.double().mean())
    half = z * float(values.double().std()) / math.sqrt(len(values)) if len(values) > 1 else math.inf
    return mean, mean - half, mean + half
