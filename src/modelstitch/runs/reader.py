"""Read a run folder: its database and its stitch files; nothing here writes."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from dataclasses import fields
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from modelstitch.errors import RunError, TruthError
from modelstitch.results.comparison import Comparison
from modelstitch.results.rows import AdvantageRow, Baseline, CellRow, EvidenceRow
from modelstitch.specs import EVIDENCE_VERSION, StitchSpec

COLUMNS = [field.name for field in fields(CellRow)]
_CELL_OF_EVIDENCE = ("sender_cut", "receiver_cut", "family", "norm", "control", "seed")


def facts_of(connection: sqlite3.Connection) -> dict[str, Any]:
    """Return the facts of a run by name."""
    return {name: json.loads(value) for name, value in connection.execute("SELECT name, value FROM facts")}


def comparison_of(connection: sqlite3.Connection) -> Comparison:
    """Return everything finished so far."""
    facts = facts_of(connection)
    cells = [
        _row(dict(zip(COLUMNS, values, strict=True)))
        for values in connection.execute(f"SELECT {', '.join(COLUMNS)} FROM cells")
    ]
    spec = facts["spec"]
    order = {
        name: {value: index for index, value in enumerate(values)}
        for name, values in (
            ("control", spec["controls"]),
            ("seed", spec["seeds"]),
            ("sender_cut", dict.fromkeys([*spec["sender_cuts"], *spec["receiver_cuts"]])),
            ("receiver_cut", spec["receiver_cuts"]),
            (
                "stitch",
                [StitchSpec(**each).label for each in spec["stitches"]],
            ),
        )
    }
    cells.sort(key=lambda cell: [places[getattr(cell, name)] for name, places in order.items()])
    baselines = [
        Baseline(role=role, control=control, seed=seed, accuracy=accuracy, digest=digest)
        for role, control, seed, accuracy, digest in connection.execute(
            "SELECT role, control, seed, accuracy, digest FROM baselines ORDER BY control, seed, role"
        )
    ]
    return Comparison(
        sender=facts["sender"],
        receiver=facts["receiver"],
        data=facts["data"],
        spec=spec,
        cells=tuple(cells),
        baselines=tuple(baselines),
        notes=facts["notes"],
        evidence=tuple(_evidence(connection, order, facts.get("evidence_examples"))),
        advantages=tuple(AdvantageRow(**each) for each in facts.get("advantages", ())),
    )


def _evidence(
    connection: sqlite3.Connection, order: dict[str, dict[Any, int]], n_examples: int | None
) -> list[EvidenceRow]:
    """Return the evidence of this version that was measured on as many examples as the run was last asked for."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'evidence'").fetchall():
        return []  # a run of an earlier version
    columns = ", ".join(f"cells.{name}" for name in _CELL_OF_EVIDENCE)
    rows = [
        EvidenceRow(
            **dict(zip(_CELL_OF_EVIDENCE, values, strict=False)),
            **dict(
                zip(
                    ("kind", "name", "where", "value", "low", "high", "n"),
                    values[len(_CELL_OF_EVIDENCE) :],
                    strict=True,
                )
            ),
        )
        for values in connection.execute(
            f"SELECT {columns}, evidence.kind, name, place, value, low, high, n FROM evidence JOIN cells USING (key) "
            "JOIN appraisals ON appraisals.key = evidence.key AND appraisals.kind = evidence.kind "
            "WHERE version = ? AND n_examples = ? ORDER BY evidence.rowid",
            (EVIDENCE_VERSION, n_examples),
        )
    ]
    rows.sort(key=lambda row: [places[getattr(row, name)] for name, places in order.items()])
    return rows


def _row(values: dict[str, Any]) -> CellRow:
    converged = values["converged"]
    return CellRow(**{**values, "converged": None if converged is None else bool(converged)})


def read_run(folder: str | Path) -> Comparison:
    """Read the comparison in a run folder, also while a run is going on.

    Raises:
        RunError: no run there, or a damaged one.
    """
    database = Path(folder) / "run.sqlite"
    if not database.is_file():
        raise RunError(f"no run in {str(folder)!r}: expected a folder with run.sqlite")
    try:
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return comparison_of(connection)
    except (sqlite3.Error, KeyError, ValueError, TypeError) as error:
        raise RunError(f"cannot read run {str(folder)!r}: {error}") from error


def read_weights(folder: str | Path, key: str) -> dict[str, Tensor]:
    """Return the weights of one stitch of a run, by the key of its cell.

    Raises:
        TruthError: the file is missing, damaged or of another cell.
    """
    path = Path(folder) / "stitches" / f"{key[:20]}.safetensors"
    try:
        with safe_open(path, framework="pt") as file:
            found = (file.metadata() or {}).get("key")
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise TruthError(f"cannot read the stitch file {str(path)!r} of a finished cell: {error}") from error
    if found != key:
        raise TruthError(f"stitch file {str(path)!r} belongs to another cell ({found})")
    return weights
