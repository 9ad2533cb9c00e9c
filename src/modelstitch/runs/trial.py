"""How long a run takes, from a trial of a few of its places: fits, controls, evidence and report are real.

A place is a pair of cuts with all that a run does there: every control, stitch and seed. What is done once
(capture, checks, the receiver's own representations, the page) is timed by itself.
"""

from __future__ import annotations

import contextlib
import math
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from modelstitch.grid.grid import Budget
from modelstitch.runs.run import run
from modelstitch.runs.session import Session
from modelstitch.specs import CONTROLS, TRAINED, CellSpec, EvidenceSpec

LEAST_SECONDS = 10.0
"""A trial may take so long, or a tenth of the run, whichever is more."""

_SHARE = 0.1
_FEWEST, _MOST = 3, 6
_ONCE = (0.8, 1.3)
_FITTED = ((0.5, 1.25), (0.35, 1.9))
"""Least and most, by seconds of the trial: of the places that were tried, and of the others.

The least is low, since a trial measures anew for each place what a run measures once for each cut.
"""

_SOLVED = ((0.4, 1.25), (0.4, 1.7))
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
    places = spread_places(_real(session))
    seconds: dict[TriedPlace, float] = {}
    begin = clock()
    for place in list(places)[:_MOST]:
        before = clock()
        # The first place pays for what is done once, the files and the page of a run folder among it.
        with tempfile.TemporaryDirectory() if not seconds else contextlib.nullcontext() as scratch:
            out = None if scratch is None else Path(scratch) / "run"
            run(_only(session, place), out=out, budget=budget, evidence=evidence)
        taken = clock() - before
        seconds[place] = taken
        spent = clock() - begin
        allowed = max(LEAST_SECONDS, _SHARE * taken * len(places))
        if (len(seconds) >= _FEWEST and spent + taken > allowed) or spent + taken > 3 * allowed:
            break
    found = expected(seconds, places)
    known, guessed = _SOLVED if _is_solved(session) else _FITTED
    return TimeRange(
        low=prepared + found.once * _ONCE[0] + found.tried * known[0] + found.others * guessed[0],
        high=prepared + found.once * _ONCE[1] + found.tried * known[1] + found.others * guessed[1],
        once=prepared + found.once,
        n_tried=len(seconds),
        n_places=len(places),
        trial=clock() - begin,
    )


@dataclass(frozen=True)
class TrialSeconds:
    """What a trial says of a whole run, in seconds.

    Attributes:
        once: of what is done once.
        tried: of the places that were tried, without it.
        others: expected of the other places.
    """

    once: float
    tried: float
    others: float


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
    seconds: Mapping[TriedPlace, float], places: Mapping[TriedPlace, tuple[float, float]]
) -> TrialSeconds:
    """Return what the places of a trial say of all places.

    Seconds of a place that was not tried are between those of the tried ones, on a scale of ratios, by the
    inverse square of the distance of their depths. So are those of the first one, which also pays for what is
    done once.

    Example:
        >>> places = {("a", "c"): (0.0, 1.0), ("c", "a"): (1.0, 0.0), ("b", "b"): (0.5, 0.5)}
        >>> expected({("a", "c"): 5.0, ("c", "a"): 2.0}, places)
        TrialSeconds(once=3.0, tried=4.0, others=2.0)
    """
    first, *others = seconds
    if not others:
        return TrialSeconds(0.0, seconds[first], seconds[first] * (len(places) - 1))

    def between(place: TriedPlace) -> float:
        weights = [1 / math.dist(places[place], places[other]) ** 2 for other in others]
        logs = [math.log(max(seconds[other], 1e-6)) for other in others]
        return math.exp(sum(w * log for w, log in zip(weights, logs, strict=True)) / sum(weights))

    own = min(between(first), seconds[first])
    return TrialSeconds(
        once=seconds[first] - own,
        tried=own + sum(seconds[other] for other in others),
        others=sum(between(place) for place in places if place not in seconds),
    )


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
