"""The decision word of a run, and of a candidate's record: *pilot*, *leave*, *undecided*, *adopt*; one rule.

A candidate has three conditions. It *saves* at least one stated cost and misses no bound that was asked for;
it is *no worse* than the network that it would replace by more than the margin; and it is *at least partly*
by the lower bound of what is kept. Each condition holds, fails, or is open: an interval decides, never a
point. *Pilot* is the most that a run says. *Adopt* needs a record: a pilot that was passed, and a verify by
somebody else than the exporter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from modelstitch.evidence.verdict import Thresholds, Verdict
from modelstitch.specs.verdicts import VerdictName


class ConditionState(StrEnum):
    """What is shown of one condition."""

    HOLDS = "holds"
    FAILS = "fails"
    OPEN = "open"


class DecisionWord(StrEnum):
    """What a reader should do."""

    ADOPT = "adopt"
    PILOT = "pilot"
    LEAVE = "leave"
    UNDECIDED = "undecided"


@dataclass(frozen=True, kw_only=True)
class CandidateConditions:
    """What is shown of the three conditions of one candidate.

    Attributes:
        no_worse: it loses no more than the margin.
        saves: it saves at least one stated cost, and misses no bound that was asked for.
        partly: it is at least *partly*.
    """

    no_worse: ConditionState
    saves: ConditionState
    partly: ConditionState

    @property
    def word(self) -> DecisionWord:
        """What this candidate alone allows one to say: *pilot*, *leave* or *undecided*."""
        all_three = (self.no_worse, self.saves, self.partly)
        if ConditionState.FAILS in all_three:
            return DecisionWord.LEAVE
        return DecisionWord.UNDECIDED if ConditionState.OPEN in all_three else DecisionWord.PILOT


def decision(words: Iterable[DecisionWord], *, complete: bool = True) -> DecisionWord:
    """Return the decision word of a run from those of its cells.

    Args:
        words: of each cell, from :attr:`CandidateConditions.word`.
        complete: whether every cell of the run is among them; one that was not fitted, or whose fit failed,
            may still qualify.

    Returns:
        *pilot* where a cell meets all three conditions; *leave* where each fails one; else *undecided*.

    Example:
        >>> decision(["leave", "pilot"]).value, decision(["leave"]).value
        ('pilot', 'leave')
        >>> decision(["leave"], complete=False).value, decision(["leave", "undecided"]).value
        ('undecided', 'undecided')
    """
    found = {DecisionWord(word) for word in words}
    if DecisionWord.PILOT in found:
        return DecisionWord.PILOT
    return DecisionWord.LEAVE if complete and found <= {DecisionWord.LEAVE} else DecisionWord.UNDECIDED


def at_least_partly(verdict: Verdict | None, thresholds: Thresholds | None = None) -> ConditionState:
    """Return whether a cell is at least *partly* by the bounds of what is kept.

    It holds where the word is *partly* or *interchangeable* and the lower end of kept is above its line. It
    fails where the task is not done (*incompatible*), or the upper end of kept is below that line.

    Args:
        verdict: on the cell; None where the run has none.
        thresholds: the package's own by default.
    """
    if verdict is None or verdict.name is VerdictName.CANNOT_TELL:
        return ConditionState.OPEN
    line = (thresholds or Thresholds()).kept_low
    if verdict.name in (VerdictName.PARTLY, VerdictName.INTERCHANGEABLE):
        return ConditionState.HOLDS if verdict.kept_low > line else ConditionState.OPEN
    if verdict.name is VerdictName.INCOMPATIBLE or verdict.kept_high < line:
        return ConditionState.FAILS
    return ConditionState.OPEN


@dataclass(frozen=True, kw_only=True)
class Record:
    """What the ledger of a candidate says, as far as a decision reads it.

    Attributes:
        exporter: who exported it.
        stage: ``candidate``, ``pilot``, ``adopted`` or ``retired``.
        pilot: result of the latest pilot with labels: ``passed``, ``failed`` or ``undecided``; None without
            one.
        checked_by: who else than the exporter verified last that it holds; None where nobody did.
        does_not_hold: whether the latest verify, by anybody, found that it does not hold.
        alarm: whether a monitor has raised an alarm.
    """

    exporter: str
    stage: str
    pilot: str | None = None
    checked_by: str | None = None
    does_not_hold: bool = False
    alarm: bool = False

    @property
    def against(self) -> str | None:
        """What speaks against it: ``retired``, ``alarm``, ``verify`` or ``pilot``; None for nothing."""
        if self.stage == "retired":
            return "retired"
        if self.alarm:
            return "alarm"
        if self.does_not_hold:
            return "verify"
        return "pilot" if self.pilot == "failed" else None

    @property
    def standing(self) -> str:
        """Where the candidate stands by its ledger alone: *adopted*, *pilot* (passed), *leave*, *undecided*.

        Example:
            >>> Record(exporter="Ann", stage="pilot", pilot="passed").standing
            'pilot'
            >>> Record(exporter="Ann", stage="adopted", pilot="passed", alarm=True).standing
            'leave'
        """
        if self.against is not None:
            return "leave"
        if self.stage == "adopted":
            return "adopted"
        return "pilot" if self.pilot == "passed" else "undecided"

    @property
    def allows(self) -> bool:
        """Whether it allows *adopt*: its pilot passed, somebody else checked it, nothing is against it."""
        return self.against is None and self.pilot == "passed" and self.checked_by is not None


def with_record(word: DecisionWord, record: Record | None) -> DecisionWord:
    """Return the decision word of a run together with the record of its candidate.

    Args:
        word: of the run.
        record: of the candidate's ledger; None where there is none.

    Returns:
        *adopt* where the record allows it. A *pilot* whose candidate has something against it is *undecided*.
        Else the word of the run.

    Example:
        >>> record = Record(exporter="Ann", stage="pilot", pilot="passed", checked_by="Bo")
        >>> with_record(DecisionWord.PILOT, record).value
        'adopt'
        >>> with_record(DecisionWord.PILOT, Record(exporter="Ann", stage="pilot")).value
        'pilot'
    """
    if record is None:
        return word
    if record.allows:
        return DecisionWord.ADOPT
    if record.against is not None and word is DecisionWord.PILOT:
        return DecisionWord.UNDECIDED
    return word
