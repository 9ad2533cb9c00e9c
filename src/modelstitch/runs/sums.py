"""SHA-256 sums of a run: of each file that it wrote, and of the rows of its database.

They stand in the table ``sums`` of the database. Those of files are written with the file; those of rows when
a run is finished, and they are taken away while it goes on.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path

from modelstitch.errors import RunError
from modelstitch.runs.place import holds_run, place_of
from modelstitch.runs.schema import pair_of, rows_of

_ROWS = "rows:"
"""Begins the name of a sum of rows; every other name is that of a file."""

_TABLES: Mapping[str, tuple[str, ...]] = {
    "facts": ("name",),
    "baselines": ("role", "control", "seed"),
    "cells": ("key",),
    "appraisals": ("key",),
    "evidence": ("key",),
    "parts": ("key",),
}
"""Tables with the columns that say which rows are summed together."""


@dataclass(frozen=True)
class RunSums:
    """The sums that a run recorded.

    Attributes:
        files: SHA-256 by name of file in the run folder; empty in a run of an earlier version.
        rows: SHA-256 by table and what its rows are of; empty where the run is not finished.
    """

    files: Mapping[str, str]
    rows: Mapping[str, str]


def sum_of_file(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def sums_of_rows(connection: sqlite3.Connection, pair: int | None) -> dict[str, str]:
    """Return the SHA-256 of the rows of a run's database, by table and what they are of.

    They are those of the columns without the pair, so that they stay when a run becomes a pair among others.

    Args:
        connection: to the database.
        pair: number of the pair; None for the only run of format 2.

    Example:
        >>> connection = sqlite3.connect(":memory:")
        >>> _ = connection.execute("CREATE TABLE facts (name TEXT, value TEXT)")
        >>> _ = connection.execute("INSERT INTO facts VALUES ('data', 'digits')")
        >>> list(sums_of_rows(connection, None))
        ['facts data']
    """
    hashers: dict[str, list[bytes]] = {}
    for table, columns in _TABLES.items():
        names, rows = rows_of(connection, table, pair)
        places = [names.index(column) for column in columns if names]
        for row in rows:
            of = " ".join(str(row[place]) for place in places)
            # repr of a number has all its digits, and tells 1 from 1.0 and text from bytes.
            hashers.setdefault(f"{table} {of}", []).append(sha256(repr(row).encode()).digest())
    return {name: sha256(b"".join(sorted(rows))).hexdigest() for name, rows in hashers.items()}


def unseal(cursor: sqlite3.Cursor, pair: int) -> None:
    """Take the sums of the rows of a pair away, since rows are about to be written."""
    cursor.execute(
        "DELETE FROM main.sums WHERE pair = ? AND substr(name, 1, ?) = ?", (pair, len(_ROWS), _ROWS)
    )


def seal(cursor: sqlite3.Cursor, pair: int) -> None:
    """Write the sums of all rows of a pair that is finished."""
    unseal(cursor, pair)
    found = sums_of_rows(cursor.connection, pair)
    cursor.executemany(
        "INSERT INTO main.sums (pair, name, sha256) VALUES (?, ?, ?)",
        [(pair, _ROWS + name, value) for name, value in found.items()],
    )


def note_file(cursor: sqlite3.Cursor, pair: int | None, name: str, value: str) -> None:
    """Write the sum of a file of the folder of a pair; of the only run of format 2, without a number."""
    columns, values = ("name, sha256", (name, value))
    if pair is not None:
        columns, values = (f"pair, {columns}", (pair, *values))  # type: ignore[assignment]
    marks = ", ".join("?" * len(values))
    cursor.execute(f"INSERT OR REPLACE INTO main.sums ({columns}) VALUES ({marks})", values)


def read_sums(connection: sqlite3.Connection) -> RunSums:
    """Return the sums of the run that a connection shows."""
    found = dict(connection.execute("SELECT name, sha256 FROM sums"))
    return RunSums(
        files={name: value for name, value in found.items() if not name.startswith(_ROWS)},
        rows={name[len(_ROWS) :]: value for name, value in found.items() if name.startswith(_ROWS)},
    )


def note_written(path: Path) -> None:
    """Write the sum of a file that was made after its run, such as the page; of any other file, do nothing.

    Raises:
        RunError: the database cannot be written.
    """
    place = place_of(path.parent)
    if not holds_run(path.parent):
        return
    try:
        with contextlib.closing(
            sqlite3.connect(place.database, isolation_level=None, timeout=10)
        ) as connection:
            if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sums'").fetchall():
                pair = pair_of(connection, place.pair)
                note_file(connection.cursor(), pair, path.name, sum_of_file(path))
    except (OSError, sqlite3.Error) as error:
        raise RunError(f"cannot note the sum of {str(path)!r} in its run: {error}") from error
