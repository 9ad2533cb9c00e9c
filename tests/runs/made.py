"""The header of a run, and runs of format 1, as tests of the run folder need them."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict
from pathlib import Path
from typing import Any

from modelstitch.results.comparison import Comparison
from modelstitch.results.facts import RunFacts
from modelstitch.results.rows import Baseline, CellRow, EvidenceRow
from modelstitch.runs.held import Header
from tests.made import run_spec

FACTS = RunFacts(n_classes=2, chance=0.5)
HEADER = Header(
    sender="A",
    receiver="B",
    data="D",
    spec=run_spec(["a", "b"], ["x"]),
    facts=FACTS,
    identity={"sender_weights": "0123456789abcdef", "choices": {"fit": {"epochs": 4, "steps": None}}},
)


_SCHEMA_1 = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE baselines (
    role TEXT, control TEXT, seed INTEGER, accuracy REAL, digest TEXT NOT NULL,
    PRIMARY KEY (role, control, seed)
);
CREATE TABLE cells (
    key TEXT PRIMARY KEY,
    sender_cut TEXT NOT NULL, receiver_cut TEXT NOT NULL, family TEXT NOT NULL, norm TEXT NOT NULL,
    objective TEXT NOT NULL, control TEXT NOT NULL, seed INTEGER NOT NULL,
    accuracy REAL, standard_error REAL, loss REAL, n_parameters INTEGER NOT NULL, bridge TEXT NOT NULL,
    steps INTEGER NOT NULL, seconds REAL NOT NULL, n_heldout INTEGER NOT NULL, failure TEXT,
    start TEXT NOT NULL, converged INTEGER, gain REAL, noise REAL, total_steps INTEGER NOT NULL,
    precision TEXT NOT NULL, answers BLOB,
    stitch_file TEXT, finished_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE TABLE appraisals (
    key TEXT, kind TEXT, n_examples INTEGER NOT NULL, version INTEGER NOT NULL,
    PRIMARY KEY (key, kind)
);
CREATE TABLE evidence (
    key TEXT, kind TEXT NOT NULL, name TEXT NOT NULL, place TEXT NOT NULL,
    value REAL, low REAL, high REAL, n INTEGER NOT NULL,
    PRIMARY KEY (key, kind, name, place)
);
"""


_SCHEMA_2 = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE baselines (
    role TEXT, control TEXT, seed INTEGER, score REAL, digest TEXT NOT NULL,
    PRIMARY KEY (role, control, seed)
);
CREATE TABLE cells (
    key TEXT PRIMARY KEY,
    sender_cut TEXT NOT NULL, receiver_cut TEXT NOT NULL,
    stitch TEXT NOT NULL, family TEXT NOT NULL, size INTEGER, norm TEXT NOT NULL, objective TEXT NOT NULL,
    control TEXT NOT NULL, seed INTEGER NOT NULL,
    score REAL, standard_error REAL, loss REAL, n_parameters INTEGER NOT NULL, bridge TEXT NOT NULL,
    steps INTEGER NOT NULL, seconds REAL NOT NULL, n_heldout INTEGER NOT NULL, failure TEXT,
    start TEXT NOT NULL, converged INTEGER, gain REAL, noise REAL, total_steps INTEGER NOT NULL,
    precision TEXT NOT NULL, above_receiver REAL, above_receiver_error REAL, answers BLOB,
    stitch_file TEXT, draw INTEGER NOT NULL DEFAULT 0,
    finished_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE TABLE appraisals (
    key TEXT, kind TEXT, n_examples INTEGER NOT NULL, version INTEGER NOT NULL,
    PRIMARY KEY (key, kind)
);
CREATE TABLE evidence (
    key TEXT, kind TEXT NOT NULL, name TEXT NOT NULL, place TEXT NOT NULL,
    value REAL, low REAL, high REAL, n INTEGER NOT NULL,
    PRIMARY KEY (key, kind, name, place)
);
CREATE TABLE parts (key TEXT, place TEXT, numbers BLOB, PRIMARY KEY (key, place));
CREATE TABLE sums (name TEXT PRIMARY KEY, sha256 TEXT NOT NULL);
PRAGMA user_version = 2;
"""


def as_format_2(database: Path, pair: str, to: Path) -> None:
    """Write one run of a database of today as the database of a run folder of format 2."""
    old = sqlite3.connect(to)
    old.executescript(_SCHEMA_2)
    old.row_factory = sqlite3.Row
    new = sqlite3.connect(database)
    new.row_factory = sqlite3.Row
    (number,) = new.execute("SELECT pair FROM pairs WHERE name = ?", (pair,)).fetchone()
    for table in ("facts", "baselines", "cells", "appraisals", "evidence", "parts", "sums"):
        rows = new.execute(f"SELECT * FROM {table} WHERE pair = ? ORDER BY rowid", (number,)).fetchall()
        _insert(
            old, table, [{name: row[name] for name in tuple(row.keys()) if name != "pair"} for row in rows]
        )
    old.commit()
    old.close()
    new.close()


def format_1_values(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as format 1 held it in JSON: every name and every value as its writer put them."""

    def control(name: str) -> str:
        return "none" if name == "trained" else name

    def stitch(label: str) -> dict[str, str]:
        family, _, norm = label.partition("+")
        return {"family": family, "norm": norm or "none"}

    def old(row: CellRow | EvidenceRow | Baseline, *gone: str, **changes: Any) -> dict[str, Any]:
        later = ("above_receiver", "above_receiver_error")
        kept = {name: value for name, value in asdict(row).items() if name not in (*gone, *later)}
        return {**kept, **changes, "control": control(row.control)}

    facts, pair, versions = comparison.facts, comparison.facts.pair, comparison.facts.versions
    spec = asdict(comparison.spec)
    return {
        "format": "modelstitch comparison 1",
        "sender": comparison.sender,
        "receiver": comparison.receiver,
        "data": comparison.data,
        "spec": {**spec, "controls": [control(name) for name in comparison.spec.controls]},
        "notes": {
            "cut_difference": pair.cut_difference,
            "technique": asdict(pair.technique),
            "layouts": asdict(pair.layouts),
            "n_classes": facts.n_classes,
            "n_train": facts.n_train,
            "n_heldout": facts.n_heldout,
            "n_cells": facts.n_cells,
            "chance": facts.chance,
            "labels": facts.labels,
            "task": facts.task,
            "score": facts.score_name,
            "modelstitch": versions.modelstitch,
            "torch": versions.torch,
        },
        "baselines": [old(row, "score", accuracy=row.score) for row in comparison.baselines],
        "cells": [
            old(row, "score", "stitch", "family", "size", "norm", accuracy=row.score, **stitch(row.stitch))
            for row in comparison.cells
        ],
        "evidence": [old(row, "stitch", **stitch(row.stitch)) for row in comparison.evidence],
        "advantages": [asdict(row) for row in comparison.advantages],
    }


def write_format_1(folder: Path, comparison: Comparison, *, n_examples: int = 1000, version: int = 2) -> None:
    """Write a run folder of format 1, its cells in reverse order, since a run finishes them in any order."""
    values = format_1_values(comparison)
    folder.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(folder / "run.sqlite")
    connection.executescript(_SCHEMA_1)
    names = ("sender", "receiver", "data", "spec", "notes", "advantages")
    facts = {**{name: values[name] for name in names}, "evidence_examples": n_examples}
    connection.executemany(
        "INSERT INTO facts VALUES (?, ?)", [(name, json.dumps(value)) for name, value in facts.items()]
    )
    place = ("sender_cut", "receiver_cut", "family", "norm", "control", "seed")
    key_of = {tuple(cell[name] for name in place): f"key {i}" for i, cell in enumerate(values["cells"])}
    _insert(connection, "baselines", values["baselines"])
    _insert(
        connection,
        "cells",
        [{**cell, "key": key_of[tuple(cell[name] for name in place)]} for cell in values["cells"][::-1]],
    )
    rows = [
        {
            "key": key_of[tuple(row[name] for name in place)],
            "place": row["where"],
            **{name: row[name] for name in ("kind", "name", "value", "low", "high", "n")},
        }
        for row in values["evidence"]
    ]
    _insert(connection, "evidence", rows)
    kinds = dict.fromkeys((row["key"], row["kind"]) for row in rows)
    appraisals = [(key, kind, n_examples, version) for key, kind in kinds]
    connection.executemany("INSERT INTO appraisals VALUES (?, ?, ?, ?)", appraisals)
    connection.commit()
    connection.close()


def _insert(connection: sqlite3.Connection, table: str, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        marks = ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))
