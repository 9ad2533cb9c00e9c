"""The tables of a run's database, and what a reader sees of them: one pair, whatever format holds it.

One database holds every pair of an experiment, and ``pair`` is the first column of every table. A run of two
networks is the case of one pair, whose name is empty. Format 2 held one run and had no such column.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FORMAT = 3
"""Of the database; raised whenever its tables change."""

PAIRS = """
CREATE TABLE pairs (
    pair INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, sender TEXT NOT NULL, receiver TEXT NOT NULL
)
"""


@dataclass(frozen=True)
class StoredTable:
    """One table.

    Attributes:
        columns: by name, its type and constraints, in order.
        key: columns that, with the pair, tell its rows apart.
        defaults: what stands in SQL for a column that an older database lacks; NULL where none is given.
    """

    columns: Mapping[str, str]
    key: tuple[str, ...]
    defaults: Mapping[str, str]

    def definition(self, name: str) -> str:
        """Return the statement that makes the table."""
        columns = [f"{column} {kind}".rstrip() for column, kind in self.columns.items()]
        key = ", ".join(("pair", *self.key))
        return (
            f"CREATE TABLE {name} (pair INTEGER NOT NULL REFERENCES pairs, {', '.join(columns)}, "
            f"PRIMARY KEY ({key}))"
        )


_FINISHED_AT = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"

TABLES: Mapping[str, StoredTable] = {
    "facts": StoredTable({"name": "TEXT", "value": "TEXT NOT NULL"}, ("name",), {}),
    "baselines": StoredTable(
        {"role": "TEXT", "control": "TEXT", "seed": "INTEGER", "score": "REAL", "digest": "TEXT NOT NULL"},
        ("role", "control", "seed"),
        {},
    ),
    "cells": StoredTable(
        {
            "key": "TEXT",
            "sender_cut": "TEXT NOT NULL",
            "receiver_cut": "TEXT NOT NULL",
            "stitch": "TEXT NOT NULL",
            "family": "TEXT NOT NULL",
            "size": "INTEGER",
            "norm": "TEXT NOT NULL",
            "objective": "TEXT NOT NULL",
            "control": "TEXT NOT NULL",
            "seed": "INTEGER NOT NULL",
            "score": "REAL",
            "standard_error": "REAL",
            "loss": "REAL",
            "n_parameters": "INTEGER NOT NULL",
            "bridge": "TEXT NOT NULL",
            "steps": "INTEGER NOT NULL",
            "seconds": "REAL NOT NULL",
            "n_heldout": "INTEGER NOT NULL",
            "failure": "TEXT",
            "start": "TEXT NOT NULL",
            "converged": "INTEGER",
            "gain": "REAL",
            "noise": "REAL",
            "total_steps": "INTEGER NOT NULL",
            "precision": "TEXT NOT NULL",
            "above_receiver": "REAL",
            "above_receiver_error": "REAL",
            "answers": "BLOB",
            "stitch_file": "TEXT",
            "draw": "INTEGER NOT NULL DEFAULT 0",
            "finished_at": f"TEXT NOT NULL DEFAULT ({_FINISHED_AT})",
        },
        ("key",),
        {"draw": "0", "finished_at": "''"},
    ),
    "appraisals": StoredTable(
        {"key": "TEXT", "kind": "TEXT", "n_examples": "INTEGER NOT NULL", "version": "INTEGER NOT NULL"},
        ("key", "kind"),
        {},
    ),
    "evidence": StoredTable(
        {
            "key": "TEXT",
            "kind": "TEXT NOT NULL",
            "name": "TEXT NOT NULL",
            "place": "TEXT NOT NULL",
            "value": "REAL",
            "low": "REAL",
            "high": "REAL",
            "n": "INTEGER NOT NULL",
        },
        ("key", "kind", "name", "place"),
        {},
    ),
    "parts": StoredTable({"key": "TEXT", "place": "TEXT", "numbers": "BLOB"}, ("key", "place"), {}),
    "sums": StoredTable({"name": "TEXT", "sha256": "TEXT NOT NULL"}, ("name",), {}),
}


def create(cursor: sqlite3.Cursor) -> None:
    """Make all tables of an empty database."""
    cursor.execute(PAIRS)
    for name, table in TABLES.items():
        cursor.execute(table.definition(name))
    cursor.execute(f"PRAGMA user_version = {FORMAT}")


def format_of(connection: sqlite3.Connection, schema: str = "main") -> int:
    """Return the format of a run's database; format 1 did not write its number."""
    (version,) = connection.execute(f"PRAGMA {schema}.user_version").fetchone()
    return int(version) or 1


def has_tables(connection: sqlite3.Connection, schema: str = "main") -> bool:
    """Tell whether a database holds a run, or is still empty."""
    return bool(connection.execute(f"SELECT 1 FROM {schema}.sqlite_master WHERE name = 'facts'").fetchall())


def pair_of(connection: sqlite3.Connection, name: str) -> int | None:
    """Return the number of a pair by its name; None where the database does not hold it, or has no pairs."""
    if not _columns(connection, "pairs"):
        return None
    found = connection.execute("SELECT pair FROM main.pairs WHERE name = ?", (name,)).fetchone()
    return None if found is None else int(found[0])


def show(connection: sqlite3.Connection, pair: int | None) -> None:
    """Make a connection see one pair as if it were alone in its database.

    Every table is hidden by a view of the same name that has the rows of the pair and all columns of today
    but ``pair``. The tables themselves are ``main.NAME``.

    Args:
        connection: to a database of format 2 or later, which may be opened for reading alone.
        pair: its number; None for the only run of format 2.
    """
    for name in TABLES:
        where = "" if pair is None else f" WHERE pair = {int(pair)}"
        connection.execute(f"DROP VIEW IF EXISTS temp.{name}")
        connection.execute(f"CREATE TEMP VIEW {name} AS {_selection(connection, name, 'main')}{where}")


def rows_of(connection: sqlite3.Connection, name: str, pair: int | None) -> tuple[list[str], sqlite3.Cursor]:
    """Return the columns of a table as they are stored, without the pair, and the rows of the pair."""
    columns = [column for column in _columns(connection, name) if column != "pair"]
    where, values = ("", ()) if pair is None else (" WHERE pair = ?", (pair,))
    if not columns:
        return columns, connection.execute("SELECT 1 WHERE 0")
    return columns, connection.execute(f"SELECT {', '.join(columns)} FROM main.{name}{where}", values)


def copy(connection: sqlite3.Connection, pair: int) -> None:
    """Copy the only run of the attached database ``old``, of format 2 or of today's, as a pair.

    A sum of rows is left out where the old tables lack a column: the rows are others then.
    """
    for name, table in TABLES.items():
        columns = ", ".join(table.columns)
        selected = _selection(connection, name, "old")
        connection.execute(
            f"INSERT INTO main.{name} (pair, {columns}) SELECT ?, {columns} FROM ({selected}) ORDER BY rowid",
            (pair,),
        )
    lacking = any(
        set(table.columns) - set(there)
        for name, table in TABLES.items()
        if (there := _columns(connection, name, "old"))
    )
    if lacking:
        connection.execute("DELETE FROM main.sums WHERE pair = ? AND name LIKE 'rows:%'", (pair,))


def _columns(connection: sqlite3.Connection, name: str, schema: str = "main") -> Sequence[str]:
    return [column for _, column, *_ in connection.execute(f"PRAGMA {schema}.table_info({name})")]


def _selection(connection: sqlite3.Connection, name: str, schema: str) -> str:
    """Return the query of all columns of today, with the row's number; ``pair`` may stand behind it."""
    table, there = TABLES[name], set(_columns(connection, name, schema))
    if not there:
        return f"SELECT NULL AS rowid, {', '.join(f'NULL AS {column}' for column in table.columns)} WHERE 0"
    columns = [
        column if column in there else f"{table.defaults.get(column, 'NULL')} AS {column}"
        for column in table.columns
    ]
    return f"SELECT rowid AS rowid, {', '.join(columns)} FROM {schema}.{name}"
