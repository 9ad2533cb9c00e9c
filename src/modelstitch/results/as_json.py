"""A comparison as plain values, which JSON can hold, and back."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from modelstitch.results import json_file
from modelstitch.results.facts import RunFacts
from modelstitch.results.formats import FORMAT, upgraded
from modelstitch.results.frames import cell_values, plain_records
from modelstitch.results.rows import AdvantageRow, Baseline, CellRow, EvidenceRow, KeptRow
from modelstitch.specs import RunSpec

if TYPE_CHECKING:
    from modelstitch.results.comparison import Comparison


def values_of(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as plain values; see :meth:`modelstitch.Comparison.to_json`."""
    whole = {role: comparison.baseline(role) for role in ("sender", "receiver")}
    names = ("score", "accuracy") if comparison.score_name == "accuracy" else ("score",)
    return {
        "format": json_file.NAME,
        "sender": comparison.sender,
        "receiver": comparison.receiver,
        "data": comparison.data,
        "score_name": comparison.score_name,
        **{f"{role}_{name}": score for name in names for role, score in whole.items()},
        "spec": asdict(comparison.spec),
        "facts": comparison.facts.to_plain(),
        # The rows are flat, and asdict would copy each of their values.
        "baselines": [dict(vars(row)) for row in comparison.baselines],
        "cells": [cell_values(row) for row in comparison.cells],
        "evidence": [dict(vars(row)) for row in comparison.evidence],
        "advantages": [dict(vars(row)) for row in comparison.advantages],
        "kept": [dict(vars(row)) for row in comparison.kept],
        # For readers of the file: they follow from the rows above, and are not read back.
        "verdicts": plain_records(comparison.verdict_frame()),
    }


def fields_of(values: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the comparison that gave these values, in this format or the older one."""
    if json_file.format_of(values) < FORMAT:
        values = upgraded(values)
    return {
        "sender": values["sender"],
        "receiver": values["receiver"],
        "data": values["data"],
        "spec": RunSpec.from_plain(values["spec"]),
        "facts": RunFacts.from_plain(values["facts"]),
        "cells": tuple(_cell_row(row) for row in values["cells"]),
        "baselines": tuple(Baseline(**row) for row in values["baselines"]),
        "evidence": tuple(EvidenceRow(**row) for row in values["evidence"]),
        "advantages": tuple(AdvantageRow(**row) for row in values["advantages"]),
        "kept": tuple(KeptRow.from_plain(row) for row in values.get("kept", ())),
    }


def _cell_row(values: dict[str, Any]) -> CellRow:
    """Return a row that a file holds; the interval of its score follows from the rest."""
    return CellRow(**{name: value for name, value in values.items() if name not in ("low", "high")})
