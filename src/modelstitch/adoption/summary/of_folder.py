"""An exported candidate as the page of its run tells it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelstitch.adoption.folder.card import CARD_PLAIN
from modelstitch.adoption.folder.ledger import LedgerEntry
from modelstitch.adoption.folder.spec_file import FolderSpec, read_spec
from modelstitch.adoption.monitor.for_page import has_alarmed, monitors_of
from modelstitch.adoption.stages.road import Road, holds, is_check, road_of
from modelstitch.errors import RunError
from modelstitch.report.beyond import CandidateFolder, RecordLine
from modelstitch.results.comparison import Comparison
from modelstitch.results.decision import Record
from modelstitch.specs import TRAINED
from modelstitch.wording import Sentence, say

_RESULTS = ("passed", "failed", "undecided")

_STEPS = {
    "pilot": "step.pilot",
    "pilot-undecided": "step.pilot_again",
    "pilot-failed": "step.retire",
    "verify": "step.verify",
    "verify-failed": "step.restore",
    "reviewed": "step.review",
}
"""What to do next, by what the stage *adopted* lacks."""


def candidate_folders(folders: Sequence[str | Path], comparison: Comparison) -> tuple[CandidateFolder, ...]:
    """Return what the page of a run is told of its exported candidates.

    Args:
        folders: of candidates that were exported from this run.
        comparison: the run.

    Raises:
        RunError: no candidate there, one of another run, or a file that was changed since the export.
    """
    return tuple(candidate_folder(folder, comparison) for folder in dict.fromkeys(map(Path, folders)))


def candidate_folder(folder: Path, comparison: Comparison) -> CandidateFolder:
    """Return what the page of a run is told of one exported candidate.

    Raises:
        RunError: no candidate there, one of another run, or a file that was changed since the export.
    """
    road, spec = road_of(folder), read_spec(folder)
    _expect_of_run(folder, spec, comparison)
    card = _card(folder)
    name = folder.resolve().name
    return CandidateFolder(
        name=name,
        place=(
            str(spec.cell["sender_cut"]),
            str(spec.cell["receiver_cut"]),
            str(spec.cell["stitch"]),
            int(spec.cell["seed"]),
        ),
        record=record_of(road, alarm=has_alarmed(road)),
        lines=tuple(
            RecordLine(when=entry.when, by=entry.by, what=what_was_done(entry), reason=entry.reason)
            for entry in road.entries
        ),
        accepted_risk=str(card.get("accepted_risk") or ""),
        risk_reasons=tuple(map(str, card.get("risk_reasons") or ())),
        next_steps=next_steps_of(road, name, has_alarmed(road)),
        monitors=monitors_of(folder, road),
    )


def record_of(road: Road, alarm: bool = False) -> Record:
    """Return what a decision reads of a ledger: the latest check of each kind counts.

    Args:
        road: of the candidate.
        alarm: whether a monitor has raised an alarm.
    """
    pilot, verify, other = road.pilot, road.verify, road.verify_by_another
    return Record(
        exporter=road.exporter,
        stage=road.stage,
        pilot=None if pilot is None else str(pilot.facts["result"]),
        checked_by=other.by if other is not None and holds(other) else None,
        does_not_hold=verify is not None and not holds(verify),
        alarm=alarm,
    )


def what_was_done(entry: LedgerEntry) -> Sentence:
    """Return one line of a ledger in words."""
    if entry.event == "candidate":
        return say("record.candidate")
    if entry.event == "verify":
        return say("record.verified" if holds(entry) else "record.not_verified")
    if entry.event == "monitor":
        return say("record.alarm" if entry.facts.get("result") == "alarm" else "record.monitor")
    if entry.event == "pilot" and is_check(entry):
        return _pilot(entry)
    stage = say(f"record.stage.{entry.event}")
    return say("record.skipped" if entry.facts.get("skip") else "record.moved", stage=stage)


def _pilot(entry: LedgerEntry) -> Sentence:
    result, n = entry.facts["result"], entry.facts.get("n")
    return say(
        "record.pilot",
        k=entry.facts.get("k", ""),
        result=say(f"record.result.{result}") if result in _RESULTS else str(result),
        n=say("record.pilot_n", n=n) if isinstance(n, int) else say("record.pilot_no_n"),
    )


def next_steps_of(road: Road, name: str, alarm: bool = False) -> tuple[Sentence, ...]:
    """Return what comes next for a candidate, the first step first.

    Args:
        road: of the candidate.
        name: of its folder, for commands.
        alarm: whether a monitor has raised an alarm.
    """
    if road.stage == "retired":
        return (say("step.retired"),)
    if alarm:
        return (say("step.alarm", name=name),)
    if road.stage == "adopted":
        return (say("step.monitor", name=name),)
    steps = [say(_STEPS[lack], name=name) for lack in road.lacks]
    return tuple(steps) or (say("step.adopt", name=name),)


def _expect_of_run(folder: Path, spec: FolderSpec, comparison: Comparison) -> None:
    """Raise unless a candidate joins the networks of a run, on its data, at one of its cells."""
    digests = {row.role: row.digest for row in comparison.baselines if row.control == TRAINED} | {
        "data": comparison.facts.data_content
    }
    for role, digest in digests.items():
        if digest and spec.digests.get(role) != digest:
            raise RunError(
                f"candidate {str(folder)!r} is of another run: expected the {role} {digest[:8]}, got "
                f"{str(spec.digests.get(role))[:8]}; give the run that it was exported from"
            )
    cell = spec.cell
    if not any(
        row.control == TRAINED
        and (row.sender_cut, row.receiver_cut, row.stitch, row.seed)
        == (cell["sender_cut"], cell["receiver_cut"], cell["stitch"], cell["seed"])
        for row in comparison.cells
    ):
        raise RunError(
            f"candidate {str(folder)!r} is of another run: this one has no cell {cell['sender_cut']} -> "
            f"{cell['receiver_cut']} ({cell['stitch']}, seed {cell['seed']}); give the run that it was "
            "exported from"
        )


def _card(folder: Path) -> dict[str, Any]:
    path = folder / CARD_PLAIN
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"cannot read {str(path)!r}: {error}") from error
    if not isinstance(card, dict):
        raise RunError(f"cannot read {str(path)!r}: expected a model card as JSON")
    return card
