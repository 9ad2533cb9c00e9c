"""A finished run is checked: every stitch file is read, and some cells are scored again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch

from modelstitch.errors import TruthError
from modelstitch.grid.cell import score, scoring_suffix
from modelstitch.grid.representations import Representations
from modelstitch.results.facts import RunFacts
from modelstitch.results.from_cells import cell_spec
from modelstitch.runs.fill import saved_stitch
from modelstitch.runs.session import Session
from modelstitch.runs.store import Store
from modelstitch.specs import CellSpec, StitchSpec
from modelstitch.stitches import Stitch
from modelstitch.tasks import mean_score
from modelstitch.util.progress import Progress


def check_saved(
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
        again = score_again(session, cell, saved_stitch(session, store, cell, keys[cell]))
        if again != rows[cell].score:
            raise TruthError(
                f"cell {cell}: reloaded from its file it scores {again}, "
                f"when it was fitted {rows[cell].score}"
            )
    store.write_facts(replace(facts, reloaded_cells=len(chosen)))


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
