"""What arrives at a monitor: examples, with or without labels, and labels of examples that it saw before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from modelstitch.errors import DataError
from modelstitch.tasks import Task


@dataclass(frozen=True, kw_only=True, eq=False)
class Arrivals:
    """Some items of a stream, in its order.

    Attributes:
        ids: of the m items; an id that the monitor has seen is the same example again.
        rows: (m,) row of each item among the inputs; None where a label alone arrives.
        inputs: (n, ...) by name, as the contract of the candidate says.
        labels: (m,) number of the class of each item; None without a label.
        targets: (n, ...) of a task without classes, whose examples all have one; None otherwise.
        task: what scores them; None where no label can arrive.
        original: gives what the receiver says of some rows; None where it is not at hand.
        of_run: how many were left out, since they are of the candidate's own run.

    Raises:
        DataError: parts of unequal sizes.
    """

    ids: tuple[str, ...]
    rows: tuple[int | None, ...]
    inputs: Mapping[str, Tensor]
    labels: tuple[int | None, ...]
    targets: Tensor | None = None
    task: Task | None = None
    original: Callable[[Tensor], Tensor] | None = None
    of_run: int = 0

    def __post_init__(self) -> None:
        sizes = {len(self.ids), len(self.rows), len(self.labels)}
        if len(sizes) > 1:
            raise DataError(f"expected as many ids, rows and labels, got {sorted(sizes)}")


def numbered(ids: Sequence[str], times: dict[str, int]) -> tuple[str, ...]:
    """Return ids of examples in which equal ones of one call are told apart by their number.

    Two equal examples of one call are two examples; data that are given again have the same ids.

    Args:
        ids: of the examples.
        times: how often each came in this call; it is carried on here.

    Example:
        >>> numbered(["a", "b", "a"], {})
        ('a', 'b', 'a.1')
    """
    found = []
    for one in ids:
        times[one] = times.get(one, 0) + 1
        found.append(one if times[one] == 1 else f"{one}.{times[one] - 1}")
    return tuple(found)
