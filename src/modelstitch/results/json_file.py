"""A comparison as one JSON file, and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from modelstitch.errors import RunError
from modelstitch.util.atomic_files import atomic_write

FORMAT = "modelstitch comparison 1"


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
        raise RunError(f"cannot write {str(path)!r}: {error}") from error


def read_values(path: str | Path) -> dict[str, Any]:
    """Read what :func:`write_values` wrote of a comparison.

    Raises:
        RunError: no such file, or a file of another kind.
    """
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"cannot read comparison {str(path)!r}: {error}") from error
    except ValueError as error:
        raise RunError(
            f"cannot read comparison {str(path)!r}: expected a run folder, or a file that Comparison.save wrote; this is no JSON ({error})"
        ) from error
    got = values.get("format") if isinstance(values, dict) else type(values).__name__
    if got != FORMAT:
        raise RunError(f"cannot read comparison {str(path)!r}: expected {FORMAT!r}, got {got!r}")
    assert isinstance(values, dict)
    return values
