"""How long a run takes, from a trial of a few of its places: fits, controls, evidence and report are real.

A place is a pair of cuts with all that a run does there: every control, stitch and seed. What is done once
(capture, checks, the receiver's own representations, the page) is timed by itself.
"""

from __future__ import annotations

import contextlib
import math
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from modelstitch.grid.grid import Budget
from modelstitch.runs.run import run
from modelstitch.runs.session import Session
from modelstitch.specs import CONTROLS, TRAINED, CellSpec, EvidenceSpec

LEAST_SECONDS = 10.0
"""A trial may take so long, or a tenth of the run, whichever is more."""

_SHARE = 0.1
_FEWEST, _MOST = 2, 6
_APART = (0.65, 1.6)
"""Least range of a trial of few places: others may need other numbers of steps."""

_SOLVED_APART = (0.45, 1.6)
"""The same where no cell takes a step: the most of a place is what it shares with places of the same cut."""

Clock = Callable[[], float]
TriedPlace = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class TimeRange:
    """How long a run is expected to take.

    Attributes:
        low, high: seconds of the whole command, start and report included.
        once: of these, seconds for what is done once.
        n_tried: places that were tried, of ``n_places``.
        n_places: of the run.
        trial: seconds that the trial took.
    """

    low: float
    high: float
    once: float
    n_tried: int
    n_places: int
    trial: float


def time_range(
    session: Session,
    budget: Budget,
    evidence: EvidenceSpec,
    started: float,
    clock: Clock = time.perf_counter,
) -> TimeRange:
    """Return how long a run takes, from a trial of some of its places; a folder for it is taken away again.

    Args:
        session: what to run.
        budget: how much of the representations may be kept.
        evidence: what to measure.
        started: reading of the clock when the command began; the start and the checks count from there.
        clock: in seconds; that of the processor where a machine does other things, too.
    """
    prepared = clock() - started
    places = list(dict.fromkeys((cell.sender_cut, cell.receiver_cut) for cell in _real(session)))
    random.Random(0).shuffle(places)
    seconds: list[float] = []
    begin = clock()
    for place in places[:_MOST]:
        before = clock()
        # The first place pays for what is done once, the files and the page of a run folder among it.
        with tempfile.TemporaryDirectory() if not seconds else contextlib.nullcontext() as scratch:
            out = None if scratch is None else Path(scratch) / "run"
            run(_only(session, place), out=out, budget=budget, evidence=evidence)
        taken = clock() - before
        seconds.append(taken)
        spent = clock() - begin
        if len(seconds) >= _FEWEST and spent + taken > max(LEAST_SECONDS, _SHARE * taken * len(places)):
            break
        if spent + taken > 3 * max(LEAST_SECONDS, _SHARE * taken * len(places)):
            break
    of_place, low, high = _spread(seconds, _SOLVED_APART if _is_solved(session) else _APART)
    shared = max(0.0, seconds[0] - of_place) if len(seconds) > 1 else 0.0
    once = prepared + shared
    return TimeRange(
        low=once + low * len(places),
        high=once + high * len(places),
        once=once,
        n_tried=len(seconds),
        n_places=len(places),
        trial=clock() - begin,
    )


def _is_solved(session: Session) -> bool:
    """Tell whether no stitch of the real grid is fitted by steps."""
    fit = session.spec.fit
    return all(
        not cell.stitch.info.has_parameters or (fit.least_squares and cell.stitch.is_solved(cell.objective))
        for cell in _real(session)
    )


def _spread(seconds: Sequence[float], apart: tuple[float, float]) -> tuple[float, float, float]:
    """Return seconds of one place with a range; the first place of several pays for what all share."""
    usual = list(seconds[1:]) or list(seconds)
    middle = statistics.fmean(usual)
    error = 2 * statistics.stdev(usual) / math.sqrt(len(usual)) if len(usual) > 1 else 0.0
    low, high = apart
    return middle, min(low * middle, middle - error), max(high * middle, middle + error)


def _real(session: Session) -> list[CellSpec]:
    return [cell for cell in session.cells if cell.control == TRAINED] or list(session.cells)


def _only(session: Session, place: TriedPlace) -> Session:
    """Return the session of one place: its cells of every control, and what a verdict on them reads."""
    sender, receiver = place

    def belongs(cell: CellSpec) -> bool:
        if cell.receiver_cut != receiver:
            return False
        own = CONTROLS[cell.control].self_stitch and cell.sender_cut == receiver
        return cell.sender_cut == sender or own

    return replace(session, cells=tuple(cell for cell in session.cells if belongs(cell)))
