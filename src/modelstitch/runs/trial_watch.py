"""What a trial hears of one place: seconds of each cell, and the end at its bound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from modelstitch.util.progress import Progress

Clock = Callable[[], float]


class SpentError(Exception):
    """A trial has reached its bound; nobody but the trial sees it."""


@dataclass(frozen=True, kw_only=True)
class PlaceTime:
    """Seconds of one place.

    Attributes:
        seen: that its cells took until its end, or until it was left.
        a_cell: mean of the fits that were seen.
        evidence: of its evidence; zero where it was left before.
        drawn: of the untrained senders that were drawn for it; the same.
        unseen: expected of what it was left before.
        once: for what is done once, which the first place pays.
        is_whole: whether it was tried from beginning to end.
    """

    seen: float
    a_cell: float
    evidence: float = 0.0
    drawn: float = 0.0
    unseen: float = 0.0
    once: float = 0.0
    is_whole: bool = True

    @property
    def seconds(self) -> float:
        """All of the place, seen or not."""
        return self.seen + self.unseen


class TrialWatch(Progress):
    """Notes the seconds of each cell of a place; ends the run where the next one would pass the bound.

    Args:
        clock: in seconds.
        ends: its reading at the bound.
    """

    def __init__(self, clock: Clock, ends: float) -> None:
        self._clock, self._ends = clock, ends
        self._last = clock()
        self._phase = "once"
        self._seconds: dict[str, list[float]] = {"once": [], "fits": [], "evidence": [], "drawn": []}
        self._is_whole = False

    def left(self) -> float:
        """Return the seconds until the bound."""
        return self._ends - self._clock()

    def start(self, total: int, done: int, what: str = "fitting stitches") -> None:
        self._note("once")
        if self._phase != "drawn":
            evidence = "drawn" if self._phase == "evidence" else "evidence"
            self._phase = "fits" if self._phase == "once" else evidence

    def cell(self, text: str, accuracy: float | None) -> None:
        self._count()

    def measured(self, text: str) -> None:
        self._count()

    def stage(self, text: str) -> None:
        # The files and the page of a run folder come after all cells.
        self._note(self._phase)
        self._phase = "once"

    def ended(self) -> None:
        """Note that the run came to its end."""
        self._note(self._phase)
        self._is_whole = True

    def _count(self) -> None:
        self._note(self._phase)
        if self.left() < max(self._seconds[self._phase]):
            raise SpentError

    def _note(self, phase: str) -> None:
        now = self._clock()
        self._seconds[phase].append(now - self._last)
        self._last = now

    def place_time(
        self, n_cells: int, a_cell: float, evidence_share: float, like: PlaceTime | None
    ) -> PlaceTime:
        """Return the seconds of the place.

        Args:
            n_cells: of the place.
            a_cell: seconds of a cell with its evidence, by single steps.
            evidence_share: part of them that is evidence.
            like: another place, tried to its end, whose evidence and draws this one's are like.
        """
        fits, evidence, drawn = (self._seconds[phase] for phase in ("fits", "evidence", "drawn"))
        seen = sum(fits) + sum(evidence) + sum(drawn)
        mean = sum(fits) / len(fits) if fits else a_cell * (1 - evidence_share)
        rest = 0.0
        if not self._is_whole:
            expected = like.evidence if like else a_cell * evidence_share * n_cells
            of_draws = like.drawn / like.a_cell * mean if like else 0.0
            rest = (
                max(0, n_cells - len(fits)) * mean
                + max(0.0, expected - sum(evidence))
                + max(0.0, of_draws - sum(drawn))
            )
        return PlaceTime(
            seen=seen,
            a_cell=mean,
            evidence=sum(evidence),
            drawn=sum(drawn),
            unseen=rest,
            once=sum(self._seconds["once"]),
            is_whole=self._is_whole,
        )
