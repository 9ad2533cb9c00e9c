"""Read numbers, texts and intervals out of plain values; what is none of them is refused."""

from __future__ import annotations

import math
from typing import Any

from modelstitch.geometry.intervals import ValueWithInterval


def text_of(value: Any) -> str:
    """Return a text.

    Raises:
        TypeError: anything else.
    """
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def number_of(value: Any) -> float:
    """Return a finite number.

    Raises:
        TypeError: anything else.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{value!r} is no number")
    return value


def count_of(value: Any) -> int:
    """Return a whole number of at least 0.

    Raises:
        TypeError: anything else.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError(f"{value!r} is no number of things")
    return value


def interval_of(value: Any) -> ValueWithInterval:
    """Return a value with its interval.

    Raises:
        TypeError: no three numbers.
        ValueError: the value lies outside of its interval.
    """
    middle, low, high = (number_of(each) for each in value)
    if not low <= middle <= high:
        raise ValueError(f"{value!r} is no value with its interval")
    return middle, low, high
