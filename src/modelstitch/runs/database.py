"""The database of a run or of an experiment: one writer at a time; an older one gets today's form."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import final

from modelstitch.errors import RunError
from modelstitch.results.formats import expect_readable
from modelstitch.runs import schema
from modelstitch.runs.place import DATABASE, LOCK, PairName, RunPlace, pairs_in, place_of
from modelstitch.util.locks import hold
from modelstitch.util.places import why_not_written

LISTED = "pairs.json"
"""Names the models of an older folder of pairs, in which every pair had a database of its own."""


@final
@dataclass(eq=False)
class Writing:
    """The right to write one database: nobody else has it until it is closed.

    It is taken by the first writer that needs it, so that a choice that is refused before leaves no folder.

    Attributes:
        home: folder of the database.
        pairs: those that an experiment is about to have, in their order; none for a run of two networks.
    """

    home: Path
    pairs: Sequence[PairName] = ()
    _lock: sqlite3.Connection | None = field(default=None, init=False)

    def take(self) -> None:
        """Make the folder, keep other writers out, and bring an older database to today's form.

        Raises:
            RunError: the folder cannot be written, is in use, or holds something else.
        """
        if self._lock is not None:
            return
        expect_experiment(self.home, self.pairs)
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            # A second database, so that readers of the run are not blocked.
            self._lock = hold(
                self.home / LOCK,
                f"run folder {str(self.home)!r} is in use by another process; wait for it, or choose another",
            )
            _upgrade(self.home, self.pairs)
        except OSError as error:
            self.close()
            why = why_not_written(self.home, error)
            raise RunError(f"cannot write run folder {str(self.home)!r}: {why}") from error
        except sqlite3.Error as error:
            self.close()
            raise RunError(f"cannot use run folder {str(self.home)!r}: {error}") from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let other writers in."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Writing:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def expect_experiment(home: Path, pairs: Sequence[PairName]) -> None:
    """Raise where a folder holds one run and several pairs are to be written there, or the reverse.

    Raises:
        RunError: it does.
    """
    above = place_of(home)
    if pairs and above.pair:
        raise RunError(
            f"cannot use folder {str(home)!r} for several pairs: it is that of one pair of "
            f"{str(above.home)!r}; choose another"
        )
    if not (home / DATABASE).is_file():
        return
    known = pairs_in(home)
    if pairs and not known and not _is_empty(home / DATABASE):
        raise RunError(f"cannot use folder {str(home)!r} for several pairs: it holds one run; choose another")
    if known and not pairs:
        raise RunError(
            f"cannot use folder {str(home)!r} for one run: it holds several pairs; choose another, or the "
            f"folder of one pair, such as {str(home / known[0].name)!r}"
        )


def _is_empty(database: Path) -> bool:
    """Tell whether a writer was killed before its first rows."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        try:
            return not schema.has_tables(connection)
        except sqlite3.Error:
            return False


def writing_for(folder: str | Path) -> tuple[Writing, RunPlace]:
    """Return what writes to the run of a folder, and where the run lies."""
    place = place_of(folder)
    return Writing(place.home, pairs_in(place.home) if place.pair else ()), place


def expect_for_one(folder: str | Path) -> None:
    """Raise where a folder cannot be that of a run of two networks, before anything is loaded.

    Raises:
        RunError: it holds several pairs.
    """
    writing, _ = writing_for(folder)
    expect_experiment(writing.home, writing.pairs)


def listed_models(home: Path) -> tuple[str, ...]:
    """Return the models of an older folder of pairs; none of any other folder.

    Raises:
        RunError: the list is damaged.
    """
    path = home / LISTED
    if not path.is_file():
        return ()
    try:
        return tuple(map(str, json.loads(path.read_text(encoding="utf-8"))["models"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"cannot read {str(path)!r}: it is damaged, or no folder of pairs: {error}") from error


def _upgrade(home: Path, pairs: Sequence[PairName]) -> None:
    """Bring a run of format 2, or runs in the folders of pairs, into one database of today's form.

    A new file takes the place of the old one at once. A process that is killed before leaves all as it was,
    one that is killed after it leaves copies, which the next writer takes away.
    """
    database = home / DATABASE
    loose = [pair for pair in pairs if (home / pair.name / DATABASE).is_file()]
    known = {pair.name for pair in pairs_in(home)}
    if pairs:
        new = [pair for pair in loose if pair.name not in known]
        if new:
            _write_anew(home, lambda connection: _take_in(connection, home, pairs, new))
        for pair in loose:
            for name in (DATABASE, LOCK):
                (home / pair.name / name).unlink(missing_ok=True)
        (home / LISTED).unlink(missing_ok=True)
    elif database.is_file() and _format(database) == schema.FORMAT - 1:

        def only(connection: sqlite3.Connection) -> None:
            name_pairs(connection, [_only_pair(database)])
            _copy_from(connection, database, "")

        _write_anew(home, only)


def name_pairs(connection: sqlite3.Connection | sqlite3.Cursor, pairs: Sequence[PairName]) -> None:
    """Write the pairs that a database does not have yet, behind those that it has."""
    connection.executemany(
        "INSERT OR IGNORE INTO main.pairs (name, sender, receiver) VALUES (?, ?, ?)",
        [(pair.name, pair.sender, pair.receiver) for pair in pairs],
    )


def _take_in(
    connection: sqlite3.Connection, home: Path, pairs: Sequence[PairName], new: Sequence[PairName]
) -> None:
    """Write the runs of the folders of some pairs, each with its own lock held."""
    models = listed_models(home)
    listed = [
        PairName(f"{sender}-into-{receiver}", sender, receiver)
        for sender in models
        for receiver in models
        if sender != receiver
    ]
    name_pairs(connection, [*(pair for pair in listed if pair in new), *pairs])
    for pair in new:
        folder = home / pair.name
        in_use = f"run folder {str(folder)!r} is in use by another process; wait for it"
        with contextlib.closing(hold(folder / LOCK, in_use)):
            _copy_from(connection, folder / DATABASE, pair.name)


def _copy_from(connection: sqlite3.Connection, database: Path, name: str) -> None:
    version = _format(database)
    what = f"run folder {str(database.parent)!r}"
    expect_readable(what, version, schema.FORMAT)
    if version == 1:
        raise RunError(cannot_continue(what))
    connection.execute("ATTACH ? AS old", (str(database),))
    try:
        connection.execute("BEGIN")
        pair = schema.pair_of(connection, name)
        assert pair is not None
        schema.copy(connection, pair)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.execute("DETACH old")


def cannot_continue(what: str) -> str:
    """Return why a run of format 1 gets no more cells."""
    return (
        f"cannot continue {what}: it has format 1, expected 2 to {schema.FORMAT}: it was written by an older "
        "modelstitch; choose another folder for this run (the old one can still be read)"
    )


def _only_pair(database: Path) -> PairName:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        facts = dict(connection.execute("SELECT name, value FROM facts WHERE name IN ('sender', 'receiver')"))
    return PairName("", json.loads(facts["sender"]), json.loads(facts["receiver"]))


def _format(database: Path) -> int:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return schema.format_of(connection) if schema.has_tables(connection) else schema.FORMAT


def _write_anew(home: Path, fill: Callable[[sqlite3.Connection], None]) -> None:
    """Have ``fill`` write a new database with all of the one that is there, and put it in its place."""
    database, unfinished = home / DATABASE, home / f"{DATABASE}.unfinished"
    unfinished.unlink(missing_ok=True)
    try:
        with contextlib.closing(sqlite3.connect(unfinished, isolation_level=None)) as connection:
            if database.is_file() and _format(database) == schema.FORMAT:
                with contextlib.closing(sqlite3.connect(database)) as before:
                    before.backup(connection)
            if not schema.has_tables(connection):
                schema.create(connection.cursor())
            fill(connection)
        unfinished.replace(database)
    finally:
        unfinished.unlink(missing_ok=True)
