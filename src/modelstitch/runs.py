"""Run a session: fit what is missing, save each cell as it finishes, check the saved run."""

from __future__ import annotations

import math
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from modelstitch.cell import FittedCell, score, scoring_suffix
from modelstitch.curves import curves_figure
from modelstitch.errors import TruthError
from modelstitch.grid import Budget, fit_grid
from modelstitch.progress import SILENT, Progress
from modelstitch.representations import Representations
from modelstitch.results import Baseline, CellRow, Comparison
from modelstitch.session import Session
from modelstitch.specs import CellSpec, StitchSpec
from modelstitch.stitches import build
from modelstitch.store import Store
from modelstitch.tasks import CLASSIFICATION, accuracy

BUDGET = Budget(bytes=2 * 2**30)
"""How much of the representations is kept instead of computed again, unless told otherwise."""


def run(
    session: Session,
    *,
    out: str | Path | None = None,
    budget: Budget = BUDGET,
    progress: Progress = SILENT,
) -> Comparison:
    """Fit and score what a session still lacks, save each cell as it finishes, and check the saved run."""
    if out is None:
        rows = []
        cells = session.cells
        progress.start(len(cells), 0)
        for fitted in fit_grid(session.pair, cells, session.spec.fit, budget):
            rows.append(_row(fitted))
            progress.cell(str(fitted.spec), rows[-1].accuracy)
        order = {cell: index for index, cell in enumerate(cells)}
        rows.sort(key=lambda row: order[_cell_spec(row)])
        return Comparison(cells=tuple(rows), baselines=tuple(_baselines(session)), **_header(session))
    facts = {**_header(session), **session.identity}
    with Store(out, facts, identity=tuple(session.identity)) as store:
        keys = {cell: session.key(cell) for cell in session.cells}
        finished = store.finished()
        todo = [cell for cell, key in keys.items() if key not in finished]
        progress.start(len(keys), len(keys) - len(todo))
        for fitted in fit_grid(session.pair, todo, session.spec.fit, budget):
            row = _row(fitted)
            store.write_cell(keys[fitted.spec], row, fitted.stitch.state_dict())
            progress.cell(str(fitted.spec), row.accuracy)
        store.write_baselines(_baselines(session))
        progress.stage("checking that the reloaded stitches give the same scores")
        n_checked = _reload(session, store, keys)
        store.write_fact("notes", {**facts["notes"], "reloaded_cells": n_checked})
        comparison = store.comparison()
        _write_files(store, comparison)
        return comparison


def _write_files(store: Store, comparison: Comparison) -> None:
    frame = comparison.to_frame()
    store.write_file("cells.csv", lambda path: frame.to_csv(path, index=False))
    store.write_file("cells.parquet", lambda path: frame.to_parquet(path, index=False))
    figure = comparison.figure()
    store.write_file("matrix.png", lambda path: figure.savefig(path, format="png", dpi=150))
    if len(comparison.stitches) > 2:
        curves = curves_figure(comparison)
        store.write_file("capacity.png", lambda path: curves.savefig(path, format="png", dpi=150))


def _header(session: Session) -> dict[str, Any]:
    from modelstitch import __version__

    pair = session.pair
    return {
        "sender": pair.sender.network.name,
        "receiver": pair.receiver.network.name,
        "data": pair.data.name,
        "spec": asdict(session.spec),
        "notes": {
            **session.facts,
            "division": pair.data.division,
            "n_train": len(pair.data.train),
            "n_heldout": len(pair.data.heldout),
            "n_classes": len(pair.data.classes),
            "device": str(pair.data.train.images.device),
            "modelstitch": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }


def _row(fitted: FittedCell) -> CellRow:
    cell, share = fitted.spec, fitted.accuracy
    failed = fitted.fitted.failure is not None
    n_heldout = len(fitted.correct)
    return CellRow(
        sender_cut=cell.sender_cut,
        receiver_cut=cell.receiver_cut,
        family=cell.stitch.name,
        norm=cell.stitch.norm,
        objective=cell.objective,
        control=cell.control,
        seed=cell.seed,
        accuracy=None if failed else share,
        standard_error=None if failed else math.sqrt(share * (1 - share) / n_heldout),
        loss=None if math.isnan(fitted.fitted.loss) else fitted.fitted.loss,
        n_parameters=fitted.stitch.n_parameters,
        bridge=fitted.stitch.bridge.label,
        steps=fitted.fitted.steps,
        seconds=fitted.fitted.seconds,
        n_heldout=n_heldout,
        failure=fitted.fitted.failure,
        start=fitted.fitted.start,
        converged=fitted.fitted.converged,
        gain=fitted.fitted.gain,
        noise=fitted.fitted.noise,
        total_steps=fitted.fitted.total_steps,
        precision=fitted.fitted.precision,
    )


def _cell_spec(row: CellRow) -> CellSpec:
    return CellSpec(
        sender_cut=row.sender_cut,
        receiver_cut=row.receiver_cut,
        stitch=StitchSpec.parse(row.family, row.norm),
        objective=row.objective,  # type: ignore[arg-type]
        control=row.control,
        seed=row.seed,
    )


def _baselines(session: Session) -> list[Baseline]:
    return [
        Baseline(
            role=role,
            control=control,
            seed=seed,
            accuracy=side.accuracy(CLASSIFICATION),
            digest=side.digest,
        )
        for control in session.spec.controls
        for seed in session.spec.seeds
        for role, side in zip(("sender", "receiver"), session.pair.sides(control, seed), strict=True)
    ]


def _reload(session: Session, store: Store, keys: dict[CellSpec, str]) -> int:
    """Score one cell of each grid again from its file, and check that every other file is whole."""
    rows = {_cell_spec(row): row for row in store.comparison().cells}
    chosen: dict[tuple[str, StitchSpec], CellSpec] = {}
    for cell, key in keys.items():
        store.read_weights(key)
        if rows[cell].accuracy is not None:
            chosen.setdefault((cell.control, cell.stitch), cell)
    for cell in chosen.values():
        sender, receiver = session.pair.sides(cell.control, cell.seed)
        shapes = sender.cut(cell.sender_cut).shape, receiver.cut(cell.receiver_cut).shape
        stitch = build(cell.stitch, *shapes)
        stitch.load_state_dict(store.read_weights(keys[cell]))
        heldout = session.pair.data.heldout
        spec = session.spec.fit
        name = sender.cut(cell.sender_cut).name
        provided = Representations(
            sender, (name,), heldout, "recompute", torch.float32, spec.protocol != "default"
        ).at(name)
        stitch = stitch.to(heldout.images.device)
        suffix = scoring_suffix(receiver, cell.receiver_cut, spec)
        got = accuracy(score(stitch, suffix, provided, heldout.labels, CLASSIFICATION))
        if got != rows[cell].accuracy:
            raise TruthError(
                f"cell {cell}: reloaded from its file it scores {got}, when it was fitted {rows[cell].accuracy}"
            )
    return len(chosen)
