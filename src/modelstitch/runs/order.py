"""The order of the rows of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from modelstitch.results.rows import CellRow, EvidenceRow
from modelstitch.specs import RunSpec

Row = TypeVar("Row", CellRow, EvidenceRow)


def in_grid_order(rows: Sequence[Row], spec: RunSpec) -> list[Row]:
    """Return rows in the order of the grid: by control, seed, sender cut, receiver cut and stitch."""
    cuts = list(dict.fromkeys((*spec.sender_cuts, *spec.receiver_cuts)))
    stitches = [stitch.label for stitch in spec.stitches]

    def place(row: Row) -> tuple[int, ...]:
        return (
            spec.controls.index(row.control),
            spec.seeds.index(row.seed),
            cuts.index(row.sender_cut),
            spec.receiver_cuts.index(row.receiver_cut),
            stitches.index(row.stitch),
        )

    return sorted(rows, key=place)
