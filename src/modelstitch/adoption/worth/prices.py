"""Prices and assumptions of a user, from a TOML file: without them there is no word of money."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from modelstitch.errors import SpecError
from modelstitch.util.arguments import checked_fields
from modelstitch.util.places import why_not_read

PRICES = ("labelling_hour", "gpu_hour", "engineer_hour", "million_inferences")
"""The prices; the other numbers of the file are assumptions."""

_ABOVE_ZERO = ("months", "labels_an_hour")


@checked_fields
@dataclass(frozen=True, kw_only=True)
class Prices:
    """Prices in one currency, and what is assumed of time, traffic and work.

    Attributes:
        labelling_hour, gpu_hour, engineer_hour: price of an hour.
        million_inferences: price of a million answers of the whole receiver.
        months: the time that costs are added up over.
        inferences_a_month: answers that are asked for in a month.
        labels_an_hour: examples that are labelled in an hour.
        engineer_hours_retrain, engineer_hours_reuse: work to bring a retrained or a stitched network into
            use.
        gpu_hours_retrain: to train the receiver again.
        currency: what to write behind an amount.

    Raises:
        SpecError: a number that is negative or not finite, or no time, or no label an hour.

    Example:
        >>> Prices(labelling_hour=20, gpu_hour=2, engineer_hour=80, million_inferences=5, months=12,
        ...     inferences_a_month=1e6, labels_an_hour=100, engineer_hours_retrain=40,
        ...     engineer_hours_reuse=16, gpu_hours_retrain=-1)
        Traceback (most recent call last):
        ...
        modelstitch.errors.SpecError: expected gpu_hours_retrain of at least 0, got -1: ...
    """

    labelling_hour: float
    gpu_hour: float
    engineer_hour: float
    million_inferences: float
    months: float
    inferences_a_month: float
    labels_an_hour: float
    engineer_hours_retrain: float
    engineer_hours_reuse: float
    gpu_hours_retrain: float
    currency: str = ""

    def __post_init__(self) -> None:
        for name in NUMBERS:
            _expect_number(name, getattr(self, name))
        if not isinstance(self.currency, str):
            raise SpecError(f'expected currency as text, such as "EUR", got {self.currency!r}')

    @property
    def numbers(self) -> dict[str, float]:
        """All numbers by name, prices first."""
        return {name: float(getattr(self, name)) for name in NUMBERS}


NUMBERS = tuple(one.name for one in fields(Prices) if one.name != "currency")
"""Names of all numbers of a file of prices, prices first."""


def _expect_number(name: str, value: Any) -> None:
    # True is a number to Python, and none to a reader.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SpecError(f"expected {name} as a number, got {value!r}: correct it in the prices")
    least = "above 0" if name in _ABOVE_ZERO else "of at least 0"
    if not math.isfinite(value) or value < 0 or (name in _ABOVE_ZERO and value == 0):
        raise SpecError(f"expected {name} {least}, got {value:g}: correct it in the prices")


def read_prices(path: str | Path) -> Prices:
    """Read prices from a TOML file.

    Raises:
        SpecError: no such file, no TOML, an unknown or a missing key, or a number that cannot be.
    """
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecError(f"cannot read the prices {str(path)!r}: {why_not_read(path, error)}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(
            f"cannot read the prices {str(path)!r}: expected TOML with one key a line, such as "
            f"gpu_hour = 2.5 ({error})"
        ) from error
    return prices_from(values, f"the prices {str(path)!r}")


def prices_from(values: Mapping[str, Any], what: str = "prices") -> Prices:
    """Return prices from plain values.

    Args:
        values: by key.
        what: what to call them in errors.

    Raises:
        SpecError: an unknown or a missing key, or a number that cannot be.

    Example:
        >>> prices_from({"gpu_hours": 2})
        Traceback (most recent call last):
        ...
        modelstitch.errors.SpecError: prices: unknown key 'gpu_hours', did you mean 'gpu_hour'? expected ...
    """
    legal = (*NUMBERS, "currency")
    for key in values:
        if key not in legal:
            near = difflib.get_close_matches(key, legal, n=1, cutoff=0.5)
            hint = f", did you mean {near[0]!r}?" if near else ";"
            raise SpecError(f"{what}: unknown key {key!r}{hint} expected {', '.join(legal)}")
    missing = [name for name in NUMBERS if name not in values]
    if missing:
        raise SpecError(f"{what}: expected a number for {', '.join(missing)} too: add one line for each")
    return Prices(**values)
