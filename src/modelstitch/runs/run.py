"""Run a session: fit and save what is missing, measure evidence, check the saved run."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from modelstitch.errors import RunError, SpecError, TruthError
from modelstitch.evidence.measure import kinds_of, measure_cells
from modelstitch.evidence.yardstick import yardstick
from modelstitch.grid.cell import score, scoring_suffix
from modelstitch.grid.grid import Budget, fit_grid
from modelstitch.grid.paint import contact_sheet, paint
from modelstitch.grid.representations import Representations
from modelstitch.models.drawn import Drawn
from modelstitch.report import page, read_strips
from modelstitch.report.answer import findings_of
from modelstitch.report.beyond import BeyondRun
from modelstitch.report.examples import FILE as EXAMPLES_FILE
from modelstitch.report.examples import examples_of
from modelstitch.report.first_lines import recommended
from modelstitch.results.class_table import CLASSES_FILE, changes_of, write_changes
from modelstitch.results.comparison import Comparison
from modelstitch.results.curve_figure import curves_figure
from modelstitch.results.facts import BySide, MemoryFacts, RunFacts, RunMade, Versions
from modelstitch.results.from_cells import cell_key, cell_row, cell_spec, evidence_rows, parts_of
from modelstitch.results.kept import kept_rows
from modelstitch.results.rows import Baseline, CellKey
from modelstitch.results.simultaneous import advantages
from modelstitch.results.verdicts import asks_for_draws
from modelstitch.runs.database import Writing
from modelstitch.runs.growth import differing, grown, with_kinds
from modelstitch.runs.held import Header, HeldResults, Keeps
from modelstitch.runs.memory import affordable, completed, needed_bytes
from modelstitch.runs.networks import HeldNetworks
from modelstitch.runs.pairs import write_whole
from modelstitch.runs.place import place_of
from modelstitch.runs.prepare import widened
from modelstitch.runs.reader import asked_of, read_answers, read_parts, read_weights
from modelstitch.runs.session import Session
from modelstitch.runs.sources import Origin
from modelstitch.runs.store import Store
from modelstitch.runs.untrained import DRAWS, untrained_control
from modelstitch.specs import CONTROLS, EVIDENCE_VERSION, TRAINED, CellSpec, EvidenceSpec, StitchSpec
from modelstitch.specs.config import ROLES, plain_config, to_toml
from modelstitch.stitches import Stitch, build
from modelstitch.tasks import mean_score
from modelstitch.util.memory_use import peak_bytes
from modelstitch.util.progress import SILENT, Progress
from modelstitch.wording import say

BUDGET = Budget(bytes=2 * 2**30)
"""How much of the representations is kept in memory by default; the rest is computed again."""


def run(
    session: Session,
    *,
    out: str | Path | None = None,
    budget: Budget = BUDGET,
    evidence: EvidenceSpec | None = None,
    pictures: bool = False,
    only: Callable[[CellSpec], bool] | None = None,
    measure: bool = True,
    by: str = "",
    writing: Writing | None = None,
    progress: Progress = SILENT,
) -> Comparison:
    """Fit and score what a session still lacks, measure its evidence, and check the saved run.

    A run folder that holds a run of the same networks, data and fit gets what it lacks of the seeds, cuts,
    stitches, controls and kinds of evidence; the result is that of a run that was asked for all at once.

    Args:
        session: what to run.
        out: run folder, in which each cell is saved as it finishes; nothing is written without it. The folder
            of a pair of an experiment is written in the database of that, and its page of all pairs again.
        budget: how much of the representations may be kept at once.
        evidence: what to measure about the cells; the standard set without it.
        pictures: whether to paint what stitches into the receiver's input make, as ``pictures.png``.
        only: which cells of the grids to fit and measure; all without it.
        measure: False fits alone. What a run folder has measured before stays; nothing is measured about the
            new cells, also where the folder was asked for evidence.
        by: who runs it, for the page; empty for nobody that is named.
        writing: the experiment of the pair, where its writer goes on to other pairs.
        progress: receives news of the run.

    Raises:
        SpecError: pictures without a run folder or without images.
        InputError: a control cannot be built for these models.
        RunError: the folder cannot be written, or holds another run.
        TruthError: a check failed, so that the numbers must not be believed.
    """
    evidence = evidence or EvidenceSpec()
    kept: set[tuple[str, CellKey]] = set()
    if out is not None:
        session, evidence, kept = _with_stored(session, evidence, out)
    if not measure:
        evidence = EvidenceSpec(kinds=())
    if only is not None:
        # What is judged already stays so: intervals of all cells hold at once.
        cells = [cell for cell in session.cells if only(cell) or (cell.control, cell_key(cell)) in kept]
        session = replace(session, cells=tuple(cells))
    asked = evidence
    evidence = affordable(session, completed(session, evidence), budget.total)
    if pictures:
        _expect_pictures(session, out)
    ready(session)
    memory = _memory(session, budget)
    if memory is not None and memory.needed > memory.bound:
        progress.warn(say("limit.memory_beforehand", bound=memory.bound / 1e9, needed=memory.needed / 1e9))
    header = _header(session, memory)
    if out is None:
        held = HeldResults(header)
        _fill(session, held, budget, evidence, progress)
        held.write_facts(_finished(session, header.facts, evidence, by))
        return replace(
            held.comparison(), networks=HeldNetworks(session, held.read_weights, held.answers, held.parts)
        )
    with Store(out, replace(header, origin=Origin.here(out).to_plain()), writing) as store:
        config = to_toml(plain_config(session.spec, asked, _chosen_names(session, store)))
        store.write_file("run.toml", lambda path: path.write_text(config, encoding="utf-8"))
        keys = _fill(session, store, budget, evidence, progress)
        facts = _finished(session, header.facts, evidence, by)
        _check(session, store, keys, facts, progress)
        comparison = store.comparison()
        _write_tables(store, comparison)
        _write_classes(session, store)
        networks = HeldNetworks(session, store.read_weights, store.answers, store.parts)
        _write_examples(session, store, replace(comparison, networks=networks))
        _write_plots(store, comparison)
        if pictures:
            progress.stage("painting what stitches into the receiver's input make")
            _paint(session, store, budget)
        _write_page(store, comparison)
        store.seal()
        folder = store.folder
    if writing is None and place_of(folder).pair:
        write_whole(folder.parent)
    networks = HeldNetworks(
        session,
        partial(read_weights, folder),
        partial(read_answers, folder),
        partial(read_parts, folder),
    )
    return replace(comparison, networks=networks)


def _chosen_names(session: Session, store: Store) -> Sequence[str]:
    """Return the names that somebody chose, now or when the folder was begun; else the roles."""
    networks = tuple(side.network.name for side in (session.pair.sender, session.pair.receiver))
    stored = store.names()
    return stored if session.named or stored != networks else ROLES


def _with_stored(
    session: Session, evidence: EvidenceSpec, out: str | Path
) -> tuple[Session, EvidenceSpec, set[tuple[str, CellKey]]]:
    """Return session and evidence with what a run folder was asked for before, and what it judged."""
    before = asked_of(out)
    if before is None or differing(before.facts, json.loads(json.dumps(session.identity))):
        return session, evidence, set()  # no run, or one that the store refuses and says why
    pair = session.pair
    cuts_of = {
        "sender": [cut.name for cut in pair.sender.cutting.cuts],
        "receiver": [cut.name for cut in pair.receiver.cutting.cuts],
    }
    spec = grown(before.spec, session.spec, cuts_of)
    judged = {(row["control"], _key_of(row)) for row in before.facts.get("kept", ())}
    return widened(session, spec), with_kinds(evidence, before.evidence), judged


def _key_of(row: Mapping[str, Any]) -> CellKey:
    return CellKey(row["sender_cut"], row["receiver_cut"], row["stitch"], row["seed"])


def _fill(
    session: Session, store: Keeps, budget: Budget, evidence: EvidenceSpec, progress: Progress
) -> dict[CellSpec, str]:
    """Fit and measure what is missing; return the keys of the cells of the spec."""
    keys = {cell: session.key(cell) for cell in session.cells}
    progress.start(len(keys), len(store.finished() & set(keys.values())))
    _fit(session, store, keys, budget, progress)
    store.write_baselines(_baselines(session))
    answers = store.answers()
    store.write_advantages(advantages({at: answers[at] for at in _places(session) if at in answers}))
    _measure(session, store, keys, evidence, progress)
    if "kept" in evidence.kinds:
        _keep(session, store, budget, evidence, progress)
    return keys


def ready(session: Session) -> None:
    """Build the networks of every control, so that a control that cannot be built fails before any write.

    Raises:
        InputError: a control cannot be built for these models.
    """
    for control in session.spec.controls:
        session.pair.sides(control, session.spec.seeds[0])


def _expect_pictures(session: Session, out: str | Path | None) -> None:
    data = session.pair.data
    if out is None:
        raise SpecError("expected a run folder and images for pictures, got no folder: give one as out")
    if data.train.images.ndim != 4:
        raise SpecError(
            f"expected a run folder and images for pictures, got data {data.name}, which are no images"
        )


def _fit(
    session: Session, store: Keeps, keys: Mapping[CellSpec, str], budget: Budget, progress: Progress
) -> None:
    """Fit, score and save the cells that a run still lacks."""
    finished = store.finished()
    missing = [cell for cell, key in keys.items() if key not in finished]
    real = {cell_spec(row): row.total_steps for row in store.comparison().cells if row.control == TRAINED}
    for fitted in fit_grid(session.pair, missing, session.spec.fit, budget, real):
        row = cell_row(fitted, _whole_receiver(session, fitted.spec))
        weights = fitted.stitch.state_dict()
        store.write_cell(keys[fitted.spec], row, weights, fitted.correct, draw=fitted.spec.draw)
        progress.cell(str(fitted.spec), row.score)


def _whole_receiver(session: Session, cell: CellSpec) -> Tensor | None:
    """Return the score of each held-out example by the whole receiver of a cell's grid."""
    _, receiver = session.pair.sides(cell.control, cell.seed, cell.draw)
    return receiver.own_scores


def _measure(
    session: Session,
    store: Keeps,
    keys: Mapping[CellSpec, str],
    evidence: EvidenceSpec,
    progress: Progress,
) -> None:
    """Measure the evidence that a run still lacks, from its saved stitches."""
    if not evidence.kinds:
        return
    measured = store.begin_evidence(evidence.n_examples, EVIDENCE_VERSION)
    scored = store.scored()
    asked = {
        cell: kinds for cell, key in keys.items() if key in scored and (kinds := kinds_of(cell, evidence))
    }
    missing = {
        cell: lacking
        for cell, kinds in asked.items()
        if (lacking := tuple(kind for kind in kinds if (keys[cell], kind) not in measured))
    }
    _announce(progress, len(asked), len(asked) - len(missing))
    stitches = {cell: _saved_stitch(session, store, cell, keys[cell]) for cell in missing}
    for cell, measurements in measure_cells(session.pair, stitches, missing, evidence.n_examples):
        store.write_evidence(
            keys[cell],
            missing[cell],
            evidence_rows(cell, measurements),
            evidence.n_examples,
            EVIDENCE_VERSION,
            parts_of(measurements),
        )
        progress.measured(str(cell))


def _keep(session: Session, store: Keeps, budget: Budget, evidence: EvidenceSpec, progress: Progress) -> None:
    """Compute what every cell keeps; draw untrained senders where the verdict asks what was learnt.

    Three are drawn for a cell that is at least *partly*, and two more where three leave it unclear.
    """
    _write_kept(session, store)
    control = untrained_control(session)
    if control is None:
        return
    n_draws: dict[CellKey, int] = {}
    for draws in DRAWS:
        comparison = store.comparison()
        asked = [
            cell_spec(row)
            for row in comparison.cells
            if row.control == TRAINED
            and asks_for_draws(comparison.verdicts().get(row.key), first=draws[0] == 0)
        ]
        if not asked:
            return
        drawn = [replace(cell, control=control, draw=draw) for cell in asked for draw in draws]
        keys = {cell: session.key(cell) for cell in drawn}
        only = replace(evidence, kinds=("kept",))
        done = len(store.finished() & set(keys.values()))
        progress.start(len(keys), done, "fitting stitches to untrained senders")
        _fit(session, store, keys, budget, progress)
        _measure(session, store, keys, only, progress)
        n_draws |= {cell_key(cell): draws[-1] + 1 for cell in asked}
        _write_kept(session, store, control, n_draws)


def _write_kept(
    session: Session, store: Keeps, untrained: str | None = None, n_draws: Mapping[CellKey, int] | None = None
) -> None:
    """Write what every cell keeps.

    Args:
        session, store: the run.
        untrained: the control whose draws trained senders are compared with.
        n_draws: by cell, how many of its draws are read. A run that was resumed or has grown may have drawn
            more, and must give the numbers of a run that was not.
    """
    parts = store.parts()
    parts = {at: parts[at] for at in _places(session) if at in parts}
    drawn = {} if untrained is None else store.drawn_parts(untrained, n_draws or {})
    drawn = {key: drawn[key] for control, key in parts if control == TRAINED and key in drawn}
    store.write_kept(kept_rows(parts, drawn, untrained, _narrow(session)))


def _places(session: Session) -> list[tuple[str, CellKey]]:
    """Return the cells of the spec in their order, whatever order they were finished in."""
    return [(cell.control, cell_key(cell)) for cell in session.cells]


def _narrow(session: Session) -> set[tuple[str, str]]:
    """Return (receiver cut, stitch) where the receiver's own representation cannot pass whole."""
    receiver, spec = session.pair.receiver, session.spec
    return {
        (name, stitch.label)
        for name in spec.receiver_cuts
        for stitch in spec.stitches
        if not stitch.passes_whole(receiver.cut(name).layout.n_features)
    }


def _saved_stitch(session: Session, store: Keeps, cell: CellSpec, key: str) -> Stitch:
    """Return the stitch of a finished cell from its file, on the device of the data."""
    stitch = build(cell.stitch, *session.pair.layouts(cell))
    stitch.load_state_dict(store.read_weights(key))
    return stitch.to(session.pair.data.heldout.images.device)


def _announce(progress: Progress, total: int, done: int) -> None:
    if total:
        progress.start(total, done, "measuring evidence")


def _check(
    session: Session, store: Store, keys: Mapping[CellSpec, str], facts: RunFacts, progress: Progress
) -> None:
    """Read every stitch file, score one cell of each grid again from its file, and record how many."""
    progress.stage("checking that the reloaded stitches give the same scores")
    rows = {cell_spec(row): row for row in store.comparison().cells}
    chosen: dict[tuple[str, StitchSpec], CellSpec] = {}
    for cell, key in keys.items():
        store.read_weights(key)
        if rows[cell].score is not None:
            chosen.setdefault((cell.control, cell.stitch), cell)
    for cell in chosen.values():
        again = score_again(session, cell, _saved_stitch(session, store, cell, keys[cell]))
        if again != rows[cell].score:
            raise TruthError(
                f"cell {cell}: reloaded from its file it scores {again}, "
                f"when it was fitted {rows[cell].score}"
            )
    store.write_facts(replace(facts, reloaded_cells=len(chosen)))


def _memory(session: Session, budget: Budget) -> MemoryFacts | None:
    if budget.total is None:
        return None
    return MemoryFacts(bound=budget.total, needed=needed_bytes(session))


def _finished(session: Session, facts: RunFacts, evidence: EvidenceSpec, by: str) -> RunFacts:
    """Return the facts with who made the run, the yardstick, and the most memory that the run took."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    facts = replace(facts, made=RunMade(by=by, when=now))
    if "kept" in evidence.kinds:
        pair = session.pair
        facts = replace(facts, yardstick=yardstick(pair.sender, pair.receiver, evidence.n_examples))
    if facts.memory is None:
        return facts
    return replace(facts, memory=replace(facts.memory, peak=peak_bytes()))


def score_again(session: Session, cell: CellSpec, stitch: Stitch) -> float:
    """Return the held-out score of a cell with a given stitch, as it was scored when it was fitted."""
    sender, receiver = session.pair.sides(cell.control, cell.seed, cell.draw)
    fit = session.spec.fit
    name = sender.cut(cell.sender_cut).name
    provided = Representations(
        sender, (name,), "held-out", "recompute", torch.float32, not fit.accelerate
    ).at(name)
    suffix = scoring_suffix(receiver, cell.receiver_cut, fit)
    return mean_score(score(stitch, receiver, suffix, provided, session.pair.data.task))


def _write_tables(store: Store, comparison: Comparison) -> None:
    cells = comparison.to_frame()
    store.write_file("cells.parquet", lambda path: cells.to_parquet(path, index=False))
    _write_table(store, "cells.csv", cells)
    _write_table(store, "advantages.csv", comparison.advantage_frame())
    _write_table(store, "evidence.csv", comparison.evidence_frame())
    _write_table(store, "errors.csv", comparison.error_table())
    _write_table(store, "verdicts.csv", comparison.verdict_frame())
    if comparison.has_curves:
        _write_table(store, "capacity.csv", comparison.capacity_frame())


def _write_classes(session: Session, store: Store) -> None:
    """Write what each cell of the pair changes for each class; nothing for scores that are no answers."""
    pair = session.pair
    whole, data = pair.receiver.own_scores, pair.data
    if whole is None or whole.dtype != torch.bool or not data.task.has_classes or data.task.by_position:
        return
    labels, own = data.heldout.labels.cpu().numpy(), whole.cpu().numpy()
    answers = store.answers()
    rows = [
        row
        for control, key in _places(session)
        if control == TRAINED and (control, key) in answers
        for row in changes_of(key, data.classes, labels, own, answers[control, key].astype(bool))
    ]
    store.write_file(CLASSES_FILE, lambda path: write_changes(rows, path))


def _write_examples(session: Session, store: Store, comparison: Comparison) -> None:
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


def _write_plots(store: Store, comparison: Comparison) -> None:
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


def _write_page(store: Store, comparison: Comparison) -> None:
    beyond = _beyond(comparison, store)
    text = page(comparison, strips=read_strips(store.folder), beyond=beyond, folder=store.folder)
    store.write_file("report.html", lambda path: path.write_text(text, encoding="utf-8", errors="replace"))


def _paint(session: Session, store: Store, budget: Budget) -> None:
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


def _header(session: Session, memory: MemoryFacts | None) -> Header:
    pair = session.pair
    return Header(
        sender=pair.sender.network.name,
        receiver=pair.receiver.network.name,
        data=pair.data.name,
        spec=session.spec,
        facts=_facts(session, memory),
        identity=session.identity,
        named=session.named,
    )


def _facts(session: Session, memory: MemoryFacts | None) -> RunFacts:
    from modelstitch import __version__

    data = session.pair.data
    return RunFacts(
        n_classes=len(data.classes),
        chance=data.task.chance(data.heldout.targets_for(data.task)),
        task=data.task.name,
        score_name=data.task.score_name,
        labels=None if data.finest is None else data.finest.by.name,
        n_train=len(data.train),
        n_heldout=len(data.heldout),
        unscored=data.unscored,
        division=data.division,
        data_content=session.identity["data_content"],
        n_cells=len(session.cells),
        device=str(data.train.images.device),
        versions=Versions(
            modelstitch=__version__, torch=str(torch.__version__), python=platform.python_version()
        ),
        memory=memory,
        copies=session.pair.pool.copies(session.pair.sender, session.pair.receiver),
        pair=replace(session.facts, untrained=_untrained(session)),
    )


def _untrained(session: Session) -> BySide[Drawn | None]:
    """Return what was not drawn in the untrained copies of a run, which is the same with every seed."""
    controls = [control for control in session.spec.controls if CONTROLS[control].random]
    return BySide(*session.pair.drawn(controls, session.spec.seeds[0]))


def _baselines(session: Session) -> list[Baseline]:
    return [
        Baseline(role=role, control=control, seed=seed, score=side.accuracy(), digest=side.digest)
        for control in session.spec.controls
        for seed in session.spec.seeds
        for role, side in zip(("sender", "receiver"), session.pair.sides(control, seed), strict=True)
    ]
