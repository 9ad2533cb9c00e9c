"""All numbers of the cells of a run as one labelled Dataset, and one of them as a matrix."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from modelstitch.errors import SpecError, expect_one_of
from modelstitch.evidence.kinds import KINDS
from modelstitch.results.frames import cell_values
from modelstitch.results.rows import CellKey, CellRow, EvidenceRow, KeptRow
from modelstitch.results.verdicts import normalised_scores, selectivity
from modelstitch.specs import TRAINED

if TYPE_CHECKING:
    from modelstitch.results.comparison import Comparison

AXES = ("control", "seed", "stitch", "sender_cut", "receiver_cut")

_OF_CELLS = (
    *("score", "low", "high", "standard_error", "loss", "n_parameters", "steps", "total_steps", "seconds"),
    *("converged", "gain", "noise", "above_receiver", "above_receiver_error", "n_heldout"),
)
_OF_KEPT = {
    **{name: name for name in ("kept", "head", "head_low", "head_high", "recovered", "own", "label")},
    **{name: name for name in ("p_label", "lead", "lead_low", "lead_high")},
    "low": "kept_low",
    "high": "kept_high",
}
"""Fields of :class:`KeptRow`, and what they are called beside the score, whose interval is low and high."""

_RAN = "n_parameters"
"""A number that every cell has that was run."""


def dataset(comparison: Comparison) -> xr.Dataset:
    """Return the Dataset of a comparison; see :attr:`modelstitch.Comparison.dataset`."""
    axes: dict[str, list[Any]] = {
        "control": list(comparison.controls),
        "seed": list(comparison.seeds),
        "stitch": list(comparison.stitches),
        "sender_cut": comparison.cuts_in_order("sender"),
        "receiver_cut": comparison.cuts_in_order("receiver"),
    }
    arrays = _Arrays(axes)
    for cell in comparison.cells:
        values = cell_values(cell)
        arrays.put(cell, {name: values[name] for name in _OF_CELLS} | {"failed": cell.failed})
        whole = comparison.baseline("receiver", cell.control)
        penalty = None if whole is None or cell.score is None else whole - cell.score
        arrays.put(cell, {"penalty": penalty})
    for name, by_key in (
        ("normalised", normalised_scores(comparison.cells)),
        ("selectivity", selectivity(comparison.evidence)),
    ):
        for key, value in by_key.items():
            arrays.put_at(TRAINED, key, {name: value})
    for row in comparison.kept:
        arrays.put(row, {name: getattr(row, field) for field, name in _OF_KEPT.items()})
    names = _names_of_evidence(comparison.evidence)
    for measured, name in zip(comparison.evidence, names, strict=True):
        ends = {f"{name}.low": measured.low, f"{name}.high": measured.high}
        known_ends = {end: value for end, value in ends.items() if value is not None}
        arrays.put(measured, {name: measured.value, **known_ends})
    whole_scores = {
        f"{role}_score": [_number(comparison.baseline(role, control)) for control in comparison.controls]
        for role in ("sender", "receiver")
    }
    found = xr.Dataset(
        {
            **{name: (AXES, array) for name, array in arrays.read_only().items()},
            **{name: (("control",), values) for name, values in whole_scores.items()},
        },
        coords=axes,
        attrs={
            "sender": comparison.sender,
            "receiver": comparison.receiver,
            "data": comparison.data,
            "score_name": comparison.score_name,
        },
    )
    of_names = {name: (row.kind, row.name) for row, name in zip(comparison.evidence, names, strict=True)}
    for name, (kind, measured_name) in of_names.items():
        definition = KINDS[kind].definitions.get(measured_name) if kind in KINDS else None
        if definition is not None and name in found:
            found[name].attrs = {
                "what": definition.text,
                "range": definition.range,
                "better": definition.better,
            }
    return found


class _Arrays:
    """Arrays over the axes, by name; made when the first value comes, full of NaN."""

    def __init__(self, axes: Mapping[str, Sequence[Any]]) -> None:
        self._index = {name: {value: i for i, value in enumerate(values)} for name, values in axes.items()}
        self._shape = tuple(len(values) for values in axes.values())
        self._arrays: dict[str, np.ndarray] = {
            name: self._empty() for name in (*_OF_CELLS, "failed", "penalty", "normalised", "selectivity")
        }

    def put(self, row: CellRow | KeptRow | EvidenceRow, values: Mapping[str, float | None]) -> None:
        """Put the values of one cell; of a cell that has no place here, nothing."""
        self.put_at(row.control, row.key, values)

    def put_at(self, control: str, key: CellKey, values: Mapping[str, float | None]) -> None:
        """Put the values of the cell of a control."""
        index = self._place(control, key)
        if index is None:
            return
        for name, value in values.items():
            if name not in self._arrays:
                self._arrays[name] = self._empty()
            self._arrays[name][index] = _number(value)

    def _place(self, control: str, key: CellKey) -> tuple[int, ...] | None:
        given = (control, *(getattr(key, name) for name in AXES[1:]))
        found = [self._index[name].get(value) for name, value in zip(AXES, given, strict=True)]
        return None if None in found else tuple(index for index in found if index is not None)

    def read_only(self) -> dict[str, np.ndarray]:
        """Return all arrays; nobody may write to them."""
        for array in self._arrays.values():
            array.flags.writeable = False
        return self._arrays

    def _empty(self) -> np.ndarray:
        return np.full(self._shape, np.nan)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _names_of_evidence(evidence: Sequence[EvidenceRow]) -> list[str]:
    """Return the name of the variable of each measurement.

    ``KIND.NAME`` is what was measured at the receiver cut of the cell, or at the one place where it was
    measured; ``KIND.NAME@PLACE`` is another place.
    """
    at_cut = {(row.kind, row.name) for row in evidence if row.where == row.receiver_cut}
    places: dict[tuple[str, str], set[str]] = {}
    for row in evidence:
        places.setdefault((row.kind, row.name), set()).add(row.where)
    names = []
    for row in evidence:
        what = (row.kind, row.name)
        own = row.where == row.receiver_cut if what in at_cut else len(places[what]) == 1
        names.append(f"{row.kind}.{row.name}" + ("" if own else f"@{row.where}"))
    return names


def matrix(
    found: xr.Dataset,
    value: str,
    *,
    control: str,
    stitch: str,
    seed: int | None,
    rows: Sequence[str],
) -> xr.DataArray:
    """Return one quantity of one grid, sender cuts by receiver cuts.

    Args:
        found: of :func:`dataset`.
        value: a variable of it.
        control, stitch, seed: which grid; the mean over the seeds that were run without a seed.
        rows: the sender cuts.

    Raises:
        SpecError: no such quantity.
    """
    if value not in found.data_vars or found.variables[value].dims != AXES:
        _expect_quantity(value, [str(name) for name in found.data_vars if found.variables[name].dims == AXES])
    # Positions instead of labels: a page asks for some hundred matrices, and each would look labels up.
    senders = found.get_index("sender_cut").get_indexer(pd.Index(list(rows)))
    at = (found.get_index("control").get_loc(control), slice(None), found.get_index("stitch").get_loc(stitch))
    values, ran = (found.variables[name].values[at][:, senders] for name in (value, _RAN))
    if seed is not None:
        chosen = values[found.get_index("seed").get_loc(seed)].copy()
    else:
        chosen = _mean_over_seeds(values, ran)
    axes = {"sender_cut": list(rows), "receiver_cut": found.coords["receiver_cut"].values}
    of_grid = {"control": control, "stitch": stitch} | ({} if seed is None else {"seed": seed})
    return xr.DataArray(
        chosen, axes | of_grid, ("sender_cut", "receiver_cut"), value, attrs=found.variables[value].attrs
    )


def _mean_over_seeds(values: np.ndarray, ran: np.ndarray) -> np.ndarray:
    """Return the mean over seeds (S, I, J) -> (I, J): without those that have not been run.

    A seed that was run and has no value leaves no mean.
    """
    there = ~(np.isnan(ran) & np.isnan(values))
    counts = there.sum(0)
    sums = np.where(there, values, 0.0).sum(0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _expect_quantity(value: str, legal: Iterable[str]) -> None:
    names = list(legal)
    ending = [name for name in names if name.endswith(f".{value}")]
    if ending:
        raise SpecError(f"unknown quantity {value!r}: did you mean {' or '.join(map(repr, ending[:4]))}?")
    expect_one_of("quantity", value, names, SpecError)
