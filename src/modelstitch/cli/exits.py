"""The exit codes of all commands, in one table."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the exit code of a command says."""

    HOLDS = 0
    """Done; what was asked for holds."""
    INPUT = 2
    """It cannot be done as it was asked for."""
    INCOMPLETE = 3
    """Undecided, or incomplete: some cells failed."""
    DOES_NOT_HOLD = 4
    """It was checked and does not hold: a truth check, or no candidate qualifies."""
    INTERRUPTED = 130
    """Ctrl-C."""
