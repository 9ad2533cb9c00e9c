"""What stands in a run folder beside its database: tables, classes, examples, plots, pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from modelstitch.errors import RunError, SpecError
from modelstitch.grid.grid import Budget
from modelstitch.grid.paint import contact_sheet, paint
from modelstitch.report import page, read_strips
from modelstitch.report.answer import findings_of
from modelstitch.report.beyond import BeyondRun
from modelstitch.report.examples import FILE as EXAMPLES_FILE
from modelstitch.report.examples import examples_of
from modelstitch.report.first_lines import recommended
from modelstitch.results.class_table import CLASSES_FILE, changes_of, write_changes
from modelstitch.results.comparison import Comparison
from modelstitch.results.curve_figure import curves_figure
from modelstitch.runs.fill import places_of
from modelstitch.runs.session import Session
from modelstitch.runs.store import Store
from modelstitch.specs import TRAINED


def write_tables(store: Store, comparison: Comparison) -> None:
    cells = comparison.to_frame()
    store.write_file("cells.parquet", lambda path: cells.to_parquet(path, index=False))
    _write_table(store, "cells.csv", cells)
    _write_table(store, "advantages.csv", comparison.advantage_frame())
    _write_table(store, "evidence.csv", comparison.evidence_frame())
    _write_table(store, "errors.csv", comparison.error_table())
    _write_table(store, "verdicts.csv", comparison.verdict_frame())
    if comparison.has_curves:
        _write_table(store, "capacity.csv", comparison.capacity_frame())


def write_classes(session: Session, store: Store) -> None:
    """Write what each cell of the pair changes for each class; nothing for scores that are no answers."""
    pair = session.pair
    whole, data = pair.receiver.own_scores, pair.data
    if whole is None or whole.dtype != torch.bool or not data.task.has_classes or data.task.by_position:
        return
    labels, own = data.heldout.labels.cpu().numpy(), whole.cpu().numpy()
    answers = store.answers()
    rows = [
        row
        for control, key in places_of(session)
        if control == TRAINED and (control, key) in answers
        for row in changes_of(key, data.classes, labels, own, answers[control, key].astype(bool))
    ]
    store.write_file(CLASSES_FILE, lambda path: write_changes(rows, path))


def write_examples(session: Session, store: Store, comparison: Comparison) -> None:
    """Write the examples that the cell of the page's first screen answers otherwise than the receiver."""
    stitch = comparison.main_stitch
    if not any(cell.score is not None and cell.control == TRAINED for cell in comparison.cells):
        return
    place = recommended(findings_of(comparison, stitch), _beyond(comparison, store))
    seeds = sorted(
        cell.seed
        for cell in comparison.cells
        if cell.control == TRAINED
        and (cell.sender_cut, cell.receiver_cut) == place
        and cell.stitch == stitch
        and cell.score is not None
    )
    if place is None or not seeds:
        return
    try:
        found = comparison.disagreements(place, stitch=stitch, seed=seeds[0])
    except SpecError:  # a task without one class for each example
        return
    data = session.pair.data
    shown = examples_of(found, (*place, stitch, seeds[0]), data.heldout.images if data.is_text else None)
    store.write_file(EXAMPLES_FILE, shown.write)


def _write_table(store: Store, name: str, frame: pd.DataFrame) -> None:
    """Write a table as CSV; a table without rows is not written."""
    if len(frame):
        store.write_file(name, lambda path: frame.to_csv(path, index=False))


def write_plots(store: Store, comparison: Comparison) -> None:
    matrices = comparison.figure()
    store.write_file("matrix.png", lambda path: matrices.savefig(path, format="png", dpi=150))
    if comparison.has_curves:
        curves = curves_figure(comparison)
        store.write_file("capacity.png", lambda path: curves.savefig(path, format="png", dpi=150))


def _beyond(comparison: Comparison, store: Store) -> BeyondRun:
    try:
        return BeyondRun.of_run(comparison, store.folder, shows_examples=True)
    except RunError:
        # A run that is finished is not lost to a damaged table beside it: the page asks for a new one.
        return BeyondRun(stale=True, run=store.folder.resolve().name)


def write_page(store: Store, comparison: Comparison) -> None:
    beyond = _beyond(comparison, store)
    text = page(comparison, strips=read_strips(store.folder), beyond=beyond, folder=store.folder)
    store.write_file("report.html", lambda path: path.write_text(text, encoding="utf-8", errors="replace"))


def paint_pictures(session: Session, store: Store, budget: Budget) -> None:
    spec = session.spec
    painted = paint(session.pair, spec.sender_cuts, spec.fit, budget, seed=spec.seeds[0])
    sender, receiver = session.pair.sender.network.name, session.pair.receiver.network.name
    score_name = session.pair.data.task.score_name
    sheet = contact_sheet(painted, f"{sender}, stitched into the input of {receiver} (its {score_name})")
    store.write_file("pictures.png", lambda path: sheet.savefig(path, format="png", dpi=120))
    pixels = {
        title: (255 * images.permute(0, 2, 3, 1)).round().byte().cpu().numpy()
        for title, images in painted.items()
    }
    store.write_file("painted.npz", lambda path: _save_arrays(path, pixels))


def _save_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    # numpy adds an ending of its own to a name, but not to an open file.
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
