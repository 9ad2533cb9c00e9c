"""What is recorded of a run: before any cell, and when it is finished."""

from __future__ import annotations

import platform
from dataclasses import replace
from datetime import UTC, datetime

import torch

from modelstitch.evidence.yardstick import yardstick
from modelstitch.grid.grid import Budget
from modelstitch.models.drawn import Drawn
from modelstitch.results.facts import BySide, MemoryFacts, RunFacts, RunMade, Versions
from modelstitch.runs.held import Header
from modelstitch.runs.memory import needed_bytes
from modelstitch.runs.session import Session
from modelstitch.specs import CONTROLS, EvidenceSpec
from modelstitch.util.memory_use import peak_bytes
from modelstitch.util.workers import Workers


def memory_facts(session: Session, budget: Budget) -> MemoryFacts | None:
    if budget.total is None:
        return None
    return MemoryFacts(bound=budget.total, needed=needed_bytes(session))


def finished_facts(session: Session, facts: RunFacts, evidence: EvidenceSpec, by: str) -> RunFacts:
    """Return the facts with who made the run, the yardstick, and the most memory that the run took."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    facts = replace(facts, made=RunMade(by=by, when=now))
    if "kept" in evidence.kinds:
        pair = session.pair
        facts = replace(facts, yardstick=yardstick(pair.sender, pair.receiver, evidence.n_examples))
    if facts.memory is None:
        return facts
    return replace(facts, memory=replace(facts.memory, peak=peak_bytes()))


def header_of(session: Session, memory: MemoryFacts | None, workers: Workers | None = None) -> Header:
    pair = session.pair
    return Header(
        sender=pair.sender.network.name,
        receiver=pair.receiver.network.name,
        data=pair.data.name,
        spec=session.spec,
        facts=replace(_facts(session, memory), workers=workers),
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
