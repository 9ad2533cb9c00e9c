"""How every command prints JSON: one value on one line, of the schema that is published for the command."""

from __future__ import annotations

import json
from typing import Any


def print_json(command: str, values: Any) -> None:
    """Print what a command says as one line of JSON.

    Args:
        command: whose schema the values have, by its name in ``cli.COMMANDS``.
        values: that JSON can hold; numbers are finite.
    """
    print(as_text(command, values))


def as_text(command: str, values: Any) -> str:
    """Return what a command says as JSON."""
    return json.dumps(values, allow_nan=False)
