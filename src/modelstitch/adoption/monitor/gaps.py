r"""Where new values lie among the calibrating ones: the gap of each, with ties broken by chance.

The n calibrating values leave n + 1 gaps, numbered from 0 (below all of them) to n (above all). If the stream
is exchangeable with the calibrating examples, its gaps :math:`g_1, g_2, \dots` have one known law, whatever
the values are: that of Polya's urn,

.. math:: P(g_{t+1} = j \mid g_1, \dots, g_t) = \frac{1 + \#\{s \le t : g_s = j\}}{n + 1 + t}

They are not independent: new values that fall between the same two calibrating ones say that this gap is wide.
Equal values are put in order by numbers from 0 to 1 that each value gets by chance, which keeps the law exact.
The chance comes from a seed and the number of the example alone: batches may be cut anywhere.
"""

from __future__ import annotations

import hashlib

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray


def chances(seed: int, purpose: str, first: int, n: int) -> Float[ndarray, " n"]:
    """Return numbers from 0 to 1 by chance, one for each example from ``first`` on.

    Args:
        seed: of the monitor.
        purpose: other purposes get other numbers.
        first: number of the first example.
        n: how many.

    Example:
        >>> whole = chances(0, "loss", 0, 5)
        >>> bool((whole[2:] == chances(0, "loss", 2, 3)).all())
        True
    """
    key = int.from_bytes(hashlib.sha256(f"{seed}:{purpose}".encode()).digest()[:16], "big")
    # A block of Philox holds four numbers: one block an example.
    raw = np.random.Philox(key=key, counter=first).random_raw(4 * n)[::4]
    return np.asarray((raw >> np.uint64(11)) * 2.0**-53)


def gaps(
    values: Float[ndarray, " m"], calibration: Float[ndarray, " n"], seed: int, purpose: str, first: int
) -> Int[ndarray, " m"]:
    """Return the gap, from 0 to n, that each value of a stream lies in.

    Args:
        values: of the stream, in its order.
        calibration: in ascending order.
        seed: of the monitor; it decides how ties fall.
        purpose: what is ranked, such as ``loss``.
        first: number of the first value in the stream.

    Example:
        >>> gaps(np.array([0.5, -1.0, 9.0]), np.array([0.0, 1.0, 2.0]), 0, "loss", 0).tolist()
        [1, 0, 3]
    """
    n = len(calibration)
    left = np.searchsorted(calibration, values, side="left")
    right = np.searchsorted(calibration, values, side="right")
    # Calibrating values of one size stand in the order of their own chances: key = number of the size + chance.
    group = np.concatenate([[0], np.cumsum(np.diff(calibration) > 0)]).astype(np.float64)
    keys = np.sort(group + chances(seed, f"calibration of {purpose}", 0, n))
    own = group[np.minimum(left, n - 1)] + chances(seed, purpose, first, len(values))
    return np.asarray(np.where(left == right, left, np.searchsorted(keys, own)), dtype=np.int64)
