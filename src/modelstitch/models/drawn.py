"""What of an untrained copy of a network was not drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Names of the tensors of an untrained copy that were not drawn; all others were.

    Attributes:
        initial: at the value that their initialiser gives with every seed: norm weights, zero biases.
        tables: fixed tables, the same in every copy: positions, masks, indices.
        permuted: permuted within themselves, since nothing draws them.
        kept: single or constant values that nothing draws, and that no permutation changes.

    Example:
        >>> Drawn(initial=("1.bias",)).constant
        ('1.bias',)
    """

    initial: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    permuted: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    @property
    def constant(self) -> tuple[str, ...]:
        """Names of all tensors that are the same with every seed."""
        return (*self.initial, *self.tables, *self.kept)

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Drawn:
        """Return what ``dataclasses.asdict`` turned into ``values``, also read back from JSON."""
        return cls(**{name: tuple(names) for name, names in values.items()})
