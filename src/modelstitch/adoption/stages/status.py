"""What a candidate's ledger says so far, and what its next stage needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelstitch.adoption.folder.ledger import LedgerEntry
from modelstitch.adoption.stages.road import Road, is_check, lack_sentence, road_of
from modelstitch.wording import Listed, Sentence, say


@dataclass(frozen=True)
class CandidateStatus:
    """How far a candidate is.

    Attributes:
        folder: of the candidate.
        road: what its ledger says.

    Example:
        >>> road = Road((LedgerEntry(event="candidate", by="Ann", when="2026-01-02T03:04:05+00:00"),))
        >>> for sentence in CandidateStatus(Path("out"), road).sentences():
        ...     print(sentence)
        Stage: candidate.
        2026-01-02, Ann: moved to candidate.
        Next: pilot (modelstitch pilot DIR --data NEW).
    """

    folder: Path
    road: Road

    def sentences(self) -> list[Sentence]:
        """Return stage, steps and what comes next, in words."""
        return [
            say("stages.now", stage=say(f"stages.name.{self.road.stage}")),
            *(_step(entry) for entry in self.road.entries),
            self._next(),
        ]

    def to_plain(self) -> dict[str, Any]:
        """Return the same as values that JSON can hold."""
        road = self.road
        adopting = road.stage in ("candidate", "pilot")
        return {
            "kind": "candidate",
            "folder": str(self.folder),
            "stage": road.stage,
            "exported_by": road.exporter,
            "steps": [
                {
                    "event": one.event,
                    "by": one.by,
                    "when": one.when,
                    "reason": one.reason,
                    "facts": dict(one.facts),
                }
                for one in road.entries
            ],
            "next": road.next_stage,
            "adopted_lacks": list(road.lacks) if adopting else [],
            "sentences": [str(sentence) for sentence in self.sentences()],
        }

    def _next(self) -> Sentence:
        stage = self.road.stage
        if stage == "pilot":
            needs = Listed([lack_sentence(lack) for lack in self.road.lacks], "list.semicolon")
            return say("stages.next.adopted", needs=needs) if self.road.lacks else say("stages.next.ready")
        return say(f"stages.next.after_{stage}")


def candidate_status(folder: str | Path) -> CandidateStatus:
    """Return how far a candidate is.

    Args:
        folder: of the candidate.

    Raises:
        RunError: no candidate there, or a file was changed, replaced, added or is missing.
    """
    return CandidateStatus(Path(folder), road_of(folder))


def _step(entry: LedgerEntry) -> Sentence:
    day = {"day": entry.when[:10], "by": entry.by}
    facts = entry.facts
    if entry.event == "pilot" and is_check(entry):
        result = say(f"stages.result.{facts['result']}") if facts["result"] in _RESULTS else facts["result"]
        return say(
            "stages.step.pilot",
            k=facts.get("k", 1),
            result=result,
            against=facts.get("against", "?"),
            n=facts.get("n", 0),
            margin=facts.get("margin", "?"),
            **day,
        )
    if entry.event == "verify":
        return say(
            "stages.step.verify" if facts.get("result") == "holds" else "stages.step.verify_not", **day
        )
    if entry.event == "monitor":
        return say("stages.step.alarm" if facts.get("result") == "alarm" else "stages.step.monitor", **day)
    return say("stages.step.move", stage=say(f"stages.name.{entry.event}"), **day)


_RESULTS = ("passed", "failed", "undecided")
