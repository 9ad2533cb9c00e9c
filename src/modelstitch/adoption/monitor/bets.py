r"""What is bet on: how the gaps are put into bins, and how far their shares may move.

Each bet puts the gaps into a few bins and supposes that from some example on the shares of the bins are
others. Before that example it bets nothing. From there on it holds that the next value falls into bin k with

.. math:: q(k) = \frac{\kappa b_k + N_k}{\kappa + N}

where :math:`b_k` is the share of the bin among the calibrating values and the stream before, N the number of
values since, :math:`N_k` of them in bin k, and :math:`\kappa` how much the bet trusts that the change is
small. The capital is multiplied by q over the share that the urn gives the bin.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int
from numpy import ndarray

EDGES: tuple[tuple[float, ...], ...] = (
    (0.5,),
    (0.75,),
    (0.9,),
    (0.97,),
    (0.25, 0.5, 0.75),
    (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
)
"""Edges of the bins of each bet, as shares of the gaps from below."""

STRENGTHS = (20.0, 100.0)
"""Values of kappa: shares that move by about a tenth, and by less."""

_FIRST, _EACH_DOUBLING = 64, 2
"""The second beginning of a bet, and how many beginnings lie between an example and twice its number."""


def fine_edges() -> tuple[float, ...]:
    """Return the edges of all bets together; their bins are what is counted."""
    return tuple(sorted({edge for edges in EDGES for edge in edges}))


def bounds_of(edges: tuple[float, ...], n: int) -> Int[ndarray, " bins_and_one"]:
    """Return where bins begin and end among n + 1 gaps.

    Example:
        >>> bounds_of((0.5,), 99).tolist()
        [0, 50, 100]
    """
    return np.array([0, *(round(edge * (n + 1)) for edge in edges), n + 1])


def beginning(number: int) -> int:
    """Return the example before which the bets of a number begin: 0, 64, and two a doubling from there.

    Example:
        >>> [beginning(number) for number in range(6)]
        [0, 64, 90, 128, 181, 256]
    """
    return 0 if number == 0 else int(_FIRST * 2 ** ((number - 1) / _EACH_DOUBLING))


def weight(number: int) -> float:
    """Return the share of the capital that bets on a beginning; all of them together have 1.

    Half of it bets that the stream is another one from its first example on. A doubling o = 0, 1, ... after
    the first 64 examples has half of 1 / ((o + 1) (o + 2)).

    Example:
        >>> weight(0), weight(1)
        (0.5, 0.125)
    """
    if number == 0:
        return 0.5
    doubling = (number - 1) // _EACH_DOUBLING
    return 0.5 / ((doubling + 1) * (doubling + 2)) / _EACH_DOUBLING
