"""The state folder of a monitor: one database with one writer, changed by whole transactions."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modelstitch.errors import RunError

STATE, LOCK = "monitor.sqlite", "lock.sqlite"
"""Names of the files."""

FORMAT = "modelstitch monitor 1"
"""What the state calls its format."""

_TABLES = (
    "CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS examples (id TEXT PRIMARY KEY, number INTEGER NOT NULL, label INTEGER, "
    "outputs BLOB, original BLOB)",
    "CREATE TABLE IF NOT EXISTS differences (number INTEGER PRIMARY KEY, value REAL NOT NULL)",
    "CREATE TABLE IF NOT EXISTS events (number INTEGER PRIMARY KEY, line TEXT NOT NULL)",
)


@dataclass(frozen=True)
class SeenExample:
    """An example that the stream had: no input of it.

    Attributes:
        number: in the stream, from 0.
        label: number of its class; None before it has one, -1 where it has a target that is no class.
        outputs: of the candidate, kept until the label is there.
        original: of the receiver, likewise.
    """

    number: int
    label: int | None
    outputs: Tensor | None = None
    original: Tensor | None = None


class StreamState:
    """An open state; every change of one ``with store.changed()`` is kept whole or not at all."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._database = connection

    def fact(self, name: str) -> Any:
        """Return a fact as plain values; None where it was never written."""
        row = self._database.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def write_fact(self, name: str, value: Any) -> None:
        """Write a fact."""
        text = json.dumps(value, allow_nan=False)
        self._database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, text))

    def seen(self, ids: Sequence[str]) -> dict[str, SeenExample]:
        """Return those of some examples that the stream had before."""
        found = {}
        for one in ids:
            row = self._database.execute(
                "SELECT number, label, outputs, original FROM examples WHERE id = ?", (one,)
            ).fetchone()
            if row is not None:
                found[one] = SeenExample(row[0], row[1], _tensor(row[2]), _tensor(row[3]))
        return found

    def write_examples(self, found: Mapping[str, SeenExample]) -> None:
        """Write examples by id."""
        rows = [
            (one, each.number, each.label, _bytes(each.outputs), _bytes(each.original))
            for one, each in found.items()
        ]
        self._database.executemany("INSERT OR REPLACE INTO examples VALUES (?, ?, ?, ?, ?)", rows)

    def waiting(self, first: int, last: int, most: int) -> list[Tensor]:
        """Return outputs of examples without a label, from a first to a last number."""
        rows = self._database.execute(
            "SELECT outputs FROM examples WHERE label IS NULL AND outputs IS NOT NULL "
            "AND number BETWEEN ? AND ? LIMIT ?",
            (first, last, most),
        )
        return [value for (blob,) in rows if (value := _tensor(blob)) is not None]

    def differences(self) -> list[float]:
        """Return the paired differences so far, in their order."""
        rows = self._database.execute("SELECT value FROM differences ORDER BY number")
        return [float(value) for (value,) in rows]

    def add_differences(self, values: Sequence[float]) -> None:
        """Add paired differences behind those so far."""
        (first,) = self._database.execute("SELECT COUNT(*) FROM differences").fetchone()
        rows = [(first + place, value) for place, value in enumerate(values)]
        self._database.executemany("INSERT INTO differences VALUES (?, ?)", rows)

    def events(self) -> list[str]:
        """Return the lines of all events."""
        return [line for (line,) in self._database.execute("SELECT line FROM events ORDER BY number")]

    def add_event(self, line: str) -> None:
        """Add the line of an event."""
        self._database.execute("INSERT INTO events (line) VALUES (?)", (line,))

    @contextlib.contextmanager
    def changed(self) -> Iterator[None]:
        """Keep all that a block writes, or nothing of it.

        Raises:
            RunError: the state cannot be written.
        """
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException as error:
            with contextlib.suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise RunError(f"cannot write the state of the monitor: {error}") from error
            raise


@contextlib.contextmanager
def opened(path: Path) -> Iterator[StreamState]:
    """Open the database of a state folder, which is made where it is missing.

    Args:
        path: of the database; somebody holds the lock of its folder.

    Raises:
        RunError: no database, or a damaged one.
    """
    try:
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            for table in _TABLES:
                connection.execute(table)
            yield StreamState(connection)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise RunError(f"cannot read the state of a monitor in {str(path)!r}: {error}") from error


def _bytes(value: Tensor | None) -> bytes | None:
    if value is None:
        return None
    shape = np.array([value.ndim, *value.shape], dtype="<i4").tobytes()
    return bytes(shape + value.detach().cpu().float().numpy().astype("<f4").tobytes())


def _tensor(blob: bytes | None) -> Tensor | None:
    if blob is None:
        return None
    ndim = int(np.frombuffer(blob, dtype="<i4", count=1)[0])
    shape = np.frombuffer(blob, dtype="<i4", count=ndim, offset=4)
    values = np.frombuffer(blob, dtype="<f4", offset=4 * (ndim + 1))
    return torch.from_numpy(values.copy()).reshape(*shape.tolist())
