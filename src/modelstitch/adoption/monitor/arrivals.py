"""What arrives at a monitor: examples, with or without labels, and labels of examples that it saw before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from modelstitch.errors import DataError


@dataclass(frozen=True, kw_only=True, eq=False)
class Arrivals:
    """Some items of a stream, in its order.

    Attributes:
        ids: of the m items; an id that the monitor has seen is the same example again.
        rows: (m,) row of each item among the inputs; None where a label alone arrives.
        inputs: (n, ...) by name, as the contract of the candidate says.
        labels: (m,) number of the class of each item; None without a label.
        targets: (n, ...) of a task without classes, whose examples all have one; None otherwise.
        original: gives what the receiver says of some rows; None where it is not at hand.

    Raises:
        DataError: parts of unequal sizes.
    """

    ids: tuple[str, ...]
    rows: tuple[int | None, ...]
    inputs: Mapping[str, Tensor]
    labels: tuple[int | None, ...]
    targets: Tensor | None = None
    original: Callable[[Tensor], Tensor] | None = None

    def __post_init__(self) -> None:
        sizes = {len(self.ids), len(self.rows), len(self.labels)}
        if len(sizes) > 1:
            raise DataError(f"expected as many ids, rows and labels, got {sorted(sizes)}")


def numbered(ids: Sequence[str]) -> tuple[str, ...]:
    """Return ids of examples in which equal ones of one batch are told apart by their number.

    Two equal examples of one batch are two examples; a batch that is given again has the same ids.

    Example:
        >>> numbered(["a", "b", "a"])
        ('a', 'b', 'a.1')
    """
    times: dict[str, int] = {}
    found = []
    for one in ids:
        times[one] = times.get(one, -1) + 1
        found.append(one if not times[one] else f"{one}.{times[one]}")
    return tuple(found)
