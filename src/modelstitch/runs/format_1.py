"""Read the database of a run folder of format 1 as the plain values of a comparison of format 1."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

_CELL = [
    "sender_cut",
    "receiver_cut",
    "family",
    "norm",
    "objective",
    "control",
    "seed",
    "accuracy",
    "standard_error",
    "loss",
    "n_parameters",
    "bridge",
    "steps",
    "seconds",
    "n_heldout",
    "failure",
    "start",
    "converged",
    "gain",
    "noise",
    "total_steps",
    "precision",
]
_BASELINE = ("role", "control", "seed", "accuracy", "digest")
_EVIDENCE_OF = ("sender_cut", "receiver_cut", "family", "norm", "control", "seed")


def values_of(connection: sqlite3.Connection) -> dict[str, Any]:
    """Return everything finished in a run, with the evidence that was measured last."""
    facts = {name: json.loads(value) for name, value in connection.execute("SELECT name, value FROM facts")}
    cells = _rows(connection, _CELL, "cells")
    for cell in cells:
        cell["converged"] = None if cell["converged"] is None else bool(cell["converged"])
    return {
        "format": "modelstitch comparison 1",
        "sender": facts["sender"],
        "receiver": facts["receiver"],
        "data": facts["data"],
        "spec": facts["spec"],
        "notes": facts["notes"],
        "baselines": _rows(connection, _BASELINE, "baselines ORDER BY control, seed, role"),
        "cells": cells,
        "evidence": _evidence(connection, facts.get("evidence_examples")),
        "advantages": facts.get("advantages", []),
    }


def _rows(
    connection: sqlite3.Connection, columns: tuple[str, ...] | list[str], table: str
) -> list[dict[str, Any]]:
    selected = connection.execute(f"SELECT {', '.join(columns)} FROM {table}")
    return [dict(zip(columns, values, strict=True)) for values in selected]


def _evidence(connection: sqlite3.Connection, n_examples: int | None) -> list[dict[str, Any]]:
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'evidence'").fetchall():
        return []  # the first runs had none
    columns = (*_EVIDENCE_OF, "kind", "name", "where", "value", "low", "high", "n")
    selected = connection.execute(
        f"SELECT {', '.join(f'cells.{name}' for name in _EVIDENCE_OF)}, "
        "evidence.kind, name, place, value, low, high, n FROM evidence JOIN cells USING (key) "
        "JOIN appraisals ON appraisals.key = evidence.key AND appraisals.kind = evidence.kind "
        "WHERE n_examples = ? AND version = (SELECT MAX(version) FROM appraisals) ORDER BY evidence.rowid",
        (n_examples,),
    )
    return [dict(zip(columns, values, strict=True)) for values in selected]
