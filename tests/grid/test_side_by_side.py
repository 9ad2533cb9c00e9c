"""Cells that are fitted or measured side by side have the bits of cells one after another."""

from __future__ import annotations

import threading

import pytest
import torch

from modelstitch.evidence.measure import measure_cells
from modelstitch.grid import cell as cell_module
from modelstitch.grid import grid
from modelstitch.grid.cell import FittedCell
from modelstitch.grid.grid import Budget, fit_grid
from modelstitch.runs.session import Session
from modelstitch.specs import CellSpec, FitSpec
from modelstitch.util.workers import Workers

TWO = Workers(count=2, threads=1)
CELLS = [
    CellSpec(sender_cut=f"layers.{i}", receiver_cut=f"layers.{j}", control=control)
    for control in ("trained", "random-sender")
    for i, j in ((0, 2), (2, 0), (2, 4))
]


@pytest.mark.parametrize("objective", ["task", "latent"])
def test_fits_and_evidence_are_the_same_to_the_bit(session: Session, objective: str) -> None:
    cells = [CellSpec(**{**vars(cell), "objective": objective}) for cell in CELLS]
    fit = FitSpec(steps=6, batch_size=128, objective=objective)  # type: ignore[arg-type]
    fits = [
        {one.spec: one for one in fit_grid(session.pair, cells, fit, Budget(10**9), workers=workers)}
        for workers in (None, TWO)
    ]
    alone, beside = fits
    assert alone.keys() == beside.keys() == set(cells)
    for cell in cells:
        assert torch.equal(alone[cell].correct, beside[cell].correct)
        weights = (list(fitted[cell].stitch.state_dict().values()) for fitted in fits)
        assert all(torch.equal(one, other) for one, other in zip(*weights, strict=True))
    if objective == "task":
        kinds = dict.fromkeys(cells, ("kept", "geometry", "distribution", "robustness"))
        stitches = {cell: fitted.stitch for cell, fitted in alone.items()}
        measured = [
            dict(measure_cells(session.pair, stitches, kinds, 200, workers=workers))
            for workers in (None, TWO)
        ]
        assert measured[0].keys() == measured[1].keys()
        for cell in cells:
            assert repr(measured[0][cell]) == repr(measured[1][cell])  # NaN is NaN


def test_cells_of_graphs_run_at_once_and_those_by_hooks_do_not(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    fit_cell = cell_module.fit_cell

    def noted(cell: CellSpec, *arguments: object) -> FittedCell:
        threads.append(threading.current_thread().name)
        return fit_cell(cell, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(grid, "fit_cell", noted)
    cells, fit = CELLS[:3], FitSpec(steps=2, batch_size=64)
    list(fit_grid(session.pair, cells, fit, Budget(10**9), workers=TWO))
    assert len(set(threads)) == 2
    threads.clear()
    monkeypatch.setattr(type(session.pair.sender), "runs_in_threads", False)
    list(fit_grid(session.pair, cells, fit, Budget(10**9), workers=TWO))
    assert set(threads) == {threading.current_thread().name}
