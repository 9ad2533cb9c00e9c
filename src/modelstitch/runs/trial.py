"""How long a run takes, from a trial of a few of its places: fits, controls, evidence and report are real.

A place is a pair of cuts with all that a run does there: every control, stitch and seed. What is done once
(capture, checks, the page) is timed by itself. A trial ends at its bound, within a place too; the range is
the wider, the less was tried.
"""

from __future__ import annotations

import contextlib
import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from modelstitch.grid.grid import Budget
from modelstitch.runs.at_once import workers_of
from modelstitch.runs.estimate import RunCost
from modelstitch.runs.run import run
from modelstitch.runs.session import Session
from modelstitch.runs.trial_watch import Clock, PlaceTime, SpentError, TrialWatch
from modelstitch.specs import CONTROLS, TRAINED, CellSpec, EvidenceSpec
from modelstitch.util.cores import n_cores

LEAST_SECONDS = 10.0
"""A dry run may take so long from the start of its command, or a tenth of the run, whichever is more."""

_SHARE = 0.1
_AIM = 0.9  # part of the bound: a cell may take longer than those before it
_ENOUGH, _MOST = 3, 6
_ONCE = (0.8, 1.3)
_FITTED = ((0.5, 1.25), (0.35, 1.9))
"""Least and most, by seconds of the trial: of what was tried, and of the other places.

The least is low, since a trial measures anew for each place what a run measures once for each cut.
"""

_SOLVED = ((0.4, 1.25), (0.4, 1.7))
"""The same where no cell takes a step: the most of a place is what it shares with places of the same cut."""

_FEW = (0.25, 2.6)
"""The same of the other places, and of the rest of one that was left, where few were tried."""

_UNTRIED = (0.3, 3.0)
"""The same of what single steps say, where no place was tried."""

TriedPlace = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class TimeRange:
    """How long a run is expected to take.

    Attributes:
        low, high: seconds of the whole command, start and report included.
        once: of these, seconds for what is done once.
        n_tried: places that were tried from beginning to end, of ``n_places``.
        n_places: of the run.
        in_part: whether one more was begun, and left at the bound.
        trial: seconds that the whole dry run took, from the start of the command.
    """

    low: float
    high: float
    once: float
    n_tried: int
    n_places: int
    in_part: bool
    trial: float


def time_range(
    session: Session,
    budget: Budget,
    evidence: EvidenceSpec,
    cost: RunCost,
    *,
    started: float,
    prepared: float,
    clock: Clock = time.perf_counter,
) -> TimeRange:
    """Return how long a run takes, from a trial of some of its places; a folder for it is taken away again.

    Args:
        session: what to run.
        budget: how much of the representations may be kept.
        evidence: what to measure.
        cost: what single steps say of the run.
        started: reading of the clock when the command began.
        prepared: seconds from there until the session was ready: loading, capture and checks.
        clock: in seconds; that of the processor where a machine does other things, too.
    """
    places = spread_places(_real(session))
    a_cell = (cost.seconds + cost.evidence_seconds) / max(1, len(session.cells))
    tried: dict[TriedPlace, PlaceTime] = {}
    for place in list(places)[:_MOST]:
        one = _only(session, place)
        known = expected(tried, places) if tried else a_cell * len(session.cells)
        watch = TrialWatch(clock, started + _AIM * max(LEAST_SECONDS, _SHARE * (prepared + known)))
        # A cell cannot be left half-way, so none is begun that would end beyond the bound.
        if watch.left() < max([a_cell, *(each.a_cell for each in tried.values())]):
            break
        # The first place pays for what is done once, the files and the page of a run folder among it.
        with tempfile.TemporaryDirectory() if not tried else contextlib.nullcontext() as scratch:
            out = None if scratch is None else Path(scratch) / "run"
            with contextlib.suppress(SpentError):
                run(one, out=out, budget=budget, evidence=evidence, progress=watch)
                watch.ended()
        like = next(iter(tried.values()), None)
        tried[place] = watch.place_time(len(one.cells), a_cell, cost.evidence_share, like)
        if not tried[place].is_whole:
            break
    return _range(session, budget, places, tried, cost, prepared, clock() - started)


def _range(
    session: Session,
    budget: Budget,
    places: Mapping[TriedPlace, tuple[float, float]],
    tried: Mapping[TriedPlace, PlaceTime],
    cost: RunCost,
    prepared: float,
    trial: float,
) -> TimeRange:
    n_whole = sum(each.is_whole for each in tried.values())
    if tried:
        (seen_low, seen_high), guessed = _SOLVED if _is_solved(session) else _FITTED
        low, high = guessed if n_whole >= min(_ENOUGH, len(places)) else _FEW
        once = next(iter(tried.values())).once
        seen = sum(each.seen for each in tried.values())
        others = expected(tried, places) - seen
    else:
        (low, high), once, seen, seen_low, seen_high = _UNTRIED, 0.0, 0.0, 0.0, 0.0
        others = cost.seconds + cost.evidence_seconds
    drawn = 0.0 if n_whole else cost.drawn_seconds
    # A place has few cells to fit side by side; a run may have enough for all cores.
    at_once = workers_of(session, n_cores(), budget).count
    return TimeRange(
        low=prepared + once * _ONCE[0] + (seen * seen_low + others * low) / at_once,
        high=prepared + once * _ONCE[1] + seen * seen_high + (others + drawn) * high,
        once=prepared + once,
        n_tried=n_whole,
        n_places=len(places),
        in_part=n_whole < len(tried),
        trial=trial,
    )


def spread_places(cells: Sequence[CellSpec]) -> dict[TriedPlace, tuple[float, float]]:
    """Return the places of some cells with their depths from 0 to 1, those first that are furthest apart.

    The first goes from the first sender cut to the last receiver cut, the second the other way round: a late
    sender layer into an early receiver layer takes the longest fit.

    Example:
        >>> cuts = "abc"
        >>> cells = [CellSpec(sender_cut=one, receiver_cut=other) for one in cuts for other in cuts]
        >>> list(spread_places(cells))[:5]
        [('a', 'c'), ('c', 'a'), ('a', 'a'), ('c', 'c'), ('b', 'b')]
    """
    senders = list(dict.fromkeys(cell.sender_cut for cell in cells))
    receivers = list(dict.fromkeys(cell.receiver_cut for cell in cells))
    depth = {
        (cell.sender_cut, cell.receiver_cut): (
            senders.index(cell.sender_cut) / max(1, len(senders) - 1),
            receivers.index(cell.receiver_cut) / max(1, len(receivers) - 1),
        )
        for cell in cells
    }
    left = sorted(depth, key=lambda place: depth[place][0] - depth[place][1])
    chosen = left[:1]
    while len(chosen) < len(depth):
        chosen.append(
            max(
                (place for place in left if place not in chosen),
                key=lambda place: min(math.dist(depth[place], depth[other]) for other in chosen),
            )
        )
    return {place: depth[place] for place in chosen}


def expected(
    tried: Mapping[TriedPlace, PlaceTime], places: Mapping[TriedPlace, tuple[float, float]]
) -> float:
    """Return the seconds of all places that a trial of some leads to expect, less what is done once.

    Seconds of a place that was not tried are between those of the tried ones, on a scale of ratios, by the
    inverse square of the distance of their depths.

    Example:
        >>> places = {("a", "c"): (0.0, 1.0), ("c", "a"): (1.0, 0.0), ("b", "b"): (0.5, 0.5)}
        >>> tried = {("a", "c"): PlaceTime(seen=4.0, a_cell=1.0), ("c", "a"): PlaceTime(seen=9.0, a_cell=2.0)}
        >>> round(expected(tried, places), 3)
        19.0
    """

    def between(place: TriedPlace) -> float:
        weights = [1 / math.dist(places[place], places[other]) ** 2 for other in tried]
        logs = [math.log(max(each.seconds, 1e-6)) for each in tried.values()]
        return math.exp(sum(w * log for w, log in zip(weights, logs, strict=True)) / sum(weights))

    return sum(tried[place].seconds if place in tried else between(place) for place in places)


def _is_solved(session: Session) -> bool:
    """Tell whether no stitch of the real grid is fitted by steps."""
    fit = session.spec.fit
    return all(
        not cell.stitch.info.has_parameters or (fit.least_squares and cell.stitch.is_solved(cell.objective))
        for cell in _real(session)
    )


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
