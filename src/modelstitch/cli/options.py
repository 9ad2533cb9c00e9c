"""Options that several commands read the same way."""

from __future__ import annotations

import math

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


def view_of(size: int | None, channels: int | None, mean: str | None, std: str | None) -> View:
    """Return the view that a model's options describe; what is not given stays open."""
    return View(
        size=None if size is None else (size, size),
        channels=channels,
        mean=numbers("mean", mean),
        std=numbers("std", std),
    )


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
