r"""A conformal test martingale for a fixed finite calibration set.

The capital of a bet after t values is the product of what it gave each bin over what the urn gives it,

.. math:: M_t = \prod_{s \le t} \frac{q_s(k_s)}{p_s(k_s)}, \qquad p_s(k) = \frac{a_k + N_k(s)}{n + 1 + s}

with :math:`a_k` the number of gaps of the bin and :math:`N_k(s)` the values before s in it. Under
exchangeability p is the exact law of the next bin (:mod:`modelstitch.adoption.monitor.gaps`), so every bet is
a martingale that starts at 1, and so is their mean by fixed weights, whenever each begins. By Ville's
inequality the chance that it ever reaches :math:`1 / \alpha` is at most :math:`\alpha`.

Ranking each value against the calibrating ones alone, as if these ranks were independent, is no such
martingale: over a long stream the calibrating set's own chance looks like a change.

Source: Vovk, Nouretdinov & Gammerman 2003 (conformal martingales); arXiv 2602.13848 (why a fixed set needs a
rule of its own: theirs widens the law by a band, this one is exact on average over calibrating sets).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from modelstitch.adoption.monitor.bets import (
    EDGES,
    STRENGTHS,
    beginning,
    bounds_of,
    fine_edges,
    weight,
)
from modelstitch.errors import DataError


@dataclass(frozen=True, kw_only=True)
class Martingale:
    """The state of one martingale: numbers, and no example.

    Attributes:
        n: number of calibrating values.
        t: number of values of the stream so far.
        counts: (F,) how many of them lie in each fine bin.
        before: (J, F) the same when the bets of each beginning began.
        capital: (J, E, S) logarithm of the capital of each bet, by beginning, bins and strength.
        most: largest logarithm of the whole capital so far.

    Raises:
        DataError: parts that do not fit each other.
    """

    n: int
    t: int
    counts: Int[ndarray, " f"]
    before: Int[ndarray, "j f"]
    capital: Float[ndarray, "j e s"]
    most: float

    def __post_init__(self) -> None:
        n_fine = len(fine_edges()) + 1
        shapes = (self.counts.shape, self.before.shape[1:], self.capital.shape[1:])
        expected = ((n_fine,), (n_fine,), (len(EDGES), len(STRENGTHS)))
        begun = len(self.before)
        fits = (
            shapes == expected
            and len(self.capital) == begun
            and int(self.counts.sum()) == self.t >= 0
            and all(int(one.sum()) == beginning(number) for number, one in enumerate(self.before))
            and bool((self.before <= self.counts).all())
            and not math.isnan(self.most)
            and bool(np.isfinite(self.capital).all())
        )
        if not fits:
            raise DataError("expected the counts and capitals of one martingale, got parts that do not fit")

    @property
    def log_value(self) -> float:
        """Logarithm of the whole capital."""
        return float(_whole(self.capital[None])[0])

    def to_plain(self) -> dict[str, Any]:
        """Return the state as values that JSON can hold; :meth:`from_plain` reads them back."""
        plain = {name: getattr(self, name).tolist() for name in ("counts", "before", "capital")}
        return {"n": self.n, "t": self.t, **plain, "most": self.most}

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Martingale:
        """Return the state that :meth:`to_plain` gave the values of.

        Raises:
            DataError: values that are no state.
        """
        n_fine = len(fine_edges()) + 1
        try:
            return cls(
                n=int(values["n"]),
                t=int(values["t"]),
                counts=np.array(values["counts"], dtype=np.int64),
                before=np.array(values["before"], dtype=np.int64).reshape(-1, n_fine),
                capital=np.array(values["capital"], dtype=np.float64).reshape(-1, len(EDGES), len(STRENGTHS)),
                most=float(values["most"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"cannot read the state of a martingale: {error}") from error


def fresh(n: int) -> Martingale:
    """Return the martingale before the first value of a stream.

    Args:
        n: number of calibrating values.

    Example:
        >>> fresh(100).log_value
        0.0
    """
    n_fine = len(fine_edges()) + 1
    return Martingale(
        n=n,
        t=0,
        counts=np.zeros(n_fine, dtype=np.int64),
        before=np.zeros((0, n_fine), dtype=np.int64),
        capital=np.zeros((0, len(EDGES), len(STRENGTHS))),
        most=0.0,
    )


def followed(state: Martingale, gaps: Int[ndarray, " m"]) -> tuple[Martingale, Float[ndarray, " m"]]:
    """Return the martingale after more values, and the logarithm of its capital after each.

    Args:
        state: before them.
        gaps: of the values, in the order of the stream.

    Example:
        >>> state, path = followed(fresh(100), np.array([50] * 40))
        >>> round(float(path[-1]), 1) == round(state.log_value, 1), state.t
        (True, 40)
    """
    paths = [np.zeros(0)]
    while len(gaps):
        state = _begun(state)
        until = beginning(len(state.before)) - state.t
        state, path = _within(state, gaps[:until])
        paths.append(path)
        gaps = gaps[until:]
    return state, np.concatenate(paths)


def _begun(state: Martingale) -> Martingale:
    """Return the state with the bets that begin now."""
    if state.t != beginning(len(state.before)):
        return state
    return Martingale(
        n=state.n,
        t=state.t,
        counts=state.counts,
        before=np.concatenate([state.before, state.counts[None]]),
        capital=np.concatenate([state.capital, np.zeros((1, len(EDGES), len(STRENGTHS)))]),
        most=state.most,
    )


def _within(state: Martingale, gaps: Int[ndarray, " m"]) -> tuple[Martingale, Float[ndarray, " m"]]:
    """Follow values between two beginnings."""
    m = len(gaps)
    fine_bounds = bounds_of(fine_edges(), state.n)
    fine = np.searchsorted(fine_bounds, gaps, side="right") - 1
    grown = np.array([_won(state, gaps, edges) for edges in EDGES])  # (E, m, J, S)
    capitals = state.capital[None] + grown.cumsum(1).transpose(1, 2, 0, 3)
    path = _whole(capitals)
    after = Martingale(
        n=state.n,
        t=state.t + m,
        counts=state.counts + np.bincount(fine, minlength=len(state.counts)),
        before=state.before,
        capital=capitals[-1],
        most=max(state.most, float(path.max())),
    )
    return after, path


def _won(state: Martingale, gaps: Int[ndarray, " m"], edges: tuple[float, ...]) -> Float[ndarray, "m j s"]:
    """Return the logarithm of what each bet on some bins wins with each value."""
    bounds = bounds_of(edges, state.n)
    bins = np.searchsorted(bounds, gaps, side="right") - 1
    of_fine = np.searchsorted(np.array(edges), np.array([0.0, *fine_edges()]), side="right")
    joined = np.eye(len(edges) + 1, dtype=np.int64)[of_fine]  # fine bins to bins
    counts, before = state.counts @ joined, state.before @ joined
    same = np.eye(len(edges) + 1, dtype=np.int64)[bins]
    own = counts[bins] + (same.cumsum(0) - same)[np.arange(len(gaps)), bins]
    seen = state.t + np.arange(len(gaps))
    wide = np.diff(bounds)
    fair = np.log((wide[bins] + own) / (state.n + 1 + seen))
    starts = before.sum(1)
    base = (wide + before) / (state.n + 1 + starts)[:, None]
    since, times = own[:, None] - before.T[bins], seen[:, None] - starts
    strengths = np.array(STRENGTHS)
    held = strengths * base.T[bins][..., None] + since[..., None]
    return np.asarray(np.log(held / (strengths + times[..., None])) - fair[:, None, None])


def _whole(capitals: Float[ndarray, "m j e s"]) -> Float[ndarray, " m"]:
    """Return the logarithm of the whole capital: what was bet, and what waits for later beginnings."""
    m, begun = capitals.shape[:2]
    weights = np.array([weight(number) for number in range(begun)])
    waiting = 1 - weights.sum()
    if not begun:
        return np.zeros(m)
    each = capitals + np.log(weights / (len(EDGES) * len(STRENGTHS)))[None, :, None, None]
    flat = each.reshape(m, -1)
    highest = np.maximum(flat.max(1), math.log(waiting))
    total = np.exp(flat - highest[:, None]).sum(1) + np.exp(math.log(waiting) - highest)
    return np.asarray(highest + np.log(total))
