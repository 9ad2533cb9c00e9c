"""The published JSON Schema of what each command prints; that of ``compare`` is in ``result_json``.

``python -m modelstitch.cli.command_schemas`` prints docs/commands.schema.json.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

VERSION = 1
"""Version of what the commands print: raised when an entry is renamed, goes, or gets another meaning."""

_TYPES = {"text": "string", "number": "number", "whole": "integer", "flag": "boolean"}

_CUT = {
    **dict.fromkeys(("name", "layout"), "text"),
    **dict.fromkeys(("shape", "aliases"), "list"),
    **dict.fromkeys(("default", "by_values"), "flag"),
    **dict.fromkeys(("before", "after"), "map"),
    **dict.fromkeys(("parameters_before", "multiply_adds_before"), "number"),
}
_RUN = {
    **dict.fromkeys(("run", "answer"), "text"),
    **dict.fromkeys(("word", "sender", "receiver", "data", "when"), "text?"),
    "cells": "whole?",
}

ENTRIES: Mapping[str, Mapping[str, str]] = {
    "train": {
        **dict.fromkeys(("network", "path"), "text"),
        **dict.fromkeys(("arguments", "view", "data", "recipe"), "map"),
        **dict.fromkeys(("seed", "n_heldout"), "whole"),
        **dict.fromkeys(("accuracy", "seconds"), "number"),
        "classes": "list",
    },
    "cuts": _CUT,
    "diff": {
        **dict.fromkeys(("choices", "scores_beyond_noise", "verdicts"), "list"),
        **dict.fromkeys(("n_scores", "only_before", "only_after", "n_verdicts"), "whole"),
    },
    "runs": _RUN,
    "reuse": {
        **dict.fromkeys(("format", "data", "score_name", "decision", "outcome", "rank_by"), "text"),
        **dict.fromkeys(("sender", "receiver", "elsewhere"), "map"),
        **dict.fromkeys(("rows", "classes"), "list"),
        **dict.fromkeys(("n_cells", "n_failed", "n_missing", "n_cheaper", "n_choose", "n_confirm"), "whole"),
        **dict.fromkeys(("margin", "level"), "number"),
    },
    "export": {
        **dict.fromkeys(("name", "command", "exported_by", "score_name"), "text"),
        **dict.fromkeys(
            ("sender", "receiver", "stitch", "data", "verdict", "division", "contract", "versions"), "map"
        ),
        **dict.fromkeys(("score", "lost", "forms", "intended", "not_for", "limits", "risk_reasons"), "list"),
        **dict.fromkeys(("n_parameters", "n_confirm"), "whole"),
        "frozen": "flag",
    },
    "status": {"kind": "text"},
    "run": {"kind": "text"},
    "paper": {"kind": "text"},
    "stage": {
        **dict.fromkeys(("event", "by", "when", "reason", "previous", "hash"), "text"),
        "facts": "map",
    },
    "pilot": {
        **dict.fromkeys(("state", "result", "against", "original", "state_folder", "score"), "text"),
        **dict.fromkeys(("n", "n_taken", "k", "at_most", "disagreements", "seed"), "whole"),
        **dict.fromkeys(("margin", "level"), "number"),
        **dict.fromkeys(("sentences", "files"), "list"),
        **dict.fromkeys(("ended", "labelled"), "flag"),
        "evidence": "map",
    },
    "monitor": {"event": "text"},
    "verify": {
        **dict.fromkeys(("name", "target", "by", "when", "result"), "text"),
        **dict.fromkeys(("checks", "not_checked"), "list"),
        "versions": "map",
        "reason": "text?",
    },
    "selftest": {
        "passed": "flag",
        **dict.fromkeys(
            ("n_cases", "n_scored", "not_interchangeable", "wrong_interchangeable", "wrong_incompatible"),
            "whole",
        ),
        **dict.fromkeys(("confusion", "conditions", "right_share", "families_left_out"), "map"),
        **dict.fromkeys(("cases", "series"), "list"),
    },
}
"""What stands in the JSON of each command at least, and of what kind; ``?`` is for what may be null."""

LISTS = ("cuts", "runs")
"""Commands that print a list of such values."""


def schemas() -> dict[str, Any]:
    """Return the JSON Schema of every command but ``compare``: its values, or an error."""
    error = {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["kind", "message", "exit_code"],
                "properties": {
                    "kind": {"type": "string"},
                    "message": {"type": "string"},
                    "exit_code": {"enum": [2, 3, 4]},
                },
            }
        },
    }
    found = {}
    for command, entries in ENTRIES.items():
        values = {
            "type": "object",
            "required": list(entries),
            "properties": {name: _schema_of(kind) for name, kind in entries.items()},
        }
        printed = {"type": "array", "items": values} if command in LISTS else values
        found[command] = {"oneOf": [printed, {"$ref": "#/$defs/error"}]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"modelstitch COMMAND --json, version {VERSION}",
        "description": "By command: what it prints, or an error. compare has result.schema.json.",
        "$defs": {"error": error, **found},
    }


def schema_of(command: str) -> dict[str, Any]:
    """Return the schema of one command, with what it refers to."""
    whole = schemas()
    return {**whole, "$ref": f"#/$defs/{command}"}


def _schema_of(kind: str) -> dict[str, Any]:
    plain = {**_TYPES, "list": "array", "map": "object"}[kind.removesuffix("?")]
    return {"type": [plain, "null"] if kind.endswith("?") else plain}


if __name__ == "__main__":
    print(json.dumps(schemas(), indent=1))
