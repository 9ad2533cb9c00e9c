"""Fit what may be worth reusing, the cheap before the dear: costs, least squares, the task, controls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch

from modelstitch.adoption.candidates.candidate import Whole, front
from modelstitch.adoption.candidates.constraints import Constraints
from modelstitch.adoption.candidates.reuse import (
    MOST_NAMED,
    ReusePlace,
    expect_choosable,
    load_at,
    replaces,
)
from modelstitch.adoption.division import divide_heldout
from modelstitch.adoption.work import whole_load
from modelstitch.grid.grid import Budget
from modelstitch.results.comparison import Comparison
from modelstitch.runs.memory import affordable, completed
from modelstitch.runs.prepare import widened
from modelstitch.runs.run import run
from modelstitch.runs.session import Session
from modelstitch.specs import CONTROLS, TRAINED, CellSpec, EvidenceSpec
from modelstitch.util.progress import SILENT, Progress

MOST_FITTED = 25
"""Cells that are all fitted to the task; of more, those with the best least squares are."""


def search(
    session: Session,
    *,
    out: str | Path,
    budget: Budget,
    evidence: EvidenceSpec,
    constraints: Constraints | None = None,
    progress: Progress = SILENT,
) -> Comparison:
    """Fit the cells that cost less than a network that they could replace; judge the best of them.

    1. Cells that cost no less than the receiver or the sender are not fitted; where all do, nothing is fitted
       or written.
    2. Of more than 25, the 25 with the best score of a ``match`` stitch on the choosing examples go on.
    3. These are fitted to the task, with the first seed.
    4. The Pareto front of score against multiply-adds on the choosing examples gets all seeds, controls and
       evidence.

    Args:
        session: networks, data, cuts, stitches, seeds and controls.
        constraints: what is asked for; bounds that contradict each other are refused before any fit.
        out: run folder, from which the second look goes on where the first ended.
        budget, evidence, progress: as for :func:`modelstitch.runs.run.run`.

    Raises:
        SpecError: no room for evidence, bounds that contradict each other, or networks or a task that cannot
            have candidates.
        DataError: too few held-out examples to choose and to confirm.
    """
    spec, pair = session.spec, session.pair
    expect_choosable(pair.sender, pair.receiver)
    real = [cell for cell in session.cells if cell.control == TRAINED and cell.seed == spec.seeds[0]]
    loads = {
        _place(cell): load_at(pair.sender, pair.receiver, cell.sender_cut, cell.receiver_cut, cell.stitch)
        for cell in real
    }
    wholes = {role: _cost(session, role) for role in ("sender", "receiver")}
    replaced = {place: replaces(load, wholes) for place, load in loads.items()}
    cheap = {place for place in loads if replaced[place] is not None}
    if constraints is not None:
        constraints.expect_possible([(loads[place], wholes[str(replaced[place])].load) for place in cheap])
    if not cheap:
        # Nothing is worth fitting, which is an answer: a run without a cell, in memory.
        return run(session, budget=budget, only=lambda _: False, measure=False, progress=progress)
    affordable(session, completed(session, evidence), budget.total)  # refused before anything is fitted
    if len(cheap) > MOST_FITTED:
        cheap = _best_by_match(session, cheap, budget, progress)
    seed = spec.seeds[0]
    first = replace(spec, controls=(TRAINED,), seeds=(seed,))
    fitted = run(
        widened(session, first),
        out=out,
        budget=budget,
        measure=False,
        # A folder of an earlier look has seeds and controls already: they are for the front alone.
        only=lambda cell: (cell.control, cell.seed) == (TRAINED, seed) and _place(cell) in cheap,
        progress=progress,
    )
    scores = _choosing(fitted, session, seed)
    known = [place for place in loads if place in cheap and place in scores]
    points = [(loads[place].multiply_adds, scores[place]) for place in known]
    named = {known[at] for at in front(points)[-MOST_NAMED:]}
    return run(
        session,
        out=out,
        budget=budget,
        evidence=evidence,
        only=lambda cell: _belongs(cell, named),
        progress=progress,
    )


def _place(cell: CellSpec) -> ReusePlace:
    return cell.sender_cut, cell.receiver_cut, cell.stitch.label


def _belongs(cell: CellSpec, named: set[ReusePlace]) -> bool:
    """Tell whether a cell is of the front, or of a control of it."""
    if CONTROLS[cell.control].self_stitch:
        at = {(receiver, stitch) for _, receiver, stitch in named}
        return cell.sender_cut == cell.receiver_cut and (cell.receiver_cut, cell.stitch.label) in at
    return _place(cell) in named


def _cost(session: Session, role: str) -> Whole:
    side = session.pair.sender if role == "sender" else session.pair.receiver
    score = None if side.own_scores is None else (0.0, 0.0, 0.0)
    return Whole(name=role, score=score, load=whole_load(side), size_bytes=0, latency={}, memory={})


def _best_by_match(
    session: Session, cheap: set[ReusePlace], budget: Budget, progress: Progress
) -> set[ReusePlace]:
    """Return the 25 places whose least-squares stitch scores best on the choosing examples."""
    spec = session.spec
    fit = replace(spec.fit, objective="match")
    stitches = tuple(replace(stitch, objective=None) for stitch in spec.stitches)
    by_match = replace(spec, fit=fit, stitches=stitches, controls=(TRAINED,), seeds=spec.seeds[:1])
    screened = run(
        widened(session, by_match),
        budget=budget,
        measure=False,
        only=lambda cell: _place(cell) in cheap,
        progress=progress,
    )
    scores = _choosing(screened, session, spec.seeds[0])
    return set(sorted(cheap, key=lambda place: -scores.get(place, -1.0))[:MOST_FITTED])


def _choosing(comparison: Comparison, session: Session, seed: int) -> Mapping[ReusePlace, float]:
    """Return the score of each place with a seed on the choosing examples."""
    assert comparison.networks is not None
    division = divide_heldout(session.pair.data)
    return {
        (key.sender_cut, key.receiver_cut, key.stitch): float(
            torch.from_numpy(each[division.choose.numpy()] * 1.0).mean()
        )
        for (control, key), each in comparison.networks.answers().items()
        if (control, key.seed) == (TRAINED, seed)
    }
