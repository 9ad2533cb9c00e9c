"""Rows as tests of the tables need them: one finished cell, changed where a test says so."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from modelstitch.results.rows import CellRow

_CELL = CellRow(
    sender_cut="a",
    receiver_cut="b",
    family="affine",
    norm="none",
    objective="task",
    control="trained",
    seed=0,
    accuracy=0.5,
    standard_error=0.01,
    loss=1.0,
    n_parameters=10,
    bridge="same",
    steps=40,
    seconds=1.0,
    n_heldout=10_000,
    failure=None,
)


def cell_row(**changes: Any) -> CellRow:
    """Return a finished cell with ``changes``, and the standard error of its share of right answers."""
    row = replace(_CELL, **changes)
    if "standard_error" in changes or row.accuracy is None:
        return row
    return replace(row, standard_error=math.sqrt(row.accuracy * (1 - row.accuracy) / row.n_heldout))
