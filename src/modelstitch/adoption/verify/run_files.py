"""The files and the rows of a run against the sums that it recorded."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from modelstitch.adoption.verify.record import VerifiedCheck
from modelstitch.errors import RunError, TruthError
from modelstitch.results.rows import CellRow
from modelstitch.runs.place import DATABASE, LOCK, place_of, reading
from modelstitch.runs.reader import StoredCell, stored_cells, written_with
from modelstitch.runs.schema import pair_of
from modelstitch.runs.sums import RunSums, read_sums, sum_of_file, sums_of_rows

RECORD = "verified.jsonl"
"""Name of the file that the records of a run are added to."""

_OWN = (DATABASE, DATABASE + "-journal", LOCK, LOCK + "-journal", RECORD, RECORD + ".lock")
_STITCHES = "stitches/"
_MOST_NAMED = 20


@dataclass(frozen=True)
class ReadRun:
    """What a run's database holds.

    Attributes:
        cells: finished cells by key.
        sums: that the run recorded.
        rows: SHA-256 of the rows as they are now.
    """

    cells: Mapping[str, StoredCell]
    sums: RunSums
    rows: Mapping[str, str]


def read_database(folder: Path) -> ReadRun:
    """Read the database of a run.

    Raises:
        RunError: it cannot be read.
        TruthError: it is damaged.
    """
    try:
        with reading(folder) as connection:
            whole = connection.execute("PRAGMA integrity_check").fetchone()
            if whole != ("ok",):
                raise TruthError(f"{DATABASE} is damaged: {whole[0]}")
            return ReadRun(
                stored_cells(connection),
                read_sums(connection),
                sums_of_rows(connection, pair_of(connection, place_of(folder).pair)),
            )
    except (sqlite3.Error, TypeError, ValueError) as error:
        raise TruthError(f"{DATABASE} is damaged: {error}") from error


def files_check(folder: Path, found: ReadRun) -> tuple[VerifiedCheck, list[str]]:
    """Compare the files of a run with their sums; return the check, and what could not be checked."""
    there = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() or path.is_symlink()
    }
    expected = found.sums.files
    changed = [name for name, value in expected.items() if name in there and _sum(there[name]) != value]
    stitch_files = {
        cell.stitch_file or f"{_STITCHES}{key[:20]}.safetensors" for key, cell in found.cells.items()
    }
    missing = sorted({*expected, *stitch_files} - there.keys())
    others = sorted(there.keys() - expected.keys() - stitch_files - {*_OWN})
    # A process that was stopped leaves a stitch without a row; a finished run has none.
    added = [name for name in others if name.startswith(_STITCHES) and found.sums.rows]
    left = []
    if not expected:
        left.append("the sums of the files: this run was written by a version that recorded none")
    foreign = [name for name in others if name not in added]
    if foreign:
        left.append(f"files that the run did not write: {_few(foreign)}")
    parts = (("changed", changed), ("missing", missing), ("added", added))
    said = "; ".join(f"{what}: {_few(names)}" for what, names in parts if names)
    check = VerifiedCheck(
        name="files",
        holds=not said,
        said=said or f"{len(expected)} files are those that the run wrote",
        facts={what: sorted(names) for what, names in parts},
    )
    return check, left


def rows_check(folder: Path, found: ReadRun) -> tuple[VerifiedCheck, list[str]]:
    """Compare the rows of a database with their sums, with the stitch files, and with the answers."""
    named: list[str] = []
    left = []
    if found.sums.rows:
        both = (found.sums.rows, found.rows)
        named += [
            _of_cell(name, found)
            for name in sorted(both[0].keys() | both[1].keys())
            if both[0].get(name) != both[1].get(name)
        ]
    else:
        left.append("the sums of the rows: the run is not finished, or was written by an earlier version")
    named += [f"cells {_named(cell)}" for key, cell in found.cells.items() if _differs(folder, key, cell)]
    named = list(dict.fromkeys(named))
    said = (
        f"changed: {_few(named)}" if named else f"the rows of {len(found.cells)} cells are those of the run"
    )
    return VerifiedCheck(name="rows", holds=not named, said=said, facts={"changed": named}), left


def _sum(path: Path) -> str:
    if path.is_symlink():
        return ""
    try:
        return sum_of_file(path)
    except OSError as error:
        raise RunError(f"cannot read {str(path)!r}: {error.strerror}") from error


def _differs(folder: Path, key: str, cell: StoredCell) -> bool:
    """Tell whether a row differs from what its stitch file was written with, or from its own answers."""
    try:
        written = written_with(folder, key)
    except TruthError:
        return False  # the file is named by its own check
    row: dict[str, Any] = asdict(cell.row)
    known = {name: value for name, value in written.items() if name in row}
    # Both are read as rows are today: an error of 0 is none.
    then = asdict(CellRow(**known))
    if any(not _same(row[name], then[name]) for name in known):
        return True
    if cell.answers is None or cell.row.score is None:
        return False
    return abs(float(cell.answers.mean()) - cell.row.score) > 1e-6


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    return bool(one == other)


def _named(cell: StoredCell) -> str:
    row = cell.row
    draw = f", draw {cell.draw}" if cell.draw else ""
    return f"{row.sender_cut} -> {row.receiver_cut} ({row.stitch}, {row.control}, seed {row.seed}{draw})"


def _of_cell(name: str, found: ReadRun) -> str:
    """Return the name of summed rows with their cell in words."""
    table, _, of = name.partition(" ")
    return f"{table} {_named(found.cells[of])}" if of in found.cells else name


def _few(names: Iterable[str]) -> str:
    held = list(names)
    more = len(held) - _MOST_NAMED
    return ", ".join(held[:_MOST_NAMED]) + (f", and {more} more" if more > 0 else "")
