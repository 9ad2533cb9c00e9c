"""What several tests need: one finished cell, one spec, a Dataset, changed where a test says so."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch.utils.data import Dataset

from modelstitch.results.rows import CellRow
from modelstitch.specs import DataSpec, ModelSpec, RunSpec, StitchSpec


class Items(Dataset[Any]):
    """A Dataset of these items."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]


_CELL = CellRow(
    sender_cut="a",
    receiver_cut="b",
    stitch="affine",
    family="affine",
    size=None,
    norm="none",
    objective="task",
    control="trained",
    seed=0,
    score=0.5,
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
    row = with_stitch(replace(_CELL, **changes), changes.get("stitch", "affine"))
    if "standard_error" in changes or row.score is None:
        return row
    return replace(row, standard_error=math.sqrt(row.score * (1 - row.score) / row.n_heldout))


def with_stitch(row: CellRow, label: str, **changes: Any) -> CellRow:
    """Return a cell with another stitch, its family, size, norm and objective, and ``changes``."""
    spec = StitchSpec.parse(label)
    stitch = {"stitch": spec.label, "family": spec.family, "size": spec.size, "norm": spec.norm}
    return replace(row, **{**stitch, "objective": spec.objective or row.objective, **changes})


def run_spec(sender_cuts: Sequence[str], receiver_cuts: Sequence[str], **changes: Any) -> RunSpec:
    """Return the spec of a run of two modules on data in memory."""
    return replace(
        RunSpec(
            sender=ModelSpec(source="Net (sender)"),
            receiver=ModelSpec(source="Net (receiver)"),
            data=DataSpec(source="in memory"),
            sender_cuts=tuple(sender_cuts),
            receiver_cuts=tuple(receiver_cuts),
        ),
        **changes,
    )
