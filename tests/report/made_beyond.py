"""Planted tables of candidates and folders of candidates, as the page reads them."""

from __future__ import annotations

from typing import Any

from modelstitch.report.beyond import CandidateFolder, RecordLine
from modelstitch.results.comparison import Comparison
from modelstitch.results.content import content_of
from modelstitch.results.decision import Record
from modelstitch.results.reuse_table import REUSE_FORMAT
from modelstitch.wording import say

WHOLE = {"load": {"parameters": 1000, "multiply_adds": 8000}, "latency": {"1": {"median": 2.0, "most": 3.0}}}


def row_of(**changes: Any) -> dict[str, Any]:
    """Return a candidate that meets all three conditions, with changes."""
    return {
        "sender_cut": "c0",
        "receiver_cut": "c1",
        "stitch": "affine",
        "seed": 0,
        "replaces": "receiver",
        "load": {"parameters": 800, "multiply_adds": 4000},
        "trained_parameters": 72,
        "score": [0.94, 0.92, 0.96],
        "lost_to_receiver": [0.005, -0.008, 0.018],
        "lost_to_sender": None,
        "kept": [0.62, 0.55, 0.7],
        "comes_across": "partly",
        "learnt": "learnt",
        "conditions": {"no_worse": "holds", "saves": "holds", "partly": "holds"},
        "examples_needed": None,
        "labels_needed": 400,
        "became_wrong": [2, 1],
        "became_right": [0, 1],
        "latency": {"1": {"median": 1.0, "most": 1.5}},
        "misses": [],
        **changes,
    }


def plain_table(comparison: Comparison, *rows: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return what ``modelstitch reuse`` writes, with planted rows."""
    return {
        "format": REUSE_FORMAT,
        "content": content_of(comparison),
        "rows": list(rows),
        "sender": WHOLE,
        "receiver": WHOLE,
        "margin": 0.02,
        "n_choose": 1000,
        "n_confirm": 600,
        "elsewhere": {"dear": 3, "worse": 2, "label": 0, "open": 0},
        "n_failed": 0,
        "score_name": "accuracy",
        **changes,
    }


def folder_of(record: Record, **changes: Any) -> CandidateFolder:
    """Return what the page is told of an exported candidate."""
    values: dict[str, Any] = {
        "name": "line-2",
        "place": ("c0", "c1", "affine", 0),
        "record": record,
        "lines": (
            RecordLine(
                when="2026-01-02T03:04:05+00:00", by="Ann", what=say("record.candidate"), reason="lean"
            ),
            RecordLine(when="2026-02-02T03:04:05+00:00", by="Bo", what=say("record.verified")),
        ),
        "next_steps": (say("step.adopt", name="line-2"),),
    }
    return CandidateFolder(**{**values, **changes})
