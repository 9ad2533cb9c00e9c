"""Tables of a run as pandas frames, one row a cell, and as a labelled Dataset."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from modelstitch.evidence.verdict import Verdict
from modelstitch.results.rows import CellRow, EvidenceRow
from modelstitch.results.verdicts import CellKey, key_of, normalised_scores, selectivity, verdict_values
from modelstitch.specs import TRAINED

_FLOATS = ("accuracy", "standard_error", "loss", "penalty", "gain", "noise", "normalised", "selectivity")
_QUANTITIES = (
    "accuracy",
    "standard_error",
    "loss",
    "n_parameters",
    "seconds",
    "converged",
    "gain",
    "failed",
)

Baselines = Callable[[str, str], float | None]
"""The whole network's accuracy by role and control."""


def cell_frame(
    cells: Sequence[CellRow],
    evidence: Sequence[EvidenceRow],
    baseline: Baselines,
    layouts: Callable[[CellRow], tuple[str | None, str | None]],
    names: tuple[str, str, str],
) -> pd.DataFrame:
    """Return one row a cell, with its layouts, baselines and penalty; for the real grid also its normalised score and selectivity.

    Args:
        cells, evidence: rows of a run.
        baseline: accuracies of the whole networks.
        layouts: how the two representations of a cell were read.
        names: of sender, receiver and data.
    """
    normalised = normalised_scores(cells)
    selective = selectivity(evidence)
    rows = []
    for cell in cells:
        receiver = baseline("receiver", cell.control)
        known = receiver is not None and cell.accuracy is not None
        place = key_of(cell)
        rows.append(
            {
                **asdict(cell),
                **dict(zip(("sender_layout", "receiver_layout"), layouts(cell), strict=True)),
                "sender_accuracy": baseline("sender", cell.control),
                "receiver_accuracy": receiver,
                "penalty": receiver - cell.accuracy if known else None,  # type: ignore[operator]
                "normalised": normalised.get(place) if cell.control == TRAINED else None,
                "selectivity": selective.get(place) if cell.control == TRAINED else None,
            }
        )
    frame = pd.DataFrame(rows)
    for index, (column, name) in enumerate(zip(("sender", "receiver", "data"), names, strict=True)):
        frame.insert(index, column, name)
    return frame.astype(dict.fromkeys(_FLOATS, "float64"))


def verdict_frame(verdicts: Mapping[CellKey, Verdict]) -> pd.DataFrame:
    """Return one row a verdict.

    Args:
        verdicts: by place.
    """
    names = ("sender_cut", "receiver_cut", "stitch", "seed")
    return pd.DataFrame(
        [
            {**dict(zip(names, place, strict=True)), **verdict_values(verdict)}
            for place, verdict in verdicts.items()
        ]
    )


def cell_dataset(
    cells: Sequence[CellRow],
    axes: Mapping[str, Sequence[Any]],
    by_control: Mapping[str, Sequence[float]],
    names: Mapping[str, str],
) -> xr.Dataset:
    """Return a labelled Dataset of what is known of each cell; one that was not run is NaN.

    Args:
        cells: the rows.
        axes: by name of a column, the values that span the Dataset.
        by_control: further quantities that have one value for each control.
        names: attributes of the Dataset.
    """
    where = {name: {value: i for i, value in enumerate(values)} for name, values in axes.items()}
    filled = {name: np.full([len(values) for values in axes.values()], np.nan) for name in _QUANTITIES}
    for cell in cells:
        index = tuple(where[name][getattr(cell, name)] for name in axes)
        for name in _QUANTITIES:
            value = getattr(cell, name)
            filled[name][index] = math.nan if value is None else value
    return xr.Dataset(
        {
            **{name: (tuple(axes), values) for name, values in filled.items()},
            **{name: (("control",), list(values)) for name, values in by_control.items()},
        },
        coords=axes,
        attrs=dict(names),
    )
