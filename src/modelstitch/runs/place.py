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
    if (above / DATABASE).is_file() and whole.name in {pair.name for pair in pairs_in(above)}:
        # Messages name the folder as it was typed, where its name stands in it.
        return RunPlace(folder.parent if folder.name == whole.name else above, whole.name)
    return RunPlace(folder)


def holds_run(folder: str | Path) -> bool:
    """Tell whether a folder holds a run of two networks, or is that of a pair."""
    place = place_of(folder)
    return place.database.is_file() and (bool(place.pair) or not pairs_in(place.home))


def pairs_in(home: str | Path) -> tuple[PairName, ...]:
    """Return the pairs of an experiment in their order; none of a run of two networks, or of no run."""
    database = Path(home) / DATABASE
    if not database.is_file():
        return ()
    try:
        with contextlib.closing(_connected(database)) as connection:
            found = connection.execute(
                "SELECT name, sender, receiver FROM pairs WHERE name != '' ORDER BY pair"
            ).fetchall()
    except sqlite3.Error:  # an older format, or no database: whoever reads it says so
        return ()
    return tuple(PairName(*row) for row in found)


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
