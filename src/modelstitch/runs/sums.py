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

SCHEMA = "CREATE TABLE IF NOT EXISTS sums (name TEXT PRIMARY KEY, sha256 TEXT NOT NULL)"

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


def sums_of_rows(connection: sqlite3.Connection) -> dict[str, str]:
    """Return the SHA-256 of the rows of a run's database, by table and what they are of.

    Example:
        >>> connection = sqlite3.connect(":memory:")
        >>> _ = connection.execute("CREATE TABLE facts (name TEXT, value TEXT)")
        >>> _ = connection.execute("INSERT INTO facts VALUES ('data', 'digits')")
        >>> list(sums_of_rows(connection))
        ['facts data']
    """
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    hashers: dict[str, list[bytes]] = {}
    for table, columns in _TABLES.items():
        if table not in tables:
            continue
        cursor = connection.execute(f"SELECT * FROM {table}")
        names = [column[0] for column in cursor.description]
        places = [names.index(column) for column in columns]
        for row in cursor:
            of = " ".join(str(row[place]) for place in places)
            # repr of a number has all its digits, and tells 1 from 1.0 and text from bytes.
            hashers.setdefault(f"{table} {of}", []).append(sha256(repr(row).encode()).digest())
    return {name: sha256(b"".join(sorted(rows))).hexdigest() for name, rows in hashers.items()}


def unseal(cursor: sqlite3.Cursor) -> None:
    """Take the sums of rows away, since rows are about to be written; make the table where there is none."""
    cursor.execute(SCHEMA)
    cursor.execute("DELETE FROM sums WHERE substr(name, 1, ?) = ?", (len(_ROWS), _ROWS))


def seal(cursor: sqlite3.Cursor) -> None:
    """Write the sums of all rows of a finished run."""
    unseal(cursor)
    found = sums_of_rows(cursor.connection)
    cursor.executemany(
        "INSERT INTO sums VALUES (?, ?)", [(_ROWS + name, value) for name, value in found.items()]
    )


def note_file(cursor: sqlite3.Cursor, name: str, value: str) -> None:
    """Write the sum of a file of the run folder."""
    cursor.execute("INSERT OR REPLACE INTO sums VALUES (?, ?)", (name, value))


def read_sums(connection: sqlite3.Connection) -> RunSums:
    """Return the sums that stand in a database."""
    there = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sums'").fetchall()
    found = dict(connection.execute("SELECT name, sha256 FROM sums")) if there else {}
    return RunSums(
        files={name: value for name, value in found.items() if not name.startswith(_ROWS)},
        rows={name[len(_ROWS) :]: value for name, value in found.items() if name.startswith(_ROWS)},
    )


def note_written(path: Path) -> None:
    """Write the sum of a file that was made after its run, such as the page; of any other file, do nothing.

    Raises:
        RunError: the database cannot be written.
    """
    database = path.parent / "run.sqlite"
    if not database.is_file():
        return
    try:
        with contextlib.closing(sqlite3.connect(database, isolation_level=None, timeout=10)) as connection:
            if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sums'").fetchall():
                note_file(connection.cursor(), path.name, sum_of_file(path))
    except (OSError, sqlite3.Error) as error:
        raise RunError(f"cannot note the sum of {str(path)!r} in its run: {error}") from error
