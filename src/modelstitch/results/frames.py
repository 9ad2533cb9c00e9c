"""Tables of a run as pandas frames, each with ``score`` and ``score_name``, and its cells as a Dataset."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from modelstitch.evidence.verdict import Verdict
from modelstitch.results.cautions import of_row
from modelstitch.results.curves import Curve
from modelstitch.results.rows import AdvantageRow, CellKey, CellRow, EvidenceRow
from modelstitch.results.verdicts import normalised_scores, selectivity, verdict_values
from modelstitch.specs import TRAINED

_FLOATS = (
    "score",
    "low",
    "high",
    "standard_error",
    "loss",
    "gain",
    "noise",
    "sender_score",
    "receiver_score",
    "penalty",
    "normalised",
    "selectivity",
)
BaselineOf = Callable[[str, str], float | None]
"""Score of a whole network by role and control."""

Scores = Mapping[tuple[str, CellKey], float | None]
"""Score of a cell by control and cell."""


def cell_frame(
    cells: Sequence[CellRow],
    evidence: Sequence[EvidenceRow],
    baseline: BaselineOf,
    layouts: Callable[[CellRow], tuple[str | None, str | None]],
    names: tuple[str, str, str],
    score_name: str,
) -> pd.DataFrame:
    """Return one row for each cell, with its layouts, its baselines and its penalty.

    Rows of the real grid also have their normalised score and their selectivity.

    Args:
        cells, evidence: rows of a run.
        baseline: scores of the whole networks.
        layouts: layouts of the two representations of a cell.
        names: of sender, receiver and data.
        score_name: what the score is.
    """
    scaled = normalised_scores(cells)
    selective = selectivity(evidence)
    rows = []
    for cell in cells:
        receiver = baseline("receiver", cell.control)
        real = cell.control == TRAINED
        sender_layout, receiver_layout = layouts(cell)
        rows.append(
            {
                **dict(zip(("sender", "receiver", "data"), names, strict=True)),
                **_with_score_name(cell_values(cell), score_name),
                "sender_layout": sender_layout,
                "receiver_layout": receiver_layout,
                "sender_score": baseline("sender", cell.control),
                "receiver_score": receiver,
                "penalty": None if receiver is None or cell.score is None else receiver - cell.score,
                "normalised": scaled.get(cell.key) if real else None,
                "selectivity": selective.get(cell.key) if real else None,
            }
        )
    if not rows:  # of a run that was stopped before its first cell
        return pd.DataFrame()
    return pd.DataFrame(rows).astype({**dict.fromkeys(_FLOATS, "float64"), "size": "Int64"})


def evidence_frame(evidence: Sequence[EvidenceRow], scores: Scores, score_name: str) -> pd.DataFrame:
    """Return one row for each measurement, with why it has no value, beside the score of its cell."""
    return _scored(
        [
            {
                **asdict(row),
                "note": str(of_row(row) or ""),
                "score": scores.get((row.control, row.key)),
                "score_name": score_name,
            }
            for row in evidence
        ]
    )


def verdict_frame(
    verdicts: Mapping[str, Mapping[CellKey, Verdict]], scores: Scores, score_name: str
) -> pd.DataFrame:
    """Return one row for each verdict, beside the score of its cell.

    Args:
        verdicts: by control and cell.
        scores: by control and cell.
        score_name: what the score is.
    """
    return _scored(
        [
            {
                "control": control,
                **key._asdict(),
                **verdict_values(verdict),
                "score": scores.get((control, key)),
                "score_name": score_name,
            }
            for control, by_key in verdicts.items()
            for key, verdict in by_key.items()
        ]
    )


def plain_records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as values that JSON can hold: None for a number that is not known."""
    rows = frame.to_dict("records")
    return [
        {
            str(name): None if isinstance(value, float) and math.isnan(value) else value
            for name, value in row.items()
        }
        for row in rows
    ]


def advantage_frame(advantages: Sequence[AdvantageRow], scores: Scores, score_name: str) -> pd.DataFrame:
    """Return one row for each difference to a control, beside the score of the cell of the real grid."""
    return _scored(
        [
            {**asdict(row), "score": scores.get((TRAINED, row.key)), "score_name": score_name}
            for row in advantages
        ]
    )


def capacity_frame(curves: Sequence[Curve], score_name: str) -> pd.DataFrame:
    """Return one row for each stitch of each cell of the real grid, with what it decides about the cell."""
    return pd.DataFrame(
        [
            {
                "sender_cut": curve.sender_cut,
                "receiver_cut": curve.receiver_cut,
                "stitch": point.stitch,
                "n_parameters": point.n_parameters,
                "score": point.score,
                "score_name": score_name,
                "kept": point.kept,
                "kept_low": math.nan if point.verdict is None else point.verdict.kept_low,
                "kept_high": math.nan if point.verdict is None else point.verdict.kept_high,
                "untrained": untrained.get(point.stitch, math.nan),
                "name": "" if point.verdict is None else point.verdict.name.value,
                "learnt": "" if point.verdict is None else point.verdict.learnt.value,
                "is_smallest_interchangeable": point is curve.interchangeable,
                "is_largest_ahead": point is curve.ahead,
                "caught_up_by": curve.caught_up_by if point is curve.caught_up else "",
            }
            for curve in curves
            for untrained in [{drawn.stitch: drawn.kept for drawn in curve.untrained}]
            for point in curve.points
        ]
    )


def cell_values(cell: CellRow) -> dict[str, Any]:
    """Return a row as plain values, with the interval behind its score."""
    low, high = cell.interval or (None, None)
    values: dict[str, Any] = {}
    for name, value in vars(cell).items():
        values[name] = value
        if name == "score":
            values |= {"low": low, "high": high}
    return values


def _with_score_name(row: dict[str, Any], score_name: str) -> dict[str, Any]:
    """Return a row with the name of its score behind the score."""
    named: dict[str, Any] = {}
    for column, value in row.items():
        named[column] = value
        if column == "score":
            named["score_name"] = score_name
    return named


def _scored(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows).astype({"score": "float64"}) if rows else pd.DataFrame()
