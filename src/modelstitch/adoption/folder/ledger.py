"""The ledger of a candidate: one JSON line a step, each with the hash of the line before it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from modelstitch.errors import RunError, SpecError, expect_one_of
from modelstitch.util.atomic_files import atomic_write
from modelstitch.util.locks import locked

LEDGER = "ledger.jsonl"
"""Name of the file in the folder of a candidate."""

LOCK, UNFINISHED = "ledger.lock", LEDGER + ".unfinished"
"""Names of the empty file that one writer at a time holds, and of a ledger that is being written."""

_WAIT = 10.0
"""Seconds that a writer waits for another one: a line takes far less."""

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
        SpecError: an unknown event, an empty name, or a text that no file can hold.

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
        expect_text(self.reason)
        expect_text(json.dumps(self.facts, ensure_ascii=False))

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


def expect_text(text: str) -> None:
    """Raise unless a text can be written to a file.

    Raises:
        SpecError: it holds half a character, as a wrong encoding of the terminal leaves it.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise SpecError(f"expected a text in UTF-8, got {text!a}") from error


def read_ledger(path: Path) -> tuple[LedgerEntry, ...]:
    """Return the lines of a ledger, and check that each follows from the one before.

    Args:
        path: the file.

    Raises:
        RunError: no such file, a line that is no entry, or a line that was changed, removed or added.
    """
    try:
        # Not splitlines: a reason may hold other signs that end a line.
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"cannot read the ledger {str(path)!r}: {error}") from error
    entries: list[LedgerEntry] = []
    for number, line in enumerate(lines if lines != [""] else [], 1):
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

    The ledger has the new line whole or not at all: on a full disk, after Ctrl-C, and beside another process.

    Args:
        path: the file; its first line is that of the stage *candidate*.
        entry: what to add; its ``previous`` is set here.

    Raises:
        RunError: the ledger is damaged, cannot be written, or is held by another process.
    """
    return append_next(path, lambda entries: entry)


def append_next(path: Path, make: Callable[[tuple[LedgerEntry, ...]], LedgerEntry]) -> LedgerEntry:
    """Add the line that follows from the lines so far, as :func:`append` does.

    Args:
        path: the file.
        make: returns the new line, or raises where there is none; no other process writes meanwhile.

    Raises:
        RunError: the ledger is damaged, cannot be written, or is held by another process.
    """
    in_use = f"the ledger {str(path)!r} is in use by another process: give the command again"
    with locked(path.with_name(LOCK), in_use, _WAIT):
        entries = read_ledger(path)
        chained = LedgerEntry(**{**asdict(make(entries)), "previous": entries[-1].hash})
        written = path.read_bytes().removesuffix(b"\n") + b"\n" + chained.line.encode()
        try:
            atomic_write(path, lambda unfinished: _write(unfinished, written, like=path))
        except OSError as error:
            raise RunError(f"cannot write the ledger {str(path)!r}: {error.strerror}") from error
    return chained


def _write(path: Path, content: bytes, like: Path) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    shutil.copymode(like, path)
