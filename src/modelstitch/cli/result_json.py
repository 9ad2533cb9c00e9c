"""What ``--json`` prints: the answer of a run beside all its numbers, or an error; one schema for both.

``python -m modelstitch.cli.result_json`` prints the JSON Schema, docs/result.schema.json.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelstitch.results.decision import DecisionWord
from modelstitch.specs.verdicts import Confidence, Learnt, Reason, VerdictName

if TYPE_CHECKING:
    from modelstitch.results.comparison import Comparison

VERSION = 1
"""Version of what ``--json`` prints: raised when an entry is renamed, goes, or gets another meaning."""


def result_of(comparison: Comparison, out: Path | None, seconds: float) -> dict[str, Any]:
    """Return a finished comparison with its answer as values that JSON can hold.

    Args:
        comparison: what was run.
        out: the run folder, whose candidates the recommendation counts.
        seconds: that the command took.
    """
    from modelstitch.report.answer import answer
    from modelstitch.report.beyond import BeyondRun
    from modelstitch.report.commands import command_of
    from modelstitch.report.first_word import first_word
    from modelstitch.report.limits import limits

    beyond = BeyondRun.of_run(comparison, out)
    first = first_word(comparison, beyond)
    told = answer(comparison, comparison.main_stitch)
    steps = first.steps or told.next_steps
    return {
        "version": VERSION,
        "recommendation": {
            "word": first.word.value,
            "sentences": list(map(str, (*first.said, told.headline))),
            "next": [
                {"text": str(step), "command": command_of(step, comparison, beyond) or None} for step in steps
            ],
        },
        "sentences": list(map(str, comparison.sentences())),
        "warnings": list(map(str, limits(comparison))),
        "timings": {"seconds": seconds, "fitting_seconds": sum(cell.seconds for cell in comparison.cells)},
        **comparison.to_json(),
    }


def schema() -> dict[str, Any]:
    """Return the JSON Schema of what ``compare --json`` prints."""
    text, number = {"type": "string"}, {"type": ["number", "null"]}
    texts = {"type": "array", "items": text}

    def one(*names: str, **entries: Any) -> dict[str, Any]:
        return {"type": "object", "required": list(names or entries), "properties": entries}

    def enum(kind: Any) -> dict[str, Any]:
        return {"enum": [member.value for member in kind]}

    cell = {
        **dict.fromkeys(("sender_cut", "receiver_cut", "stitch", "control"), text),
        "seed": {"type": "integer"},
    }
    verdict = {
        **cell,
        "name": enum(VerdictName),
        "reason": text,
        "reason_code": enum(Reason),
        "confidence": enum(Confidence),
        "learnt": enum(Learnt),
        **dict.fromkeys(("score_share", "kept", "kept_low", "kept_high"), number),
    }
    score = {**cell, "score": number, "standard_error": number, "failure": {"type": ["string", "null"]}}
    result = one(
        *("version", "recommendation", "sentences", "warnings", "timings", "format"),
        *("sender", "receiver", "data", "score_name", "spec", "facts", "cells", "verdicts"),
        version={"const": VERSION},
        recommendation=one(
            word=enum(DecisionWord),
            sentences=texts,
            next={"type": "array", "items": one(text=text, command={"type": ["string", "null"]})},
        ),
        sentences=texts,
        warnings=texts,
        timings=one(seconds={"type": "number"}, fitting_seconds={"type": "number"}),
        format=text,
        sender=text,
        receiver=text,
        data=text,
        score_name=text,
        spec={"type": "object"},
        facts={"type": "object"},
        baselines={"type": "array", "items": {"type": "object"}},
        cells={"type": "array", "items": one(**score)},
        evidence={"type": "array", "items": {"type": "object"}},
        verdicts={"type": "array", "items": one(**verdict)},
    )
    error = one("error", error=one(kind=text, message=text, exit_code={"enum": [2, 3, 4]}))
    whole, seconds = {"type": "integer"}, {"type": "number"}
    estimate = one(
        **dict.fromkeys(("n_cells", "n_parameters", "bytes"), whole),
        **dict.fromkeys(("seconds", "evidence_seconds", "drawn_seconds", "recomputed_seconds"), seconds),
        passes={"type": "array", "items": {"type": "object"}},
        range=one(
            **dict.fromkeys(("low", "high", "once", "trial"), seconds),
            **dict.fromkeys(("n_tried", "n_places"), whole),
            in_part={"type": "boolean"},
        ),
    )
    sets = one("label_sets", label_sets={"type": "object", "additionalProperties": {"type": "object"}})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"modelstitch compare --json, version {VERSION}",
        "description": "A result, what --dry-run says, either by label set, or an error.",
        "oneOf": [
            {"$ref": "#/$defs/result"},
            {"$ref": "#/$defs/estimate"},
            {"$ref": "#/$defs/label_sets"},
            {"$ref": "#/$defs/error"},
        ],
        "$defs": {"result": result, "estimate": estimate, "label_sets": sets, "error": error},
    }


def text_of(values: Mapping[str, Any]) -> str:
    """Return a schema as the text of its file."""
    return json.dumps(values, indent=1) + "\n"


if __name__ == "__main__":
    print(text_of(schema()), end="")
