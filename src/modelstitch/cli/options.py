"""Options that several commands read the same way."""

from __future__ import annotations

import math
from collections.abc import Sequence

from modelstitch.errors import SpecError
from modelstitch.specs import View


def numbers(name: str, text: str | None) -> tuple[float, ...] | None:
    """Read ``0.5,0.5,0.5``.

    Raises:
        SpecError: something that is not a number.

    Example:
        >>> numbers("mean", "0.5,0.25")
        (0.5, 0.25)
    """
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise SpecError(
            f"expected {name} as numbers with commas, such as 0.5,0.5,0.5; got {text!r}"
        ) from error


def view_of(
    size: int | None, channels: int | None, mean: str | None, std: str | None, rate: int | None = None
) -> View:
    """Return the view that a model's options describe; what is not given stays open."""
    return View(
        size=None if size is None else (size, size),
        channels=channels,
        mean=numbers("mean", mean),
        std=numbers("std", std),
        rate=rate,
    )


def layouts(texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Read several ``CUT=LAYOUT``.

    Raises:
        SpecError: one without a name or a layout.

    Example:
        >>> layouts(["blocks.0=tokens+1 4x4"])
        (('blocks.0', 'tokens+1 4x4'),)
    """
    found = []
    for text in texts:
        name, _, layout = text.partition("=")
        if not name.strip() or not layout.strip():
            raise SpecError(f"expected CUT=LAYOUT, such as 'blocks.0=tokens+1 14x14', got {text!r}")
        found.append((name.strip(), layout.strip()))
    return tuple(found)


def memory(text: str) -> int:
    """Read a size such as ``2GB`` or ``500MB`` as bytes.

    Raises:
        SpecError: anything else.

    Example:
        >>> memory("2GB")
        2000000000
    """
    units = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
    number, unit = text[:-2].strip(), text[-2:].upper()
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if unit not in units or not 0 <= value < math.inf:
        raise SpecError(f"expected a size such as 2GB or 500MB, got {text!r}")
    return round(value * units[unit])
