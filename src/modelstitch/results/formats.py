"""The version of the format of a saved comparison as JSON, and the upgrade of format 1.

Format 1 had no number in the database. It called every score an accuracy and the real grid ``none``. It held
family, size and objective of a stitch as one text, and what is recorded of a run as one flat dictionary.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelstitch.errors import RunError
from modelstitch.specs import TRAINED, StitchSpec

FORMAT = 2
"""Raised whenever a saved comparison is written in another form."""

_OLDEST = 1


def expect_readable(what: str, version: int, newest: int = FORMAT) -> None:
    """Raise unless this version of the package can read a saved run of a format.

    Args:
        what: the file or folder, for the message.
        version: its format.
        newest: the format that this version writes.

    Raises:
        RunError: a format that is newer than this package, or that never was.
    """
    if version > newest:
        raise RunError(
            f"cannot read {what}: it has format {version}, expected {_OLDEST} to {newest}: "
            "it was written by a newer modelstitch, so install that version or a later one"
        )
    if version < _OLDEST:
        raise RunError(f"cannot read {what}: expected format {_OLDEST} to {newest}, got {version}")


def upgraded(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plain values of a comparison of format 1 as those of format 2.

    Args:
        values: what ``Comparison.to_json`` gave in format 1; what its first writers lacked may be missing.
    """
    labels = {(cell["family"], cell["norm"]): _stitch(cell) for cell in values["cells"]}
    return {
        "sender": values["sender"],
        "receiver": values["receiver"],
        "data": values["data"],
        "spec": {**values["spec"], "controls": [_control(name) for name in values["spec"]["controls"]]},
        "facts": _facts(values["notes"]),
        "baselines": [_row(baseline) for baseline in values["baselines"]],
        "cells": [{**_row(cell), **_stitch(cell)} for cell in values["cells"]],
        "evidence": [
            {**_row(row), "stitch": labels[row["family"], row["norm"]]["stitch"]}
            for row in values.get("evidence", ())
        ],
        "advantages": list(values.get("advantages", ())),
    }


def _control(name: str) -> str:
    return TRAINED if name == "none" else name


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with its accuracy as ``score`` and its control by today's name, without its stitch."""
    kept = {name: value for name, value in row.items() if name not in ("accuracy", "family", "norm")}
    scored = {"score": row["accuracy"]} if "accuracy" in row else {}
    return {**kept, **scored, "control": _control(row["control"])}


def _stitch(cell: Mapping[str, Any]) -> dict[str, Any]:
    """Return label, family, size and norm of a stitch, which format 1 held as two texts."""
    spec = StitchSpec.parse(cell["family"], cell["norm"])
    return {"stitch": spec.label, "family": spec.family, "size": spec.size, "norm": spec.norm}


def _facts(notes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a run from the flat notes of format 1."""
    versions = ("modelstitch", "torch", "python")
    pair = (
        "cut_difference",
        "cut_tolerance",
        "identity_examples",
        "layouts",
        "technique",
        "fitting_images_seen",
    )
    return {
        **{name: value for name, value in notes.items() if name not in ("score", *versions, *pair)},
        "chance": notes.get("chance", 1 / int(notes["n_classes"])),
        "score_name": notes.get("score", "accuracy"),
        "versions": {name: notes[name] for name in versions if name in notes},
        "pair": {name: notes[name] for name in pair if name in notes},
    }
