"""Move a candidate to its next stage, by a decision on record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelstitch.adoption.folder.ledger import (
    LEDGER,
    STAGES,
    LedgerEntry,
    append_next,
    expect_name,
    expect_text,
)
from modelstitch.adoption.stages.reviewed import Reviewed
from modelstitch.adoption.stages.road import PILOT_LACKS, Lack, Road, expect_whole, lack_sentence
from modelstitch.errors import RunError, SpecError, expect_one_of


@dataclass(frozen=True, kw_only=True)
class StageMove:
    """A move of a candidate to a stage.

    Attributes:
        to: one of ``STAGES`` but the first.
        by: who decided it.
        note: what is said about it.
        skip: why the stage *pilot* is skipped; None where it is not.
        reviewed: what a person said of examples where both networks differ; None where nobody looked.

    Raises:
        SpecError: an unknown stage, an empty name, an empty reason, or reviewed examples for another stage.

    Example:
        >>> StageMove(to="pilot", by="Ann").skip is None
        True
    """

    to: str
    by: str
    note: str = ""
    skip: str | None = None
    reviewed: Reviewed | None = None

    def __post_init__(self) -> None:
        expect_one_of("stage to move to", self.to, STAGES[1:], SpecError)
        expect_name(self.by)
        expect_text(self.note)
        if self.skip is not None and not self.skip.strip():
            raise SpecError('expected a reason to skip a stage, got an empty one: give --skip "reason"')
        expect_text(self.skip or "")
        if self.reviewed is not None and self.to != "adopted":
            raise SpecError(
                f"expected --reviewed with the stage adopted, got it with {self.to}: leave it out"
            )


def move(folder: str | Path, what: StageMove) -> LedgerEntry:
    """Move a candidate; return the line that its ledger got.

    Args:
        folder: of the candidate.
        what: where to, by whom.

    Raises:
        RunError: no candidate there, a file was changed, or the candidate lacks what the stage needs.
    """
    folder = Path(folder)
    expect_whole(folder)

    def make(entries: tuple[LedgerEntry, ...]) -> LedgerEntry:
        facts = facts_of_move(Road(entries), what, str(folder))
        return LedgerEntry(event=what.to, by=what.by, reason=what.note, facts=facts)

    return append_next(folder / LEDGER, make)


def facts_of_move(road: Road, what: StageMove, name: str) -> dict[str, Any]:
    """Return what a ledger records of a move, after a check that the move is allowed.

    Args:
        road: of the candidate so far.
        what: the move.
        name: of the candidate, for the error.

    Raises:
        RunError: a move backwards, out of *retired* or to the same stage, or a stage that lacks something.
    """
    _expect_forward(road, what, name)
    skipped = _skipped(road, what, name) if what.to == "adopted" else ()
    return {
        "from": road.stage,
        **(_rests_on(road) if what.to == "adopted" else {}),
        **({} if what.reviewed is None else {"reviewed": what.reviewed.to_plain()}),
        **({} if what.skip is None else {"skip": what.skip.strip(), "skipped": list(skipped)}),
    }


def _rests_on(road: Road) -> dict[str, Any]:
    """Return which checks an adoption rests on, and what its pilot asked for."""
    found: dict[str, Any] = {}
    if road.pilot is not None:
        asked = {name: road.pilot.facts.get(name) for name in ("k", "result", "against", "margin")}
        found |= {"pilot_line": road.pilot.hash, "pilot": asked}
    if road.verify_by_another is not None:
        found["verify_line"] = road.verify_by_another.hash
    return found


def _expect_forward(road: Road, what: StageMove, name: str) -> None:
    now = road.stage
    if now == "retired":
        raise RunError(f"candidate {name!r} is retired: no stage follows; export it again as a new one")
    if STAGES.index(what.to) < STAGES.index(now):
        raise RunError(f"candidate {name!r} is at the stage {now}: it does not go back to {what.to}")
    # A pilot that was run has no line of a person who decided it; that line may come later.
    if what.to == now and (now != "pilot" or any(entry.event == now for entry in road.moves)):
        raise RunError(f"candidate {name!r} is at the stage {now} already: nothing to record")


def _skipped(road: Road, what: StageMove, name: str) -> tuple[Lack, ...]:
    """Return what is skipped with a reason; raise where something is missing that may not be skipped."""
    lacks = [lack for lack in road.lacks if not (lack == "reviewed" and what.reviewed is not None)]
    kept = [lack for lack in lacks if what.skip is None or lack not in PILOT_LACKS]
    if not kept:
        return tuple(lacks)
    may = what.skip is None and all(lack in PILOT_LACKS for lack in kept)
    hint = '; or say with --skip "reason" why the stage pilot is skipped' if may else ""
    needs = "; ".join(lack_sentence(lack) for lack in kept)
    raise RunError(f"candidate {name!r} cannot be adopted yet, expected: {needs}{hint}")
