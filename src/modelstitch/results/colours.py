"""Colours and marks of pictures and pages: one scale for scores, one for what is kept, marks for the words.

Both scales are safe for every colour vision. A verdict has a mark and no colour of its own: in the map of
verdicts the colour says how much is kept.
"""

from __future__ import annotations

import matplotlib
from matplotlib.colors import to_hex

from modelstitch.results.plots import COLOURS, readable_on
from modelstitch.specs.verdicts import Learnt, VerdictName

N_SHADES = 64

NEUTRAL = ("var(--none, transparent)", "var(--ink, inherit)")
"""Fill and ink of a cell without a value: those of the page, and defaults outside of it."""

MARKS: dict[VerdictName, str] = {
    VerdictName.INTERCHANGEABLE: "✓",
    VerdictName.PARTLY: "◐",
    VerdictName.DECODABLE_ONLY: "L",
    VerdictName.INCOMPATIBLE: "✕",
    VerdictName.CANNOT_TELL: "?",
}
"""The mark of what comes across."""

LEARNT_MARKS: dict[Learnt, str] = {
    Learnt.LEARNT: "",
    Learnt.NOT_LEARNT: "u",
    Learnt.UNCLEAR: "u?",
    Learnt.NOT_ASKED: "",
}
"""The mark of whether it was learnt: ``u`` where an untrained sender does as well."""


def palette(scale: str = COLOURS) -> list[str]:
    """Return the shades of a scale from 0 to 1 as hexadecimal colours.

    Example:
        >>> palette()[0], palette()[-1]
        ('#440154', '#fde725')
    """
    shades = matplotlib.colormaps[scale]
    return [to_hex(shades(index / (N_SHADES - 1))) for index in range(N_SHADES)]


def shade(value: float | None, scale: str = COLOURS) -> tuple[str, str]:
    """Return the colour of a value in 0-1 and an ink that is readable on it; neutral where there is no value.

    Args:
        value: the value.
        scale: name of the scale, that of scores or that of what is kept.

    Example:
        >>> from modelstitch.results.plots import KEPT_COLOURS
        >>> shade(1.0), shade(0.0), shade(0.0, KEPT_COLOURS)
        (('#fde725', 'black'), ('#440154', 'white'), ('#0d0887', 'white'))
    """
    if value is None:
        return NEUTRAL
    colour = matplotlib.colormaps[scale](round(min(1.0, max(0.0, value)) * (N_SHADES - 1)) / (N_SHADES - 1))
    return to_hex(colour), readable_on(colour)
