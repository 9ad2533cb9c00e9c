"""What carries out the units of work of an experiment: one small function, which another may replace.

An engine is a function of units and of the work on one of them. It yields each unit with its outcome as it
finishes, in any order. A unit is one pair: big enough to share representations, small enough to balance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

U = TypeVar("U")
R = TypeVar("R")


def in_process(units: Iterable[U], work: Callable[[U], R]) -> Iterator[tuple[U, R]]:
    """Yield each unit with its outcome, one after the other, in this process.

    Example:
        >>> list(in_process(["a", "b"], str.upper))
        [('a', 'A'), ('b', 'B')]
    """
    for unit in units:
        yield unit, work(unit)
