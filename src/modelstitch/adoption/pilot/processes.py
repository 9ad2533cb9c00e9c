r"""Two e-processes about the mean of paired differences, one against each side of minus the margin.

With differences :math:`x_t` in [-1, 1] (score of the candidate less that of the original) and margin d

.. math:: E^+_n = \sum_c w_c \prod_{t=1}^n (1 + \lambda^c_t (x_t + d)), \qquad
          E^-_n = \sum_c w_c \prod_{t=1}^n (1 - \lambda^c_t (x_t + d))

where the mean is at most -d (the candidate is *worse by d or more*) the first has mean 1 at most at every n,
so that it ever reaches 1/a with a probability of at most a (Ville's inequality); likewise the second where
the mean is at least -d (*better than -d*). The bets depend on the differences before t alone:

.. math:: \lambda^c_t = \min\Big(c\, d / v_{t-1},\; \frac{0.9}{1 \mp d}\Big), \qquad
          v_t = \frac{1/4 + \sum_{i \le t} (x_i + d)^2}{t + 1}

For c = 1 this is nearly the bet that grows fastest where both networks are equally good, whatever share of
the differences is 0. Half and twice of it are mixed in for networks that differ otherwise.

Source: Waudby-Smith & Ramdas 2024, Journal of the Royal Statistical Society B 86 (arXiv 2010.09686), theorem
3 and its approximate GRAPA bets; Ville 1939.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

_BETS = ((0.5, 0.25), (1.0, 0.5), (2.0, 0.25))
"""Multiples c of the bet, and their weights, which sum to 1."""

_FIRST_VARIANCE = 0.25
"""What stands for the squared distance from -d before the first example."""

_MOST_LOST = 0.9
"""Share of its capital that a bet loses at most on one example."""


def log_evidence(
    differences: Float[np.ndarray, "*many n"], margin: float
) -> tuple[Float[np.ndarray, "*many n"], Float[np.ndarray, "*many n"]]:
    """Return the logarithm of both e-processes after each example.

    Args:
        differences: (..., n) score of the candidate less that of the original, from -1 to 1.
        margin: d, between 0 and 1.

    Returns:
        Against *worse by d or more*, and against *better than -d*: (..., n) each.

    Example:
        >>> against_worse, against_better = log_evidence(np.zeros(300), 0.02)
        >>> bool(against_worse[-1] > np.log(20) > against_better[-1])
        True
    """
    above = np.asarray(differences, dtype=np.float64) + margin
    squares = np.cumsum(above**2, axis=-1)
    before = np.concatenate([np.zeros_like(squares[..., :1]), squares[..., :-1]], axis=-1)
    variances = (_FIRST_VARIANCE + before) / np.arange(1, above.shape[-1] + 1)
    against_worse = _log_mixture(above, margin / variances, _MOST_LOST / (1 - margin))
    against_better = _log_mixture(-above, margin / variances, _MOST_LOST / (1 + margin))
    return against_worse, against_better


def _log_mixture(gains: np.ndarray, bet: np.ndarray, most: float) -> np.ndarray:
    """Return the logarithm of the mixture; ``most`` keeps every factor positive."""
    total = np.full_like(gains, -np.inf)
    for multiple, weight in _BETS:
        capital = np.cumsum(np.log1p(np.minimum(multiple * bet, most) * gains), axis=-1)
        total = np.logaddexp(total, np.log(weight) + capital)
    return np.asarray(total)
