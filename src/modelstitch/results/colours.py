"""Colours of pictures and pages: one colour-blind safe scale for numbers, five marks for verdicts."""

from __future__ import annotations

import matplotlib
from matplotlib.colors import to_hex

from modelstitch.results.plots import COLOURS, readable_on
from modelstitch.specs.verdicts import VerdictName

N_SHADES = 64

NEUTRAL = ("var(--none, transparent)", "var(--ink, inherit)")
"""Fill and ink of a cell without a value: those of the page, and defaults outside of it."""


def palette() -> list[str]:
    """Return the shades of the scale from 0 to 1 as hexadecimal colours.

    Example:
        >>> palette()[0], palette()[-1]
        ('#440154', '#fde725')
    """
    scale = matplotlib.colormaps[COLOURS]
    return [to_hex(scale(index / (N_SHADES - 1))) for index in range(N_SHADES)]


def shade(value: float | None) -> tuple[str, str]:
    """Return the colour of a value in 0-1 and an ink that is readable on it; neutral where there is no value.

    Example:
        >>> shade(1.0), shade(0.0)
        (('#fde725', 'black'), ('#440154', 'white'))
    """
    if value is None:
        return NEUTRAL
    colour = matplotlib.colormaps[COLOURS](round(min(1.0, max(0.0, value)) * (N_SHADES - 1)) / (N_SHADES - 1))
    return to_hex(colour), readable_on(colour)


# Colours of Okabe and Ito, safe for every colour vision; each verdict has a mark of its own too.
VERDICTS: dict[VerdictName, tuple[str, str, str]] = {
    VerdictName.INTERCHANGEABLE: ("#009e73", "black", "✓"),
    VerdictName.PARTLY: ("#56b4e9", "black", "◐"),
    VerdictName.DECODABLE_ONLY: ("#e69f00", "black", "L"),
    VerdictName.INCOMPATIBLE: ("#4d4d57", "white", "✕"),
    VerdictName.CANNOT_TELL: ("#c9ccd3", "black", "?"),
}
"""Fill, ink and mark by verdict."""
