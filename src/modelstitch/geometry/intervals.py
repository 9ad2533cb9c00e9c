"""95 % intervals: Wilson for shares, standard errors for means, the jackknife for pairwise measures."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
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
    share, square = successes / n, z * z / n
    middle = (share + square / 2) / (1 + square)
    half = z * math.sqrt(share * (1 - share) / n + square / (4 * n)) / (1 + square)
    return max(0.0, middle - half), min(1.0, middle + half)


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
