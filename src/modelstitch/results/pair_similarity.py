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
    expect_one_of("way to reduce", reduce, REDUCE, SpecError)
    if resamples < _LEAST_RESAMPLES:
        raise SpecError(f"expected at least {_LEAST_RESAMPLES} resamples, got {resamples}")
    models = pairs.models
    found = {name: np.full((len(models), len(models)), math.nan) for name in ("value", "low", "high")}
    own_from = {receiver: each for (_, receiver), each in reversed(list(pairs.items()))}
    grids = {pair: (each, TRAINED) for pair, each in pairs.items()}
    grids |= {
        (name, name): (each, SELF_STITCH) for name, each in own_from.items() if SELF_STITCH in each.controls
    }
    having = {
        pair: (each, control)
        for pair, (each, control) in grids.items()
        if control in each.controls and value in each.dataset
    }
    # A pair whose run was stopped may lack the value: its place is NaN. A value that none has is refused.
    for (sender, receiver), (comparison, control) in (having or grids).items():
        reduced = _reduced(comparison, control, value, reduce, stitch, resamples)
        at = models.index(sender), models.index(receiver)
        found["value"][at], found["low"][at], found["high"][at] = reduced
    square = ("sender", "receiver")
    names = list(models)
    has_ends = not np.isnan(found["low"]).all()
    return xr.DataArray(
        found["value"],
        dims=square,
        coords={
            "sender": names,
            "receiver": names,
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


def dissimilarity(pairs: Comparisons, value: str, reduce: str, **options: Any) -> xr.DataArray:
    """Return the distance of each two models; see :meth:`modelstitch.Comparisons.dissimilarity`."""
    if any(_better_low(each, value) for each in pairs.values()):
        raise SpecError(f"expected a value of which more is better, got {value!r}: give kept or score")
    found = similarity(pairs, value, reduce, **options)
    loss = np.nan_to_num(found["ceiling"].to_numpy(), nan=1.0)[None, :] - found.to_numpy()
    np.fill_diagonal(loss, 0.0)
    distance = np.maximum(0.0, (loss + loss.T) / 2)
    if np.isnan(distance).any():
        rows, columns = np.nonzero(np.isnan(distance))
        one, other = (found["sender"].to_numpy()[index[0]] for index in (rows, columns))
        raise SpecError(f"expected {value!r} of every pair both ways, got none for {one} and {other}")
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
