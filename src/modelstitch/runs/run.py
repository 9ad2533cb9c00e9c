"""Run a session: fit and save what is missing, measure evidence, check the saved run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from modelstitch.errors import SpecError
from modelstitch.grid.grid import Budget
from modelstitch.results.comparison import Comparison
from modelstitch.results.from_cells import cell_key
from modelstitch.results.rows import CellKey
from modelstitch.runs.at_once import workers_of
from modelstitch.runs.check import check_saved
from modelstitch.runs.database import Writing
from modelstitch.runs.fill import fill
from modelstitch.runs.finish import (
    paint_pictures,
    write_classes,
    write_examples,
    write_page,
    write_plots,
    write_tables,
)
from modelstitch.runs.growth import differing, grown, with_kinds
from modelstitch.runs.header import finished_facts, header_of, memory_facts
from modelstitch.runs.held import HeldResults
from modelstitch.runs.memory import affordable, completed
from modelstitch.runs.networks import HeldNetworks
from modelstitch.runs.pairs import write_whole
from modelstitch.runs.place import place_of
from modelstitch.runs.prepare import widened
from modelstitch.runs.reader import asked_of, read_answers, read_parts, read_weights
from modelstitch.runs.session import Session
from modelstitch.runs.sources import Origin
from modelstitch.runs.store import Store
from modelstitch.specs import CellSpec, EvidenceSpec
from modelstitch.specs.config import ROLES, plain_config, to_toml
from modelstitch.util.cores import n_cores
from modelstitch.util.progress import SILENT, Progress
from modelstitch.util.workers import Workers, threads_of_torch
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
    workers: Workers | None = None
    if out is not None:
        session, evidence, kept, workers = _with_stored(session, evidence, out)
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
    workers = workers or workers_of(session, n_cores(), budget)
    with threads_of_torch(workers.threads):
        ready(session)
    memory = memory_facts(session, budget)
    if memory is not None and memory.needed > memory.bound:
        progress.warn(say("limit.memory_beforehand", bound=memory.bound / 1e9, needed=memory.needed / 1e9))
    header = header_of(session, memory, workers)
    if out is None:
        held = HeldResults(header)
        with threads_of_torch(workers.threads):
            fill(session, held, budget, evidence, progress, workers)
        held.write_facts(finished_facts(session, header.facts, evidence, by))
        return replace(
            held.comparison(), networks=HeldNetworks(session, held.read_weights, held.answers, held.parts)
        )
    with Store(out, replace(header, origin=Origin.here(out).to_plain()), writing) as store:
        config = to_toml(plain_config(session.spec, asked, _chosen_names(session, store)))
        store.write_file("run.toml", lambda path: path.write_text(config, encoding="utf-8"))
        with threads_of_torch(workers.threads):
            keys = fill(session, store, budget, evidence, progress, workers)
            facts = finished_facts(session, header.facts, evidence, by)
            check_saved(session, store, keys, facts, progress)
        comparison = store.comparison()
        write_tables(store, comparison)
        write_classes(session, store)
        networks = HeldNetworks(session, store.read_weights, store.answers, store.parts)
        write_examples(session, store, replace(comparison, networks=networks))
        write_plots(store, comparison)
        if pictures:
            progress.stage("painting what stitches into the receiver's input make")
            paint_pictures(session, store, budget)
        write_page(store, comparison)
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
) -> tuple[Session, EvidenceSpec, set[tuple[str, CellKey]], Workers | None]:
    """Return session and evidence with what a run folder was asked for before, what it judged, and how."""
    before = asked_of(out)
    if before is None or differing(before.facts, json.loads(json.dumps(session.identity))):
        return session, evidence, set(), None  # no run, or one that the store refuses and says why
    pair = session.pair
    cuts_of = {
        "sender": [cut.name for cut in pair.sender.cutting.cuts],
        "receiver": [cut.name for cut in pair.receiver.cutting.cuts],
    }
    spec = grown(before.spec, session.spec, cuts_of)
    judged = {(row["control"], _key_of(row)) for row in before.facts.get("kept", ())}
    workers = before.facts["facts"].get("workers")
    stored = None if workers is None else Workers(**workers)
    return widened(session, spec), with_kinds(evidence, before.evidence), judged, stored


def _key_of(row: Mapping[str, Any]) -> CellKey:
    return CellKey(row["sender_cut"], row["receiver_cut"], row["stitch"], row["seed"])


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
