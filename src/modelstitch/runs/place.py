"""Where a run lies: in a folder with its own database, or as a pair in that of the folder above."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from modelstitch.errors import RunError
from modelstitch.results.formats import expect_readable
from modelstitch.runs import schema

DATABASE = "run.sqlite"
"""Name of the database of a run, or of all pairs of an experiment."""

LOCK = "lock.sqlite"
"""Name of the file that keeps a second writer out."""

_OLDEST_WITH_VIEWS = 2


@dataclass(frozen=True)
class RunPlace:
    """Where a run lies.

    Attributes:
        home: folder of the database.
        pair: name of the pair, which is that of its folder in ``home``; empty for a run of two networks.
    """

    home: Path
    pair: str = ""

    @property
    def folder(self) -> Path:
        """The folder of the stitches, the tables and the page of the run."""
        return self.home / self.pair if self.pair else self.home

    @property
    def database(self) -> Path:
        """The database."""
        return self.home / DATABASE


@dataclass(frozen=True)
class PairName:
    """One pair of an experiment.

    Attributes:
        name: of the pair and of its folder.
        sender, receiver: names of the models.
    """

    name: str
    sender: str
    receiver: str


def place_of(folder: str | Path) -> RunPlace:
    """Return where the run of a folder lies, whether or not there is one.

    A folder whose name is a pair of the database in the folder above belongs to that database.

    Example:
        >>> place_of("run").pair
        ''
    """
    folder = Path(folder)
    whole = folder.resolve()
    above = whole.parent
    if (above / DATABASE).is_file() and _has_pair(above, whole.name):
        # Messages name the folder as it was typed, where its name stands in it.
        return RunPlace(folder.parent if folder.name == whole.name else above, whole.name)
    return RunPlace(folder)


def holds_run(folder: str | Path) -> bool:
    """Tell whether a folder holds a run of two networks, or is that of a pair."""
    place = place_of(folder)
    return place.database.is_file() and (bool(place.pair) or not has_pairs(place.home))


def pairs_in(home: str | Path) -> tuple[PairName, ...]:
    """Return the pairs of an experiment in their order; none of a run of two networks, or of no run."""
    return tuple(PairName(*row) for row in _of_pairs(home, "name != ''"))


def pairs_with_cells(home: str | Path) -> tuple[PairName, ...]:
    """Return those of :func:`pairs_in` that have a finished cell."""
    some = "EXISTS (SELECT 1 FROM cells WHERE cells.pair = pairs.pair)"
    return tuple(PairName(*row) for row in _of_pairs(home, f"name != '' AND {some}"))


def has_pairs(home: str | Path) -> bool:
    """Tell whether a folder is that of an experiment."""
    return bool(_of_pairs(home, "name != ''", most=1))


def _has_pair(home: Path, name: str) -> bool:
    return bool(name) and bool(_of_pairs(home, "name = ?", (name,), most=1))


def _of_pairs(
    home: str | Path, where: str, values: tuple[str, ...] = (), most: int = -1
) -> list[tuple[str, str, str]]:
    database = Path(home) / DATABASE
    if not database.is_file():
        return []
    try:
        with contextlib.closing(_connected(database)) as connection:
            return connection.execute(
                f"SELECT name, sender, receiver FROM pairs WHERE {where} ORDER BY pair LIMIT {most}", values
            ).fetchall()
    except sqlite3.Error:  # an older format, or no database: whoever reads it says so
        return []


@contextlib.contextmanager
def reading(folder: str | Path) -> Iterator[sqlite3.Connection]:
    """Open the run of a folder for reading; its tables hold this run alone, with all columns of today.

    A database of format 1 is given as it is.

    Raises:
        RunError: no run there, several pairs, or a newer format.
        sqlite3.Error: the database cannot be read.
    """
    place = place_of(folder)
    if not place.database.is_file():
        raise RunError(f"no run in {str(folder)!r}: expected a folder with {DATABASE}")
    if not place.pair:
        expect_one(place.home)
    with contextlib.closing(_connected(place.database)) as connection:
        version = schema.format_of(connection)
        expect_readable(f"run {str(folder)!r}", version, schema.FORMAT)
        if version >= _OLDEST_WITH_VIEWS and schema.has_tables(connection):
            schema.show(connection, schema.pair_of(connection, place.pair))
        yield connection


def expect_one(folder: str | Path) -> None:
    """Raise where a folder is that of several pairs, for what reads one.

    Raises:
        RunError: it holds an experiment.
    """
    pairs = pairs_in(folder)
    if pairs:
        first = Path(folder) / pairs[0].name
        raise RunError(
            f"expected a run of one pair, got several pairs in {str(folder)!r}: give the folder of one, such "
            f"as {str(first)!r}"
        )


def _connected(database: Path) -> sqlite3.Connection:
    # as_uri of an absolute path quotes what stands in it, such as a question mark.
    return sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)
