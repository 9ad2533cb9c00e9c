"""The exit codes of all commands, in one table."""

from __future__ import annotations

from enum import IntEnum


def exit_of(word: str, unless: str) -> Exit:
    """Return the exit code of a decision word for ``--fail-unless``.

    Args:
        word: ``adopt``, ``adopted``, ``pilot``, ``leave`` or ``undecided``.
        unless: ``pilot``, or ``adopted``, which a pilot alone is not.

    Example:
        >>> [exit_of(word, "pilot").value for word in ("pilot", "adopt", "leave", "undecided")]
        [0, 0, 4, 3]
        >>> exit_of("pilot", "adopted").value
        3
    """
    enough = {"pilot": ("pilot", "adopt", "adopted"), "adopted": ("adopted",)}[unless]
    if word in enough:
        return Exit.HOLDS
    return Exit.DOES_NOT_HOLD if word == "leave" else Exit.INCOMPLETE


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
