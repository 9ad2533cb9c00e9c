"""The state folder of one pilot: its rule, and every example in the order in which it was taken."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from modelstitch.errors import RunError
from modelstitch.util.locks import locked
from modelstitch.util.places import why_not_written

STATE, LOCK = "pilot.sqlite", "lock.sqlite"
"""Names of the files in a state folder."""

_FORMAT, _WITHOUT_AGREEMENT = 2, 1
_SCHEMA = f"""
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE examples (
    place INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, source TEXT NOT NULL,
    own INTEGER NOT NULL, other INTEGER NOT NULL, differ INTEGER NOT NULL,
    label INTEGER, difference REAL, gap REAL NOT NULL, grouped TEXT, agreed REAL
);
PRAGMA user_version = {_FORMAT};
"""


@dataclass(frozen=True, kw_only=True)
class PilotExample:
    """One example of a pilot.

    Attributes:
        id: digest of its input.
        source: where it lies.
        own, other: number of the answer of the candidate, and of the original; 0 without classes.
        differ: whether the answers differ; whether the outputs do, where no target follows from them.
        label: number of its class; None where it is not known, or the task has none.
        difference: score of the candidate less that of the original; None where the label is missing.
        gap: how far the outputs are apart.
        grouped: its group, such as a patient; None where it is one of its own.
        agreed: how well the candidate agrees with the original, from 0 to 1; None where no target follows
            from outputs, or in a state folder of an earlier version.
    """

    id: str
    source: str
    own: int
    other: int
    differ: bool
    label: int | None
    difference: float | None
    gap: float
    grouped: str | None = None
    agreed: float | None = None


@dataclass(frozen=True, kw_only=True)
class PilotFacts:
    """What is fixed when a pilot begins.

    Attributes:
        state: a name of this state folder, drawn at random.
        candidate: hash of the first line of the candidate's ledger.
        against: which network the candidate is held to.
        original: SHA-256 of its weights.
        margin, horizon, k: the rule.
        seed: of the order of examples.
        score: name of the score.
        asks: whether a label is asked only where the answers differ.
        classes: names by number.
        own_known: whether the data of the candidate's run could be read, so that examples that fitted or
            chose it are left out; None of a pilot of an earlier version.
    """

    state: str
    candidate: str
    against: str
    original: str
    margin: float
    horizon: int
    k: int
    seed: int
    score: str
    asks: bool
    classes: tuple[str, ...]
    own_known: bool | None = None


@contextlib.contextmanager
def held_state(folder: Path) -> Iterator[None]:
    """Hold the state folder of a pilot; it is made where it does not exist.

    Raises:
        RunError: another process holds it, or it cannot be written.
    """
    _expect_state(folder)
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = why_not_written(folder, error, "--state")
        raise RunError(f"cannot write the state folder {str(folder)!r}: {why}") from error
    in_use = (
        f"the state folder {str(folder)!r} is in use by another pilot: wait for it, or give another --state"
    )
    with locked(folder / LOCK, in_use):
        try:
            yield
        finally:
            # A refused call leaves nothing; only who holds the folder may remove it.
            if made and [path.name for path in folder.iterdir()] == [LOCK]:
                (folder / LOCK).unlink()
                folder.rmdir()


def _expect_state(folder: Path) -> None:
    """Raise where a folder holds other things than a pilot, before anything is written into it."""
    if folder.is_dir() and not (folder / STATE).is_file():
        others = sorted(each.name for each in folder.iterdir() if each.name != LOCK)
        if others:
            raise RunError(
                f"expected a new folder or the state folder of a pilot, got {str(folder)!r}, which holds "
                f"{', '.join(others[:3])}: give another --state"
            )


def read_state(folder: Path) -> tuple[PilotFacts, tuple[PilotExample, ...]] | None:
    """Return what a state folder holds; None where it holds no pilot.

    Raises:
        RunError: it is damaged, or of another format.
    """
    path = folder / STATE
    if not path.is_file():
        return None
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version not in (_FORMAT, _WITHOUT_AGREEMENT):
                raise RunError(
                    f"expected the state of a pilot of format {_FORMAT}, got {version} in {str(path)!r}"
                )
            facts = {
                name: json.loads(value) for name, value in connection.execute("SELECT name, value FROM facts")
            }
            known = {row[1] for row in connection.execute("PRAGMA table_info(examples)")}
            names = [field.name for field in fields(PilotExample) if field.name in known]
            rows = connection.execute(f"SELECT {', '.join(names)} FROM examples ORDER BY place").fetchall()
        examples = tuple(PilotExample(**dict(zip(names, row, strict=True))) for row in rows)
        return PilotFacts(**{**facts, "classes": tuple(facts["classes"])}), examples
    except (sqlite3.Error, ValueError, TypeError, KeyError) as error:
        raise RunError(f"cannot read the state of a pilot {str(path)!r}: it is damaged ({error})") from error


@contextlib.contextmanager
def written_state(folder: Path, facts: PilotFacts, examples: Sequence[PilotExample]) -> Iterator[None]:
    """Write the state of a pilot beside the old one; it takes its place when the block ends well.

    A full disk, and Ctrl-C, leave the old state whole.

    Raises:
        RunError: it cannot be written.
    """
    path = folder / STATE
    unfinished = path.with_name(f"{STATE}.unfinished")
    try:
        unfinished.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(unfinished)) as connection, connection:
            _fill(connection, asdict(facts), examples)
        yield
        unfinished.replace(path)
    except (sqlite3.Error, OSError) as error:
        raise RunError(f"cannot write the state of a pilot {str(path)!r}: {error}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _fill(connection: sqlite3.Connection, facts: Mapping[str, Any], examples: Sequence[PilotExample]) -> None:
    for statement in _SCHEMA.strip().split(";"):
        connection.execute(statement)
    connection.executemany(
        "INSERT INTO facts VALUES (?, ?)", [(name, json.dumps(value)) for name, value in facts.items()]
    )
    names = [field.name for field in fields(PilotExample)]
    columns, marks = ", ".join(("place", *names)), ", ".join("?" * (len(names) + 1))
    connection.executemany(
        f"INSERT INTO examples ({columns}) VALUES ({marks})",
        [(place, *(getattr(example, name) for name in names)) for place, example in enumerate(examples)],
    )
