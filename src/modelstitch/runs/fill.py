"""What a run does to its store: fit what is missing, measure it, draw untrained senders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from modelstitch.evidence.measure import kinds_of, measure_cells
from modelstitch.grid.grid import Budget, fit_grid
from modelstitch.results.from_cells import cell_key, cell_row, cell_spec, evidence_rows, parts_of
from modelstitch.results.kept import kept_rows
from modelstitch.results.rows import Baseline, CellKey
from modelstitch.results.simultaneous import advantages
from modelstitch.results.verdicts import asks_for_draws
from modelstitch.runs.at_once import measuring_workers
from modelstitch.runs.held import Keeps
from modelstitch.runs.session import Session
from modelstitch.runs.untrained import DRAWS, untrained_control
from modelstitch.specs import EVIDENCE_VERSION, TRAINED, CellSpec, EvidenceSpec
from modelstitch.stitches import Stitch, build
from modelstitch.util.progress import Progress
from modelstitch.util.workers import Workers


def fill(
    session: Session,
    store: Keeps,
    budget: Budget,
    evidence: EvidenceSpec,
    progress: Progress,
    workers: Workers | None = None,
) -> dict[CellSpec, str]:
    """Fit and measure what is missing; return the keys of the cells of the spec."""
    keys = {cell: session.key(cell) for cell in session.cells}
    progress.start(len(keys), len(store.finished() & set(keys.values())))
    _fit(session, store, keys, budget, progress, workers)
    store.write_baselines(_baselines(session))
    answers = store.answers()
    store.write_advantages(advantages({at: answers[at] for at in places_of(session) if at in answers}))
    _measure(session, store, keys, evidence, progress, workers)
    if "kept" in evidence.kinds:
        _keep(session, store, budget, evidence, progress, workers)
    return keys


def _fit(
    session: Session,
    store: Keeps,
    keys: Mapping[CellSpec, str],
    budget: Budget,
    progress: Progress,
    workers: Workers | None,
) -> None:
    """Fit, score and save the cells that a run still lacks."""
    finished = store.finished()
    missing = [cell for cell, key in keys.items() if key not in finished]
    real = {cell_spec(row): row.total_steps for row in store.comparison().cells if row.control == TRAINED}
    for fitted in fit_grid(session.pair, missing, session.spec.fit, budget, real, workers):
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
    workers: Workers | None,
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
    stitches = {cell: saved_stitch(session, store, cell, keys[cell]) for cell in missing}
    at_once = None if workers is None else measuring_workers(session, evidence, workers)
    found = measure_cells(session.pair, stitches, missing, evidence.n_examples, workers=at_once)
    for cell, measurements in found:
        store.write_evidence(
            keys[cell],
            missing[cell],
            evidence_rows(cell, measurements),
            evidence.n_examples,
            EVIDENCE_VERSION,
            parts_of(measurements),
        )
        progress.measured(str(cell))


def _keep(
    session: Session,
    store: Keeps,
    budget: Budget,
    evidence: EvidenceSpec,
    progress: Progress,
    workers: Workers | None,
) -> None:
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
        _fit(session, store, keys, budget, progress, workers)
        _measure(session, store, keys, only, progress, workers)
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
    parts = {at: parts[at] for at in places_of(session) if at in parts}
    drawn = {} if untrained is None else store.drawn_parts(untrained, n_draws or {})
    drawn = {key: drawn[key] for control, key in parts if control == TRAINED and key in drawn}
    store.write_kept(kept_rows(parts, drawn, untrained, _narrow(session)))


def places_of(session: Session) -> list[tuple[str, CellKey]]:
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


def saved_stitch(session: Session, store: Keeps, cell: CellSpec, key: str) -> Stitch:
    """Return the stitch of a finished cell from its file, on the device of the data."""
    stitch = build(cell.stitch, *session.pair.layouts(cell))
    stitch.load_state_dict(store.read_weights(key))
    return stitch.to(session.pair.data.heldout.images.device)


def _announce(progress: Progress, total: int, done: int) -> None:
    if total:
        progress.start(total, done, "measuring evidence")


def _baselines(session: Session) -> list[Baseline]:
    return [
        Baseline(role=role, control=control, seed=seed, score=side.accuracy(), digest=side.digest)
        for control in session.spec.controls
        for seed in session.spec.seeds
        for role, side in zip(("sender", "receiver"), session.pair.sides(control, seed), strict=True)
    ]
