"""What the monitors of a candidate have seen, as plain values for the page."""

from __future__ import annotations

import base64
from pathlib import Path

from modelstitch.adoption.folder.ledger import LedgerEntry
from modelstitch.adoption.monitor.facts import PICTURE, MonitorOutcome, StreamFacts
from modelstitch.adoption.monitor.store import STATE, StreamState, opened
from modelstitch.adoption.monitor.taking import track_of
from modelstitch.adoption.stages.road import Road
from modelstitch.report.beyond import MonitorFacts


def monitors_of(folder: Path, road: Road) -> tuple[MonitorFacts, ...]:
    """Return what each monitor that a ledger names has seen; one whose state is elsewhere is left out.

    Args:
        folder: of the candidate.
        road: its ledger.

    Raises:
        RunError: a damaged state.
        DataError: likewise.
    """
    found = []
    for state in dict.fromkeys(_folder_of(folder, entry) for entry in road.entries if is_monitor(entry)):
        if (state / STATE).is_file():
            with opened(state / STATE) as store:
                plain = store.fact("monitor")
                if plain is None or StreamFacts.from_plain(plain).candidate != road.entries[0].hash:
                    continue
                outcome = outcome_of(store, StreamFacts.from_plain(plain), state)
            found.append(
                MonitorFacts(
                    said=tuple(outcome.sentences()),
                    alarm=bool(outcome.alarms),
                    picture=_picture(state / PICTURE),
                )
            )
    return tuple(found)


def outcome_of(store: StreamState, facts: StreamFacts, state: Path) -> MonitorOutcome:
    """Return what a monitor says by its state.

    Args:
        store: of the stream.
        facts: what it began with.
        state: its folder.
    """
    tracks = {name: track_of(store, name) for name in facts.rule.processes}
    return MonitorOutcome(
        facts=facts,
        examples=int(store.fact("examples") or 0),
        labels=int(store.fact("labels") or 0),
        tracks={name: track for name, track in tracks.items() if track.points},
        state=state,
    )


def has_alarmed(road: Road) -> bool:
    """Tell whether a ledger records an alarm."""
    return any(is_monitor(entry) and entry.facts.get("result") == "alarm" for entry in road.entries)


def is_monitor(entry: LedgerEntry) -> bool:
    """Tell whether a line is that of a monitor."""
    return entry.event == "monitor" and "state" in entry.facts


def _folder_of(folder: Path, entry: LedgerEntry) -> Path:
    """Return the state folder that a line names, also where it was moved together with its candidate."""
    named = Path(str(entry.facts.get("folder", "")))
    beside = folder.absolute().with_name(named.name)
    return named if named.is_dir() or not beside.is_dir() else beside


def _picture(path: Path) -> str:
    if not path.is_file():
        return ""
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
