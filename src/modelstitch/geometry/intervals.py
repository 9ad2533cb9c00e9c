"""95 % intervals: for shares by Wilson, for means by their standard error, for pairwise measures by the jackknife."""

from __future__ import annotations

import math

from torch import Tensor

GROUPS = 10


def wilson(successes: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Return the interval of a share; it stays inside 0-1 and has width also where nothing or everything succeeded.

    Source: Wilson 1927.

    Example:
        >>> [round(end, 3) for end in wilson(0, 100)]
        [0.0, 0.037]
    """
    share, square = successes / n, z * z / n
    middle = (share + square / 2) / (1 + square)
    half = z * math.sqrt(share * (1 - share) / n + square / (4 * n)) / (1 + square)
    return max(0.0, middle - half), min(1.0, middle + half)


def jackknife(values: Tensor) -> tuple[float, float, float]:
    r"""Return a measure with the ends of its interval, from its values without one of G groups of examples at a time.

    .. math:: \mathrm{se}^2 = \frac{G - 1}{G} \sum_g (\theta_{-g} - \bar\theta)^2, \quad \theta \pm t_{.975, G - 1}\, \mathrm{se}

    The bootstrap would not do: its repeated examples are each other's nearest neighbours.

    Args:
        values: (1 + G,): of all examples, then without each group.

    Source: Efron & Tibshirani 1993, section 11.5.

    Example:
        >>> import torch
        >>> [round(each, 3) for each in jackknife(torch.tensor([2.0, 2.1, 1.9]))]
        [2.0, 0.729, 3.271]
    """
    value, parts = float(values[0]), values[1:].double()
    parts = parts[parts.isfinite()]
    n = len(parts)
    if n < 2:
        return value, math.nan, math.nan
    error = math.sqrt((n - 1) / n * float((parts - parts.mean()).square().sum()))
    half = _T_QUANTILES[n] * error
    return value, value - half, value + half


_T_QUANTILES = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}


def mean_interval(values: Tensor, z: float = 1.96) -> tuple[float, float, float]:
    """Return the mean of independent values (n,) with the ends of its interval."""
    mean = float(values.double().mean())
    half = z * float(values.double().std()) / math.sqrt(len(values)) if len(values) > 1 else math.inf
    return mean, mean - half, mean + half
