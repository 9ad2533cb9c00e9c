"""What a network took of its weights, and what it did not: nothing here needs torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any


@dataclass(frozen=True, kw_only=True)
class WeightsFacts:
    """What a network took of its weights, and what it did not.

    Attributes:
        key: the set of weights that was chosen by name; None where there was no choice to make.
        left_out: keys of the file outside the network's own prefix, several under one name as ``name.* (n)``.
        untrained: keys of the network that nothing filled.
        unused: keys under the network's prefix that it does not have.
        doubled: keys with two values where the network has one.
        converted: types of numbers that were converted, as ``float16 to float32``.

    Example:
        >>> WeightsFacts(untrained=("head.weight",)).is_partial, WeightsFacts(left_out=("epoch",)).is_partial
        (True, False)
    """

    key: str | None = None
    left_out: tuple[str, ...] = ()
    untrained: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    converted: tuple[str, ...] = ()

    @property
    def is_partial(self) -> bool:
        """Whether network and weights fit only in part."""
        return bool(self.untrained or self.unused or self.doubled)

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> WeightsFacts:
        """Return the facts whose ``dataclasses.asdict`` gave ``values``, also read back from JSON."""
        read: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        return cls(**read)


def grouped(keys: Iterable[str], inside: str = "") -> tuple[str, ...]:
    """Return keys in order, those that share their first name as one.

    Args:
        keys: dotted names.
        inside: a dotted name; keys under it are grouped by the name behind it.

    Example:
        >>> grouped(["epoch", "optimizer.0.step", "optimizer.1.step", "state_dict.loss.weight"], "state_dict")
        ('epoch', 'optimizer.* (2)', 'state_dict.loss.weight')
    """

    def group_of(key: str) -> str:
        start = f"{inside}." if inside and key.startswith(f"{inside}.") else ""
        return start + key.removeprefix(start).split(".")[0]

    found = []
    for name, group in groupby(sorted(keys, key=lambda key: (group_of(key), key)), group_of):
        several = list(group)
        found.append(several[0] if len(several) == 1 else f"{name}.* ({len(several)})")
    return tuple(found)


def listed(names: Iterable[str], most: int = 3) -> str:
    """Show the first names.

    Example:
        >>> listed(["a", "b", "c", "d"])
        'a, b, c, ...'
    """
    every = list(names)
    return ", ".join(every[:most]) + (", ..." if len(every) > most else "")
