"""The ledger of a candidate: one JSON line a step, each with the hash of the line before it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from modelstitch.errors import RunError, SpecError, expect_one_of

LEDGER = "ledger.jsonl"
"""Name of the file in the folder of a candidate."""

STAGES = ("candidate", "pilot", "adopted", "retired")
"""Stages of a candidate, in their order."""

EVENTS = (*STAGES, "verify", "monitor")
"""What a line may record: a new stage, or a check."""

_FIRST = "0" * 64


@dataclass(frozen=True, kw_only=True)
class LedgerEntry:
    """One line of a ledger.

    Attributes:
        event: one of :data:`EVENTS`.
        by: who did it.
        reason: why, in words.
        facts: what else is recorded, as plain values.
        when: time in UTC, as ISO 8601 writes it.
        previous: hash of the line before; zeros in the first line.

    Raises:
        SpecError: an unknown event, or an empty name.

    Example:
        >>> LedgerEntry(event="candidate", by="A. Rossi", reason="saves a third").previous[:4]
        '0000'
    """

    event: str
    by: str
    reason: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    when: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    previous: str = _FIRST

    def __post_init__(self) -> None:
        expect_one_of("event of a ledger", self.event, EVENTS, SpecError)
        expect_name(self.by)

    @property
    def hash(self) -> str:
        """SHA-256 of all fields."""
        plain = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return sha256(plain.encode()).hexdigest()

    @property
    def line(self) -> str:
        """The line that a file holds, with its own hash at the end."""
        return json.dumps({**asdict(self), "hash": self.hash}, ensure_ascii=False, allow_nan=False) + "\n"


def expect_name(by: str) -> None:
    """Raise unless ``by`` names somebody.

    Raises:
        SpecError: an empty name, or one with a line break.
    """
    if not by.strip() or not by.isprintable():
        raise SpecError(f"expected the name of a person or a team in one line, got {by!r}: give --by NAME")


def read_ledger(path: Path) -> tuple[LedgerEntry, ...]:
    """Return the lines of a ledger, and check that each follows from the one before.

    Args:
        path: the file.

    Raises:
        RunError: no such file, a line that is no entry, or a line that was changed, removed or added.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"cannot read the ledger {str(path)!r}: {error}") from error
    entries: list[LedgerEntry] = []
    for number, line in enumerate(lines, 1):
        before = entries[-1].hash if entries else _FIRST
        try:
            values = json.loads(line)
            written = values.pop("hash")
            entry = LedgerEntry(**values)
        except (ValueError, TypeError, KeyError, AttributeError, SpecError) as error:
            raise RunError(f"line {number} of the ledger {str(path)!r} is damaged: {error}") from error
        if entry.hash != written or entry.previous != before:
            raise RunError(
                f"line {number} of the ledger {str(path)!r} does not follow from the lines before: it was "
                "changed, or a line was removed or added"
            )
        entries.append(entry)
    if not entries:
        raise RunError(f"the ledger {str(path)!r} is empty: expected its first line, the stage candidate")
    return tuple(entries)


def append(path: Path, entry: LedgerEntry) -> LedgerEntry:
    """Add one line to a ledger, chained to the last one; return what was written.

    Args:
        path: the file; its first line is :func:`first_line_of`.
        entry: what to add; its ``previous`` is set here.

    Raises:
        RunError: the ledger is damaged, or cannot be written.
    """
    last = read_ledger(path)[-1]
    chained = LedgerEntry(**{**asdict(entry), "previous": last.hash})
    try:
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(chained.line)
    except OSError as error:
        raise RunError(f"cannot write the ledger {str(path)!r}: {error.strerror}") from error
    return chained
