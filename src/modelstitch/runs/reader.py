"""Read a run folder: its database and its stitch files; nothing here writes."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from modelstitch.errors import RunError, SpecError
from modelstitch.results.comparison import Comparison
from modelstitch.results.facts import RunFacts
from modelstitch.results.kept import ExampleParts, PartsByCell
from modelstitch.results.rows import AdvantageRow, Baseline, CellKey, CellRow, EvidenceRow, KeptRow
from modelstitch.runs import format_1
from modelstitch.runs.networks import StoredNetworks
from modelstitch.runs.order import Row, in_grid_order
from modelstitch.runs.place import place_of, reading
from modelstitch.runs.schema import format_of, has_tables
from modelstitch.runs.stitch_files import read_stitch
from modelstitch.specs import EVIDENCE, TRAINED, EvidenceSpec, RunSpec

CELL_COLUMNS = [field.name for field in fields(CellRow)]

ORDERS = ""
"""Stands for a place where the statistic of the permutations is."""

_CELL_OF_EVIDENCE = ("sender_cut", "receiver_cut", "stitch", "control", "seed")
_MEASUREMENT = ("kind", "name", "where", "value", "low", "high", "n")


def read_run(folder: str | Path, cache: Path | None = None) -> Comparison:
    """Read the comparison in a run folder, also while a run is going on, also in the older format.

    Args:
        folder: of the run.
        cache: folder of captured graphs, for when its networks are loaded again.

    Raises:
        RunError: no run there, one of a newer format, or a damaged one.
    """
    version = None
    try:
        with reading(folder) as connection:
            version = format_of(connection)
            if version > 1:
                _expect_begun(connection, folder)
                return replace(comparison_of(connection), networks=StoredNetworks(Path(folder), cache))
            older = Comparison.from_json(format_1.values_of(connection))
    except (sqlite3.Error, KeyError, ValueError, TypeError, SpecError) as error:
        known = "" if version is None else f" (format {version})"
        raise RunError(
            f"cannot read run {str(folder)!r}{known}: it is damaged, or no run: {error}"
        ) from error
    return replace(
        older,
        cells=tuple(in_grid_order(older.cells, older.spec)),
        evidence=tuple(in_grid_order(older.evidence, older.spec)),
    )


@dataclass(frozen=True)
class Asked:
    """What a run folder was asked for.

    Attributes:
        spec: of the run.
        evidence: kinds that were measured, and on how many examples; None where none were.
        facts: the entries of the table of facts, by name.
    """

    spec: RunSpec
    evidence: EvidenceSpec | None
    facts: dict[str, Any]


def asked_of(folder: str | Path) -> Asked | None:
    """Return what a run folder was last asked for; None where it holds no run.

    A folder that cannot be read, or of another format, is left to the writer, which refuses it by name.
    """
    if not place_of(folder).database.is_file():
        return None
    try:
        with reading(folder) as connection:
            if format_of(connection) == 1 or not has_run(connection):
                return None
            facts = facts_of(connection)
            measured = facts.get("evidence") or {"version": 0, "n_examples": 1}
            kinds = connection.execute(
                "SELECT DISTINCT kind FROM appraisals WHERE version = ? AND n_examples = ?",
                (measured["version"], measured["n_examples"]),
            ).fetchall()
            spec = RunSpec.from_plain(facts["spec"])
    except (sqlite3.Error, KeyError, ValueError, TypeError, RunError, SpecError):
        return None
    there = {kind for (kind,) in kinds}
    if not there:
        return Asked(spec, None, facts)
    ordered = tuple(kind for kind in EVIDENCE if kind in there)
    return Asked(spec, EvidenceSpec(kinds=ordered, n_examples=measured["n_examples"]), facts)


def is_begun(folder: str | Path) -> bool:
    """Tell whether the run of a folder was begun.

    Raises:
        RunError: the folder cannot be read.
    """
    try:
        with reading(folder) as connection:
            return has_run(connection)
    except sqlite3.Error as error:
        raise RunError(f"cannot read run {str(folder)!r}: it is damaged, or no run: {error}") from error


def has_cells(folder: str | Path) -> bool:
    """Tell whether the run of a folder has a finished cell; a pair of an experiment may be planned alone.

    Raises:
        RunError: the folder cannot be read.
    """
    try:
        with reading(folder) as connection:
            return has_run(connection) and bool(connection.execute("SELECT 1 FROM cells LIMIT 1").fetchall())
    except sqlite3.Error as error:
        raise RunError(f"cannot read run {str(folder)!r}: it is damaged, or no run: {error}") from error


def origin_of(folder: str | Path) -> dict[str, str] | None:
    """Return where a run was started, as ``sources.Origin.to_plain``; None of a run that recorded nothing.

    Raises:
        RunError: the folder cannot be read.
    """
    try:
        with reading(folder) as connection:
            found: dict[str, str] | None = facts_of(connection).get("origin")
    except sqlite3.Error as error:
        raise RunError(f"cannot read run {str(folder)!r}: {error}") from error
    return found


def has_run(connection: sqlite3.Connection) -> bool:
    """Tell whether the run that a connection shows was begun; a pair may be planned alone."""
    return has_tables(connection) and bool(connection.execute("SELECT 1 FROM facts LIMIT 1").fetchall())


def _expect_begun(connection: sqlite3.Connection, folder: str | Path) -> None:
    if has_tables(connection) and not has_run(connection):
        raise RunError(f"no run in {str(folder)!r} yet: the experiment has not come to this pair")


def facts_of(connection: sqlite3.Connection) -> dict[str, Any]:
    """Return the entries of the table ``facts`` by name."""
    return {name: json.loads(value) for name, value in connection.execute("SELECT name, value FROM facts")}


def comparison_of(connection: sqlite3.Connection) -> Comparison:
    """Return everything finished so far, from a database of this format."""
    facts = facts_of(connection)
    spec = RunSpec.from_plain(facts["spec"])
    return Comparison(
        sender=facts["sender"],
        receiver=facts["receiver"],
        data=facts["data"],
        spec=spec,
        facts=RunFacts.from_plain(facts["facts"]),
        cells=tuple(in_grid_order(_shown(_cells(connection), spec), spec)),
        baselines=tuple(_baselines(connection)),
        evidence=tuple(in_grid_order(_shown(_evidence(connection, facts.get("evidence")), spec), spec)),
        advantages=tuple(AdvantageRow(**row) for row in facts.get("advantages", ())),
        kept=tuple(KeptRow.from_plain(row) for row in facts.get("kept", ())),
    )


def _shown(rows: list[Row], spec: RunSpec) -> list[Row]:
    """Return the rows of the grids of the spec; a verdict has drawn untrained senders beside them."""
    return [row for row in rows if row.control in spec.controls]


def _cells(connection: sqlite3.Connection) -> list[CellRow]:
    selected = connection.execute(f"SELECT {', '.join(CELL_COLUMNS)} FROM cells WHERE draw = 0")
    cells = [CellRow(**dict(zip(CELL_COLUMNS, values, strict=True))) for values in selected]
    # SQLite has no type for true and false.
    return [
        replace(cell, converged=None if cell.converged is None else bool(cell.converged)) for cell in cells
    ]


def read_answers(folder: str | Path) -> dict[tuple[str, CellKey], np.ndarray]:
    """Return the score of each held-out example, (n_heldout,), by control and cell of a run folder.

    Raises:
        RunError: the folder cannot be read.
    """
    try:
        with reading(folder) as connection:
            return answers_of(connection)
    except sqlite3.Error as error:
        raise RunError(f"cannot read run {str(folder)!r}: {error}") from error


def answers_of(connection: sqlite3.Connection) -> dict[tuple[str, CellKey], np.ndarray]:
    """Return the same from an open database."""
    selected = connection.execute(
        "SELECT control, sender_cut, receiver_cut, stitch, seed, n_heldout, answers FROM cells "
        "WHERE answers IS NOT NULL AND score IS NOT NULL AND draw = 0"
    )
    return {
        (control, CellKey(sender, receiver, stitch, seed)): _unpacked(packed, n)
        for control, sender, receiver, stitch, seed, n, packed in selected
    }


def read_parts(folder: str | Path) -> PartsByCell:
    """Return what was measured by example, by control and cell of a run folder, as it was drawn first.

    Raises:
        RunError: the folder cannot be read, or an older version wrote it.
    """
    try:
        with reading(folder) as connection:
            return {at: parts for (at, draw), parts in parts_of(connection).items() if draw == 0}
    except sqlite3.Error as error:
        raise RunError(f"cannot read run {str(folder)!r}: {error}") from error


def parts_of(connection: sqlite3.Connection) -> dict[tuple[tuple[str, CellKey], int], ExampleParts]:
    """Return the same of every draw, by control and cell, and by draw."""
    selected = connection.execute(
        "SELECT control, sender_cut, receiver_cut, stitch, seed, draw, place, numbers FROM parts "
        "JOIN cells USING (key) JOIN appraisals USING (key) WHERE kind = 'kept' AND "
        "(n_examples, version) = (SELECT json_extract(value, '$.n_examples'), "
        "json_extract(value, '$.version') FROM facts WHERE name = 'evidence') ORDER BY parts.rowid"
    )
    held: dict[tuple[tuple[str, CellKey], int], dict[str, np.ndarray | None]] = {}
    for control, sender, receiver, stitch, seed, draw, place, numbers in selected:
        at = ((control, CellKey(sender, receiver, stitch, seed)), draw)
        held.setdefault(at, {})[place] = None if numbers is None else np.frombuffer(numbers, dtype="<f4")
    return {at: ExampleParts(each, each.pop(ORDERS, None)) for at, each in held.items()}


def _unpacked(packed: bytes, n: int) -> np.ndarray:
    # Right and wrong take a bit for each example, other scores four bytes.
    if len(packed) == 4 * n:
        return np.frombuffer(packed, dtype="<f4")
    return np.unpackbits(np.frombuffer(packed, dtype=np.uint8), count=n).astype(bool)


def _baselines(connection: sqlite3.Connection) -> list[Baseline]:
    selected = connection.execute(
        "SELECT role, control, seed, score, digest FROM baselines ORDER BY control, seed, role"
    )
    return [
        Baseline(role=role, control=control, seed=seed, score=score, digest=digest)
        for role, control, seed, score, digest in selected
    ]


def _evidence(connection: sqlite3.Connection, measured: dict[str, int] | None) -> list[EvidenceRow]:
    """Return the evidence of the version, and on the number of examples, that the run was last asked for."""
    if measured is None:
        return []
    columns = (*_CELL_OF_EVIDENCE, *_MEASUREMENT)
    selected = connection.execute(
        f"SELECT {', '.join(f'cells.{name}' for name in _CELL_OF_EVIDENCE)}, "
        "evidence.kind, name, place, value, low, high, n FROM evidence JOIN cells USING (key) "
        "JOIN appraisals ON appraisals.key = evidence.key AND appraisals.kind = evidence.kind "
        "WHERE version = ? AND n_examples = ? AND cells.draw = 0 ORDER BY evidence.rowid",
        (measured["version"], measured["n_examples"]),
    )
    rows = [EvidenceRow(**dict(zip(columns, values, strict=True))) for values in selected]
    # A kind that was asked for later stands where it would have stood at once.
    return sorted(rows, key=lambda row: EVIDENCE.index(row.kind))


def key_of(folder: str | Path, cell: CellRow) -> str:
    """Return the key of a finished cell of the real grid.

    Raises:
        RunError: the folder has no such cell.
    """
    wanted = (TRAINED, cell.sender_cut, cell.receiver_cut, cell.stitch, cell.objective, cell.seed)
    try:
        with reading(folder) as connection:
            found = connection.execute(
                "SELECT key FROM cells WHERE control = ? AND sender_cut = ? AND receiver_cut = ? AND "
                "stitch = ? AND objective = ? AND seed = ? ORDER BY draw",
                wanted,
            ).fetchone()
    except sqlite3.Error as error:
        raise RunError(f"cannot read run {str(folder)!r}: {error}") from error
    if found is None:
        raise RunError(f"run {str(folder)!r} has no cell {cell.sender_cut} -> {cell.receiver_cut} any more")
    return str(found[0])


@dataclass(frozen=True)
class StoredCell:
    """One finished cell as the database holds it.

    Attributes:
        row: its numbers.
        draw: which of the untrained copies of its seed it stitches.
        answers: (n_heldout,) the score of each held-out example; None where the fit failed.
        stitch_file: where its stitch lies; None where the run does not say.
    """

    row: CellRow
    draw: int
    answers: np.ndarray | None
    stitch_file: str | None = None


def stored_cells(connection: sqlite3.Connection) -> dict[str, StoredCell]:
    """Return every finished cell by its key, also those of drawn untrained senders."""
    found = {}
    for key, draws, packed, file, *values in connection.execute(
        f"SELECT key, draw, answers, stitch_file, {', '.join(CELL_COLUMNS)} FROM cells ORDER BY key"
    ):
        row = CellRow(**dict(zip(CELL_COLUMNS, values, strict=True)))
        row = replace(row, converged=None if row.converged is None else bool(row.converged))
        answers = None if packed is None or row.score is None else _unpacked(packed, row.n_heldout)
        found[key] = StoredCell(row, draws, answers, file)
    return found


def written_with(folder: str | Path, key: str) -> dict[str, Any]:
    """Return the numbers of a cell that its stitch file was written with.

    Raises:
        TruthError: the file is missing, damaged or of another cell.
    """
    return dict(read_stitch(Path(folder), key, partial(_stitch_file, folder, key)).cell)


def read_weights(folder: str | Path, key: str) -> dict[str, Tensor]:
    """Return the weights of one stitch of a run, by the key of its cell.

    Raises:
        TruthError: the file is missing, damaged or of another cell.
    """
    return dict(read_stitch(Path(folder), key, partial(_stitch_file, folder, key)).weights)


def _stitch_file(folder: str | Path, key: str) -> str | None:
    """Return in which file the database says that a stitch lies."""
    try:
        with reading(folder) as connection:
            found = connection.execute("SELECT stitch_file FROM cells WHERE key = ?", (key,)).fetchone()
    except (sqlite3.Error, RunError):
        return None
    return None if found is None else found[0]
