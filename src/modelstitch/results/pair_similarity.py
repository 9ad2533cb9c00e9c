"""One number for each ordered pair of models, with its interval by bootstrap over held-out examples."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from modelstitch.errors import InputError, SpecError, expect_one_of
from modelstitch.results.comparison import Comparison
from modelstitch.results.kept import Kept, kept_of
from modelstitch.results.rows import CellKey
from modelstitch.results.triangle import corresponding
from modelstitch.specs import SELF_STITCH, TRAINED
from modelstitch.specs.verdicts import KeptScale
from modelstitch.wording import say

if TYPE_CHECKING:
    from modelstitch.results.pairs import Comparisons

REDUCE = ("diagonal", "best")

_LOWER_IS_BETTER = ("penalty", "loss", "standard_error", "seconds", "n_parameters", "p_label", "label")
_LEAST_RESAMPLES = 100
_AT_ONCE = 10**7
"""Weights that are held at once."""

_PSEUDO = np.array([1.0, 1.0, 0.0, 0.0], dtype=np.float32)
"""Answers that are added to those of each cell: about z squared of them, half of them right."""


def similarity(
    pairs: Comparisons, value: str, reduce: str, *, stitch: str | None = None, resamples: int = 1000
) -> xr.DataArray:
    """Return the number of each pair; see :meth:`modelstitch.Comparisons.similarity`."""
    square = SimilaritySquare(pairs.models, value, reduce, stitch=stitch, resamples=resamples)
    for pair, each in pairs.items():
        square.add(pair, each)
    return square.table()


class SimilaritySquare:
    """Similarities of all models, filled in pair by pair; no comparison is held.

    Args:
        models: their names.
        value, reduce, stitch, resamples: as for :meth:`modelstitch.Comparisons.similarity`.

    Raises:
        SpecError: no such way to reduce, or too few resamples.
    """

    def __init__(
        self, models: Sequence[str], value: str, reduce: str, *, stitch: str | None, resamples: int
    ) -> None:
        expect_one_of("way to reduce", reduce, REDUCE, SpecError)
        if resamples < _LEAST_RESAMPLES:
            raise SpecError(f"expected at least {_LEAST_RESAMPLES} resamples, got {resamples}")
        self._models = list(models)
        self._at = {name: place for place, name in enumerate(models)}
        self._choice = (value, reduce, stitch, resamples)
        self._found = {
            name: np.full((len(self._models), len(self._models)), math.nan)
            for name in ("value", "low", "high")
        }
        self._ceilings: set[str] = set()
        self._lacking: Comparison | None = None
        self.is_empty = True

    def add(self, pair: tuple[str, str], each: Comparison) -> None:
        """Fill in one pair, and the self-stitch of its receiver, which stands where a model meets itself.

        A pair whose run was stopped may lack the value: its place stays empty.
        """
        value = self._choice[0]
        sender, receiver = pair
        if value not in each.dataset:
            self._lacking = each
            return
        if TRAINED in each.controls and (sender != receiver or receiver not in self._ceilings):
            self._put(sender, receiver, each, TRAINED)
        if SELF_STITCH in each.controls and receiver not in self._ceilings:
            self._ceilings.add(receiver)
            self._put(receiver, receiver, each, SELF_STITCH)

    def table(self) -> xr.DataArray:
        """Return the table.

        Raises:
            SpecError: no pair has the value.
        """
        value, reduce, stitch, resamples = self._choice
        if self.is_empty and self._lacking is not None:
            _reduced(self._lacking, TRAINED, value, reduce, stitch, resamples)  # says which values there are
        square, found = ("sender", "receiver"), self._found
        has_ends = not np.isnan(found["low"]).all()
        return xr.DataArray(
            found["value"],
            dims=square,
            coords={
                "sender": self._models,
                "receiver": self._models,
                "low": (square, found["low"]),
                "high": (square, found["high"]),
                "ceiling": ("receiver", found["value"].diagonal().copy()),
            },
            name=value,
            attrs={
                "reduce": say(f"pairs.{reduce}"),
                "symmetric": say("pairs.asymmetric"),
                "ceiling": say("pairs.ceiling"),
                "interval": say("pairs.interval", n=resamples) if has_ends else say("pairs.no_interval"),
            },
        )

    def _put(self, sender: str, receiver: str, each: Comparison, control: str) -> None:
        value, reduce, stitch, resamples = self._choice
        at = self._at[sender], self._at[receiver]
        reduced = _reduced(each, control, value, reduce, stitch, resamples)
        self._found["value"][at], self._found["low"][at], self._found["high"][at] = reduced
        self.is_empty = False


def dissimilarity(pairs: Comparisons, value: str, reduce: str, **options: Any) -> xr.DataArray:
    """Return the distance of each two models; see :meth:`modelstitch.Comparisons.dissimilarity`."""
    if any(_better_low(each, value) for each in pairs.values()):
        raise SpecError(f"expected a value of which more is better, got {value!r}: give kept or score")
    return distances(similarity(pairs, value, reduce, **options))


def distances(found: xr.DataArray) -> xr.DataArray:
    """Return the symmetric distance of each two models, from a table of :func:`similarity`.

    Raises:
        SpecError: a pair has no value.
    """
    loss = np.nan_to_num(found["ceiling"].to_numpy(), nan=1.0)[None, :] - found.to_numpy()
    np.fill_diagonal(loss, 0.0)
    distance = np.maximum(0.0, (loss + loss.T) / 2)
    if np.isnan(distance).any():
        rows, columns = np.nonzero(np.isnan(distance))
        one, other = (found["sender"].to_numpy()[index[0]] for index in (rows, columns))
        raise SpecError(f"expected {found.name!r} of every pair both ways, got none for {one} and {other}")
    names = found["sender"].to_numpy()
    return xr.DataArray(
        distance, dims=("model", "other"), coords={"model": names, "other": names}, name="dissimilarity"
    )


def _reduced(
    comparison: Comparison, control: str, value: str, reduce: str, stitch: str | None, resamples: int
) -> tuple[float, float, float]:
    """Return the number of one grid with the ends of its interval."""
    matrix = comparison.matrix(value, control=control, stitch=stitch)
    low_is_better = _better_low(comparison, value)
    reducer = _reducer(reduce, low_is_better)
    whole = float(reducer(matrix.to_numpy()[None])[0])
    label = stitch or comparison.stitches[0]
    draws = _draws(comparison, control, value, label, resamples, matrix)
    if draws is None or math.isnan(whole):
        return whole, math.nan, math.nan
    low, high = np.quantile(reducer(draws), (0.025, 0.975))
    return whole, min(whole, float(low)), max(whole, float(high))


def _better_low(comparison: Comparison, value: str) -> bool:
    if value in _LOWER_IS_BETTER:
        return True
    known = comparison.dataset.get(value)
    return known is not None and known.attrs.get("better") == "lower"


def _reducer(reduce: str, low_is_better: bool) -> Callable[[np.ndarray], np.ndarray]:
    """Return what makes one number (R,) of each matrix (R, sender cuts, receiver cuts)."""

    def diagonal(values: np.ndarray) -> np.ndarray:
        return np.asarray(values[:, corresponding(*values.shape[1:])].mean(1))

    def best(values: np.ndarray) -> np.ndarray:
        return np.asarray((values.min(1) if low_is_better else values.max(1)).mean(1))

    return diagonal if reduce == "diagonal" else best


def _draws(
    comparison: Comparison, control: str, value: str, stitch: str, resamples: int, matrix: xr.DataArray
) -> np.ndarray | None:
    """Return the matrix in every resample, (R, sender cuts, receiver cuts); None where nothing is stored."""
    moved = {"score": _scores_moved, "kept": _kept_moved}.get(value)
    if moved is None or comparison.networks is None:
        return None
    senders, receivers = ([str(each) for each in matrix[axis].to_numpy()] for axis in matrix.dims)
    seeds = sorted(
        {cell.seed for cell in comparison.cells if cell.control == control and cell.stitch == stitch}
    )
    keys = [
        [[CellKey(sender, receiver, stitch, seed) for seed in seeds] for receiver in receivers]
        for sender in senders
    ]
    try:
        return moved(comparison, control, keys, resamples)
    except (KeyError, InputError):
        return None  # a run of an older version, or one that was cut short, lacks what some cell scored


Keys = Sequence[Sequence[Sequence[CellKey]]]
"""By sender cut, receiver cut and seed."""


def _scores_moved(comparison: Comparison, control: str, keys: Keys, resamples: int) -> np.ndarray:
    assert comparison.networks is not None
    answers = comparison.networks.answers()
    cells = [
        np.mean([answers[control, key] for key in of_seeds], axis=0, dtype=np.float32)
        for row in keys
        for of_seeds in row
    ]
    table = np.array([np.concatenate([cell, _PSEUDO]) for cell in cells], dtype=np.float32)
    means = _resampled(table, resamples)
    return means.reshape(resamples, len(keys), len(keys[0]))


def _kept_moved(comparison: Comparison, control: str, keys: Keys, resamples: int) -> np.ndarray:
    """Return *kept* in every resample, by what each example moves it by at every place."""
    assert comparison.networks is not None
    parts = comparison.networks.parts()
    narrow = {
        (row.receiver_cut, row.stitch) for row in comparison.kept if row.scaled_by is KeptScale.RECEIVER
    }
    found: list[np.ndarray] = []
    cache: dict[CellKey, np.ndarray] = {}
    for row in keys:
        for of_seeds in row:
            for key in of_seeds:
                kept = kept_of(parts, key, control, wide=(key.receiver_cut, key.stitch) not in narrow)
                if kept is None:
                    raise KeyError(key)
                cache[key] = _least_in_resamples(kept, resamples)
            found.append(np.mean([cache[key] for key in of_seeds], axis=0))
    return np.stack(found, axis=1).reshape(resamples, len(keys), len(keys[0]))


def _least_in_resamples(kept: Kept, resamples: int) -> np.ndarray:
    values = kept.values + _resampled(kept.influences.astype(np.float32), resamples)
    return np.asarray(values.min(1))


def _resampled(table: np.ndarray, resamples: int) -> np.ndarray:
    """Return the mean of each row in every resample of the columns, (R, rows); the same for all pairs."""
    n = table.shape[1]
    random = np.random.default_rng(0)
    means = []
    for some in np.array_split(np.arange(resamples), max(1, resamples * n // _AT_ONCE)):
        weights = random.multinomial(n, np.full(n, 1 / n), size=len(some)).astype(np.float32)
        means.append(weights @ table.T / n)
    return np.concatenate(means)
