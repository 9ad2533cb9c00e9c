r"""An interval of the mean of bounded values by betting.

Two gamblers bet that the mean is above, and that it is below, a value m. Their capital after n values is

.. math:: K^\pm_n(m) = \prod_{t=1}^n (1 \pm \lambda^\pm_t(m) (x_t - m))

and if m is the mean, :math:`\max(K^+, K^-) / 2` reaches :math:`1 / \alpha` with a probability of at most
:math:`\alpha`. The interval holds every m for which it never did. The bets :math:`\lambda_t` depend on the
values before t alone.

Source: Waudby-Smith & Ramdas 2024, Journal of the Royal Statistical Society B 86, theorem 3 and equation 25
(arXiv 2010.09686).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from modelstitch.geometry.intervals import ValueWithInterval

_GRID = 1000
_MOST_BET = 0.5
"""Share of its capital that a gambler loses at most in one round."""


def betting_interval(
    values: Shaped[Tensor, " n"],
    low: float = 0.0,
    high: float = 1.0,
    level: float = 0.95,
    groups: Int[Tensor, " n"] | None = None,
) -> ValueWithInterval:
    r"""Return the mean of values with its interval; it always has a width.

    With groups, those are independent and their values are not: one bet is made a group, on its mean
    :math:`\bar x_g`, with its size as a weight, since the mean m of all values is where the weighted
    differences have mean 0:

    .. math:: 1 \pm \lambda_g \frac{n_g}{\max n} (\bar x_g - m)

    Args:
        values: (n,) independent values between ``low`` and ``high``. They are bet on in one fixed shuffled
            order, since data may be sorted by class.
        low, high: the range that values can have.
        level: share of repetitions in which the interval holds the mean, at least.
        groups: (n,) values of one group depend on each other; each value is its own group without them.

    Returns:
        The mean and both ends.

    Example:
        >>> mean, low, high = betting_interval(torch.full((100,), 0.5))
        >>> round(mean, 2), low < 0.5 < high, high - low < 0.2
        (0.5, True, True)
    """
    if not len(values):
        return math.nan, low, high
    of_groups, sizes = _by_group(values.double().cpu(), groups)
    order = torch.randperm(len(of_groups), generator=torch.Generator().manual_seed(0))
    x = ((of_groups[order] - low) / (high - low)).numpy()
    held = _held(x, (sizes[order] / sizes.max()).numpy(), 1 - level)
    at = np.flatnonzero(held)
    step = 1 / _GRID
    # One step of the grid to either side: an end lies between two values that were tried.
    ends = (max(0.0, (int(at[0]) - 1) * step), min(1.0, (int(at[-1]) + 1) * step)) if len(at) else (0.0, 1.0)
    mean = float(values.double().mean())
    below, above = (low + (high - low) * end for end in ends)
    return mean, min(below, mean), max(above, mean)


def _by_group(values: Tensor, groups: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the mean and the size of each group (g,)."""
    if groups is None:
        return values, torch.ones_like(values)
    _, number, sizes = groups.cpu().unique(return_inverse=True, return_counts=True)
    sums = torch.zeros(len(sizes), dtype=torch.float64).index_add_(0, number, values)
    return sums / sizes, sizes.double()


def _held(x: np.ndarray, weights: np.ndarray, alpha: float) -> np.ndarray:
    """Tell for each value of the grid (1001,) whether no gambler has shown that it is not the mean."""
    m = np.linspace(0, 1, _GRID + 1)
    bets = _bets(x, weights, alpha)
    up, down = np.zeros_like(m), np.zeros_like(m)
    most = np.full_like(m, -math.inf)
    with np.errstate(divide="ignore"):
        highest_up, highest_down = _MOST_BET / m, _MOST_BET / (1 - m)
    for value, weight, bet in zip(x, weights, bets, strict=True):
        up += np.log1p(np.minimum(bet, highest_up) * weight * (value - m))
        down += np.log1p(-np.minimum(bet, highest_down) * weight * (value - m))
        most = np.maximum(most, np.maximum(up, down))
    return np.asarray(most + math.log(0.5) < math.log(1 / alpha))


def _bets(x: np.ndarray, weights: np.ndarray, alpha: float) -> np.ndarray:
    """Return the size of the bet of each round, from the values before it."""
    n = len(x)
    t = np.arange(1, n + 1)
    means = (0.5 + np.cumsum(weights * x)) / (1 + np.cumsum(weights))
    variances = (0.25 + np.cumsum((weights * (x - means)) ** 2)) / (t + 1)
    before = np.concatenate([[0.25], variances[:-1]])
    return np.asarray(np.sqrt(2 * math.log(2 / alpha) / (n * before)))
