r"""Evidence that a candidate has become worse than the receiver by more than the margin.

With differences :math:`x_t` in [-1, 1] (score of the candidate less that of the receiver) and margin d, the
null hypothesis is that the mean is at least -d. Half of the capital bets as the pilot does
(:mod:`modelstitch.adoption.pilot.processes`), whose bets suit small differences; the other half makes fixed
bets, in equal parts,

.. math:: E_n = \tfrac12 E^-_n + \tfrac1{10} \sum_{\lambda} \prod_{t=1}^n (1 - \lambda (x_t + d)),
          \qquad \lambda \in \{.05, .1, .2, .4, .8\} / (1 + d)

which suit a candidate that fails. Under the null each product has mean 1 at most.

Source: Waudby-Smith & Ramdas 2024 (arXiv 2010.09686); Ville 1939.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from modelstitch.adoption.pilot.processes import log_evidence

_FIXED = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Bets, as shares of the capital that one example can cost."""


def log_worse(differences: Float[ndarray, " n"], margin: float) -> Float[ndarray, " n"]:
    """Return the logarithm of the evidence after each example.

    Args:
        differences: score of the candidate less that of the receiver, from -1 to 1.
        margin: d, between 0 and 1.

    Example:
        >>> worse = log_worse(np.full(30, -0.5), 0.02)
        >>> bool(worse[-1] > np.log(100) > log_worse(np.zeros(30), 0.02)[-1])
        True
    """
    bets = np.array(_FIXED)[:, None] / (1 + margin)
    fixed = np.log1p(-bets * (differences[None] + margin)).cumsum(1)
    half_of_each = np.concatenate(
        [log_evidence(differences, margin)[1][None] + np.log(0.5), fixed + np.log(0.5 / len(_FIXED))]
    )
    return np.asarray(np.logaddexp.reduce(half_of_each, axis=0))
