"""How far a candidate is: its stage, its checks, and what the next stage needs, from its ledger alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from modelstitch.adoption.folder.check import check_folder
from modelstitch.adoption.folder.ledger import LEDGER, STAGES, LedgerEntry, read_ledger
from modelstitch.adoption.stages.names import same_name
from modelstitch.errors import RunError
from modelstitch.wording import Sentence, say

Lack = Literal["pilot", "pilot-undecided", "pilot-failed", "verify", "verify-failed", "reviewed"]
"""What the stage *adopted* may lack."""

PILOT_LACKS: tuple[Lack, ...] = ("pilot", "pilot-undecided", "reviewed")
"""What belongs to the stage *pilot* and has not been done: it may be skipped, with a reason."""


@dataclass(frozen=True)
class Road:
    """What a ledger says of its candidate.

    A check is a line with a result. The latest of each kind counts, and none before it: a pilot that passed
    does not help when a later one failed, nor a verify that held when a later one did not.

    Attributes:
        entries: the lines, in their order.

    Example:
        >>> road = Road((LedgerEntry(event="candidate", by="Ann"),))
        >>> road.stage, road.lacks
        ('candidate', ('pilot', 'verify', 'reviewed'))
    """

    entries: tuple[LedgerEntry, ...]

    @property
    def exporter(self) -> str:
        """Who exported the candidate."""
        return self.entries[0].by

    @property
    def stage(self) -> str:
        """The furthest stage that a line records; a pilot that was begun is one in the stage *pilot*."""
        return max((entry.event for entry in self.entries if entry.event in STAGES), key=STAGES.index)

    @property
    def moves(self) -> tuple[LedgerEntry, ...]:
        """The lines that somebody moved the candidate with, the export first."""
        return tuple(entry for entry in self.entries if entry.event in STAGES and not is_check(entry))

    @property
    def pilots(self) -> tuple[LedgerEntry, ...]:
        """The lines of pilots, with labels and without."""
        return tuple(entry for entry in self.entries if entry.event == "pilot" and is_check(entry))

    @property
    def pilot(self) -> LedgerEntry | None:
        """The latest line of a pilot with labels; one without makes no claim about the score."""
        return _last([entry for entry in self.pilots if entry.facts.get("labelled", True)])

    @property
    def verify(self) -> LedgerEntry | None:
        """The latest line of a verify, by anybody."""
        return _last([entry for entry in self.entries if entry.event == "verify"])

    @property
    def verify_by_another(self) -> LedgerEntry | None:
        """The latest line of a verify by another than the exporter."""
        others = [entry for entry in self.entries if entry.event == "verify" and not self._exported(entry.by)]
        return _last(others)

    @property
    def lacks(self) -> tuple[Lack, ...]:
        """What the stage *adopted* lacks, before anybody gives the reviewed examples."""
        return (*self._lacks_of_pilot(), *self._lacks_of_verify(), *self._lacks_of_review())

    @property
    def next_stage(self) -> str | None:
        """The stage that comes next; None where none does."""
        at = STAGES.index(self.stage)
        return STAGES[at + 1] if at + 1 < len(STAGES) else None

    def _exported(self, by: str) -> bool:
        return same_name(by, self.exporter)

    def _lacks_of_pilot(self) -> tuple[Lack, ...]:
        if self.pilot is None:
            return ("pilot",)
        result = self.pilot.facts["result"]
        if result == "passed":
            return ()
        return ("pilot-failed",) if result == "failed" else ("pilot-undecided",)

    def _lacks_of_verify(self) -> tuple[Lack, ...]:
        if self.verify is not None and not holds(self.verify):
            return ("verify-failed",)
        other = self.verify_by_another
        # What another found is not undone by the exporter.
        return () if other is not None and holds(other) else ("verify",)

    def _lacks_of_review(self) -> tuple[Lack, ...]:
        # Where two networks never differed there is nothing to look at.
        never = self.pilot is not None and self.pilot.facts.get("disagreements") == 0
        return () if never and not self._lacks_of_pilot() else ("reviewed",)


def is_check(entry: LedgerEntry) -> bool:
    """Tell whether a line records a check, which has a result, and not a move."""
    return "result" in entry.facts


def holds(entry: LedgerEntry) -> bool:
    """Tell whether a verify held."""
    return bool(entry.facts.get("result") == "holds")


def lack_sentence(lack: Lack) -> Sentence:
    """Return what a stage lacks in words.

    Example:
        >>> lack_sentence("reviewed")
        'examples where both differ that a person looked at, as --reviewed FILE.csv'
    """
    return say(f"stages.lacks.{lack}")


def road_of(folder: str | Path) -> Road:
    """Read the ledger of a candidate, after a check of its folder.

    Args:
        folder: of a candidate.

    Raises:
        RunError: no candidate there, or a file was changed, replaced, added or is missing.
    """
    expect_whole(folder)
    return Road(read_ledger(Path(folder) / LEDGER))


def stage_of(folder: str | Path) -> str:
    """Return the stage of a candidate, one of ``STAGES``.

    Args:
        folder: of a candidate.

    Raises:
        RunError: no candidate there, or a file was changed, replaced, added or is missing.
    """
    return road_of(folder).stage


def expect_whole(folder: str | Path) -> None:
    """Raise unless the files of a candidate are those that were exported, and its ledger holds.

    Args:
        folder: of a candidate.

    Raises:
        RunError: no candidate there, or a file was changed, replaced, added or is missing.
    """
    found = check_folder(folder)
    if not found.holds:
        raise RunError(
            f"candidate {str(folder)!r} is not what was exported ({found.said}): restore its files, or "
            "export it again; modelstitch verify says all that was changed"
        )


def _last(entries: Sequence[LedgerEntry]) -> LedgerEntry | None:
    return entries[-1] if entries else None
