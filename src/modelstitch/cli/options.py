"""Options that several commands read the same way."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from modelstitch.errors import SpecError
from modelstitch.specs import View


def view_of(
    size: int | None,
    channels: int | None,
    mean: tuple[float, ...] = (),
    std: tuple[float, ...] = (),
    rate: int | None = None,
    range: tuple[float, ...] = (),
) -> View:
    """Return the view that a model's options describe; an option that was not given is None there.

    Raises:
        SpecError: a view that cannot be.
    """
    return View(
        size=None if size is None else (size, size),
        channels=channels,
        mean=mean or None,
        std=std or None,
        rate=rate,
        range=range or None,
    )


def layouts(texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Read several ``CUT=LAYOUT``.

    Raises:
        SpecError: one without a name or a layout.

    Example:
        >>> layouts(["blocks.0=tokens+1 4x4"])
        (('blocks.0', 'tokens+1 4x4'),)
    """
    pairs = []
    for text in texts:
        name, _, layout = text.partition("=")
        if not name.strip() or not layout.strip():
            raise SpecError(f"expected CUT=LAYOUT, such as 'blocks.0=tokens+1 14x14', got {text!r}")
        pairs.append((name.strip(), layout.strip()))
    return tuple(pairs)


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
    value = _number(number)
    if unit not in units or not 0 <= value < math.inf:
        raise SpecError(f"expected a size such as 2GB or 500MB, got {text!r}{_meant(text.strip())}")
    return round(value * units[unit])


def _number(text: str) -> float:
    """Return a number of a text, or -1 for a text that is none."""
    try:
        return float(text)
    except ValueError:
        return -1.0


def _meant(text: str) -> str:
    """Return the size that was probably meant: a number without a unit, or with one that is not ours."""
    if 0 <= _number(text) < math.inf:
        return f": the unit is missing, write {text}GB for gigabytes or {text}MB for megabytes"
    parts = re.fullmatch(r"([0-9.]+) *([kmgt])i?b?", text, re.IGNORECASE)
    if parts and 0 <= _number(parts[1]) < math.inf:
        return f": write {parts[1]}{parts[2].upper()}B"
    return ""
