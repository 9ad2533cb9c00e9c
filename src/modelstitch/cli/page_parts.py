"""What a command brings to the page of a run folder beside its numbers."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from modelstitch.cli.screen import tell


def strips_of(folder: Path) -> Mapping[str, str]:
    """Return the painted images of a run folder; say on stderr that damaged ones are left out."""
    from modelstitch.errors import RunError
    from modelstitch.report import read_strips

    try:
        return read_strips(folder)
    except RunError as error:
        tell(f"modelstitch: {error}; the page is written without them", file=sys.stderr)
        return {}
