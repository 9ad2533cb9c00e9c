"""A comparison as one JSON file, and back."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from modelstitch.errors import RunError
from modelstitch.results.formats import FORMAT, expect_readable
from modelstitch.util.atomic_files import atomic_write
from modelstitch.util.places import why_not_read, why_not_written

NAME = f"modelstitch comparison {FORMAT}"
"""The entry ``format`` of the file."""


def write_values(values: dict[str, Any], path: str | Path) -> None:
    """Write plain values to ``path`` as JSON, whole or not at all.

    Raises:
        RunError: the file cannot be written.
    """
    path = Path(path)
    text = json.dumps(values, indent=1, allow_nan=False) + "\n"
    try:
        atomic_write(path, lambda unfinished: unfinished.write_text(text, encoding="utf-8"))
    except OSError as error:
        raise RunError(f"cannot write {str(path)!r}: {why_not_written(path, error, 'path')}") from error


def holds(path: str | Path, name: str) -> bool:
    """Tell whether a file says that its format is ``name``; one that cannot be read holds nothing."""
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(values, dict) and values.get("format") == name


def read_values(path: str | Path, name: str = NAME) -> dict[str, Any]:
    """Read what :func:`write_values` wrote.

    Args:
        path: the file.
        name: of the format: of a comparison, which may be an older one, or exactly another one.

    Raises:
        RunError: no such file, or a file of another kind.
    """
    what = f"comparison {str(path)!r}"
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"cannot read {what}: {why_not_read(path, error)}") from error
    except ValueError as error:
        raise RunError(
            f"cannot read {what}: expected a run folder, or a file that Comparison.save wrote; "
            f"this is no JSON ({error})"
        ) from error
    if not isinstance(values, dict):
        raise RunError(f"cannot read {what}: expected {name!r}, got {type(values).__name__}")
    if name == NAME:
        format_of(values, what)
    elif values.get("format") != name:
        raise RunError(f"cannot read {what}: expected {name!r}, got {values.get('format')!r}")
    return values


def format_of(values: dict[str, Any], what: str = "these values") -> int:
    """Return the version of the format of a comparison as plain values.

    Raises:
        RunError: values of another kind, or of a newer format.
    """
    name = values.get("format")
    parts = re.fullmatch(r"modelstitch comparison (\d+)", name) if isinstance(name, str) else None
    if parts is None:
        raise RunError(f"cannot read {what}: expected {NAME!r}, got {name!r}")
    version = int(parts[1])
    expect_readable(what, version)
    return version
