r"""Where new values lie among the calibrating ones: the gap of each, with ties broken by chance.

The n calibrating values leave n + 1 gaps, numbered from 0 (below all of them) to n (above all). If the stream
is exchangeable with the calibrating examples, its gaps :math:`g_1, g_2, \dots` have one known law, whatever
the values are: that of Polya's urn,

.. math:: P(g_{t+1} = j \mid g_1, \dots, g_t) = \frac{1 + \#\{s \le t : g_s = j\}}{n + 1 + t}

They are not independent: new values between the same two calibrating ones say that this gap is wide. Values
that are equal after rounding are put in order by numbers from 0 to 1 that each gets by chance, which keeps
the law exact. The chance comes from a seed and the number of the example alone: batches may be cut anywhere.
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


def rounded(values: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
    """Return values with four digits, and at most five decimals.

    An exported network and the one that it was made from differ in the last digits. Among values that are
    nearly equal, such as losses of answers that are sure, these digits would look like a change.

    Example:
        >>> rounded(np.array([1234.56, -0.25001, 3e-7])).tolist()
        [1235.0, -0.25, 0.0]
    """
    exact = np.asarray(values, dtype=np.float64)
    size = np.floor(np.log10(np.maximum(np.abs(exact), 1e-5)))
    step = 10.0 ** np.maximum(size - 3, -5)
    return np.asarray(np.rint(exact / step) * step)


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
    values, calibration = rounded(values), rounded(calibration)
    left = np.searchsorted(calibration, values, side="left")
    right = np.searchsorted(calibration, values, side="right")
    # Equal calibrating values stand in the order of their chances: key = number of the value + chance.
    group = np.concatenate([[0], np.cumsum(np.diff(calibration) > 0)]).astype(np.float64)
    keys = np.sort(group + chances(seed, f"calibration of {purpose}", 0, n))
    own = group[np.minimum(left, n - 1)] + chances(seed, purpose, first, len(values))
    return np.asarray(np.where(left == right, left, np.searchsorted(keys, own)), dtype=np.int64)
