"""Run a session: fit what is missing, save each cell as it finishes, check the saved run."""

from __future__ import annotations

import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from modelstitch.errors import SpecError, TruthError
from modelstitch.evidence.measure import appraise, kinds_of
from modelstitch.grid.cell import score, scoring_suffix
from modelstitch.grid.grid import Budget, fit_grid
from modelstitch.grid.paint import contact_sheet, paint
from modelstitch.grid.representations import Representations
from modelstitch.report import page, read_strips
from modelstitch.results.comparison import Comparison
from modelstitch.results.curves import curves_figure
from modelstitch.results.from_cells import cell_row, cell_spec, evidence_rows
from modelstitch.results.rows import Baseline, CellRow, EvidenceRow
from modelstitch.results.simultaneous import advantages
from modelstitch.results.verdicts import CellKey, key_of
from modelstitch.runs.memory import affordable, completed
from modelstitch.runs.prepare import Session
from modelstitch.runs.store import Store
from modelstitch.specs import EVIDENCE_VERSION, CellSpec, EvidenceSpec, StitchSpec
from modelstitch.stitches import Stitch, build
from modelstitch.tasks import mean_score
from modelstitch.util.progress import SILENT, Progress

BUDGET = Budget(bytes=2 * 2**30)
"""How much of the representations is kept instead of computed again, unless told otherwise."""


def run(
    session: Session,
    *,
    out: str | Path | None = None,
    budget: Budget = BUDGET,
    evidence: EvidenceSpec | None = None,
    pictures: bool = False,
    progress: Progress = SILENT,
) -> Comparison:
    """Fit and score what a session still lacks, measure its evidence, save each cell as it finishes, and check the saved run.

    Args:
        session: what to run.
        out: run folder; nothing is written without it.
        budget: how much of the representations may be kept at once.
        evidence: what to measure about the cells; the standard set without it.
        pictures: whether to paint what stitches into the receiver's input make, as ``pictures.png`` in the run folder.
        progress: who watches.
    """
    evidence = affordable(session, completed(session, evidence or EvidenceSpec()), budget.total)
    if pictures and (out is None or session.pair.data.train.images.ndim != 4):
        raise SpecError(
            "expected a run folder and images for pictures, got "
            + (
                "no folder: give one as out"
                if out is None
                else f"data {session.pair.data.name}, which are no images"
            )
        )
    ready(session)
    if out is None:
        return _run_in_memory(session, budget, evidence, progress)
    facts = {**_header(session), **session.identity}
    with Store(out, facts, identity=tuple(session.identity)) as store:
        keys = {cell: session.key(cell) for cell in session.cells}
        finished = store.finished()
        todo = [cell for cell, key in keys.items() if key not in finished]
        progress.start(len(keys), len(keys) - len(todo))
        for fitted in fit_grid(session.pair, todo, session.spec.fit, budget):
            row = cell_row(fitted)
            store.write_cell(keys[fitted.spec], row, fitted.stitch.state_dict(), fitted.correct)
            progress.cell(str(fitted.spec), row.accuracy)
        store.write_baselines(_baselines(session))
        store.write_fact("advantages", [asdict(each) for each in advantages(store.answers())])
        _measure(session, store, keys, evidence, progress)
        progress.stage("checking that the reloaded stitches give the same scores")
        n_checked = _reload(session, store, keys)
        store.write_fact("notes", {**facts["notes"], "reloaded_cells": n_checked})
        comparison = store.comparison()
        _write_files(store, comparison)
        if pictures:
            progress.stage("painting what stitches into the receiver's input make")
            _paint(session, store, budget)
        text = page(comparison, strips=read_strips(store.folder), folder=store.folder)
        store.write_file(
            "report.html", lambda path: path.write_text(text, encoding="utf-8", errors="replace")
        )
        return comparison


def ready(session: Session) -> None:
    """Build what every control stitches instead, so that one that cannot be built is told before anything is written.

    Raises:
        InputError: a control cannot be built for these models.
    """
    for control in session.spec.controls:
        session.pair.sides(control, session.spec.seeds[0])


def _run_in_memory(
    session: Session, budget: Budget, evidence: EvidenceSpec, progress: Progress
) -> Comparison:
    rows: dict[CellSpec, CellRow] = {}
    stitches: dict[CellSpec, Stitch] = {}
    answers: dict[tuple[str, CellKey], np.ndarray] = {}
    progress.start(len(session.cells), 0)
    for fitted in fit_grid(session.pair, session.cells, session.spec.fit, budget):
        row = rows[fitted.spec] = cell_row(fitted)
        if row.accuracy is not None:
            stitches[fitted.spec] = fitted.stitch
            answers[row.control, key_of(row)] = fitted.correct.numpy()
        progress.cell(str(fitted.spec), row.accuracy)
    measured: dict[CellSpec, list[EvidenceRow]] = {}
    wanted = {cell: kinds for cell in stitches if (kinds := kinds_of(cell, evidence))}
    _announce(progress, len(wanted), 0)
    for cell, found in appraise(session.pair, stitches, wanted, evidence.n_examples):
        measured[cell] = evidence_rows(cell, found)
        progress.measured(str(cell))
    return Comparison(
        cells=tuple(rows[cell] for cell in session.cells),
        baselines=tuple(_baselines(session)),
        evidence=tuple(row for cell in session.cells for row in measured.get(cell, ())),
        advantages=tuple(advantages(answers)),
        **_header(session),
    )


def _measure(
    session: Session,
    store: Store,
    keys: dict[CellSpec, str],
    evidence: EvidenceSpec,
    progress: Progress,
) -> None:
    """Measure the evidence that a run still lacks, from its saved stitches."""
    if not evidence.kinds:
        return
    store.write_fact("evidence_examples", evidence.n_examples)
    have = store.appraised(evidence.n_examples, EVIDENCE_VERSION)
    usable = {cell_spec(row) for row in store.comparison().cells if row.accuracy is not None}
    asked = {cell: kinds for cell in keys if cell in usable and (kinds := kinds_of(cell, evidence))}
    missing = {
        cell: kinds
        for cell in asked
        if (kinds := tuple(kind for kind in asked[cell] if (keys[cell], kind) not in have))
    }
    _announce(progress, len(asked), len(asked) - len(missing))
    stitches = {cell: _saved_stitch(session, store, cell, keys[cell]) for cell in missing}
    for cell, found in appraise(session.pair, stitches, missing, evidence.n_examples):
        rows = evidence_rows(cell, found)
        store.write_evidence(keys[cell], missing[cell], rows, evidence.n_examples, EVIDENCE_VERSION)
        progress.measured(str(cell))


def _saved_stitch(session: Session, store: Store, cell: CellSpec, key: str) -> Stitch:
    """Return the stitch of a finished cell as it stands in its file, on the device of the data."""
    stitch = build(cell.stitch, *session.pair.layouts(cell))
    stitch.load_state_dict(store.read_weights(key))
    return stitch.to(session.pair.data.heldout.images.device)


def _announce(progress: Progress, total: int, done: int) -> None:
    if total:
        progress.start(total, done, "measuring evidence")


def _write_files(store: Store, comparison: Comparison) -> None:
    frame = comparison.to_frame()
    store.write_file("cells.csv", lambda path: frame.to_csv(path, index=False))
    store.write_file("cells.parquet", lambda path: frame.to_parquet(path, index=False))
    if comparison.advantages:
        ahead = pd.DataFrame([asdict(each) for each in comparison.advantages])
        store.write_file("advantages.csv", lambda path: ahead.to_csv(path, index=False))
    if comparison.evidence:
        measured = comparison.evidence_frame()
        store.write_file("evidence.csv", lambda path: measured.to_csv(path, index=False))
        errors = comparison.error_table()
        if len(errors):
            store.write_file("errors.csv", lambda path: errors.to_csv(path, index=False))
        judged = comparison.verdict_frame()
        if len(judged):
            store.write_file("verdicts.csv", lambda path: judged.to_csv(path, index=False))
    figure = comparison.figure()
    store.write_file("matrix.png", lambda path: figure.savefig(path, format="png", dpi=150))
    if comparison.has_curves:
        curves = curves_figure(comparison)
        store.write_file("capacity.png", lambda path: curves.savefig(path, format="png", dpi=150))


def _paint(session: Session, store: Store, budget: Budget) -> None:
    spec = session.spec
    painted = paint(session.pair, spec.sender_cuts, spec.fit, budget, seed=spec.seeds[0])
    names = (session.pair.sender.network.name, session.pair.receiver.network.name)
    sheet = contact_sheet(painted, f"{names[0]}, stitched into the input of {names[1]} (its accuracy)")
    store.write_file("pictures.png", lambda path: sheet.savefig(path, format="png", dpi=120))
    pixels = {
        title: (255 * images.permute(0, 2, 3, 1)).round().byte().cpu().numpy()
        for title, images in painted.items()
    }
    store.write_file("painted.npz", lambda path: _save_arrays(path, pixels))


def _save_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    # By handle: given a name, numpy would add an ending of its own.
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


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
            "n_cells": len(session.cells),
            "data_content": session.identity["data_content"],
            "n_classes": len(pair.data.classes),
            "labels": None if pair.data.finest is None else pair.data.finest.by.name,
            "chance": pair.data.task.chance(pair.data.heldout.targets_for(pair.data.task)),
            "task": pair.data.task.name,
            "score": pair.data.task.score_name,
            "device": str(pair.data.train.images.device),
            "modelstitch": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }


def _baselines(session: Session) -> list[Baseline]:
    return [
        Baseline(
            role=role,
            control=control,
            seed=seed,
            accuracy=side.accuracy(),
            digest=side.digest,
        )
        for control in session.spec.controls
        for seed in session.spec.seeds
        for role, side in zip(("sender", "receiver"), session.pair.sides(control, seed), strict=True)
    ]


def _reload(session: Session, store: Store, keys: dict[CellSpec, str]) -> int:
    """Score one cell of each grid again from its file, and check that every other file is whole."""
    rows = {cell_spec(row): row for row in store.comparison().cells}
    chosen: dict[tuple[str, StitchSpec], CellSpec] = {}
    for cell, key in keys.items():
        store.read_weights(key)
        if rows[cell].accuracy is not None:
            chosen.setdefault((cell.control, cell.stitch), cell)
    for cell in chosen.values():
        sender, receiver = session.pair.sides(cell.control, cell.seed)
        stitch = _saved_stitch(session, store, cell, keys[cell])
        heldout = session.pair.data.heldout
        spec = session.spec.fit
        name = sender.cut(cell.sender_cut).name
        provided = Representations(
            sender, (name,), heldout, "recompute", torch.float32, spec.protocol != "default"
        ).at(name)
        suffix = scoring_suffix(receiver, cell.receiver_cut, spec)
        got = mean_score(score(stitch, receiver, suffix, provided, session.pair.data.task))
        if got != rows[cell].accuracy:
            raise TruthError(
                f"cell {cell}: reloaded from its file it scores {got}, when it was fitted {rows[cell].accuracy}"
            )
    return len(chosen)
