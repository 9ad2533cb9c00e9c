"""Classes that a stitched network answers better or worse than the whole receiver, example by example."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int

CLASSES_FILE = "classes.csv"
"""Name of the file in a run folder."""


@dataclass(frozen=True, kw_only=True)
class ClassChange:
    """What one cell changes for one class.

    Attributes:
        sender_cut, receiver_cut, stitch, seed: which cell.
        name: of the class.
        n: held-out examples of the class.
        gained: of these, wrong by the whole receiver and right by the stitched network.
        lost: the other way round.
    """

    sender_cut: str
    receiver_cut: str
    stitch: str
    seed: int
    name: str
    n: int
    gained: int
    lost: int

    @property
    def net(self) -> int:
        """Gained less lost."""
        return self.gained - self.lost


def changes_of(
    place: tuple[str, str, str, int],
    classes: Sequence[str],
    labels: Int[np.ndarray, " n"],
    whole: Bool[np.ndarray, " n"],
    stitched: Bool[np.ndarray, " n"],
) -> list[ClassChange]:
    """Return what a cell changes for each class that has an example.

    Args:
        place: sender cut, receiver cut, stitch and seed.
        classes: names, by label.
        labels: (n,) of the held-out examples.
        whole, stitched: (n,) whether each is answered rightly.

    Example:
        >>> labels, whole = np.array([0, 0, 1]), np.array([True, False, True])
        >>> found = changes_of(("a", "b", "affine", 0), ["cat", "dog"], labels, whole, ~whole)
        >>> [(one.name, one.n, one.gained, one.lost, one.net) for one in found]
        [('cat', 2, 1, 1, 0), ('dog', 1, 0, 1, -1)]
    """
    n_classes = len(classes)
    of_all, gained, lost = (
        np.bincount(labels[rows], minlength=n_classes)
        for rows in (np.ones(len(labels), bool), stitched & ~whole, whole & ~stitched)
    )
    sender_cut, receiver_cut, stitch, seed = place
    return [
        ClassChange(
            sender_cut=sender_cut,
            receiver_cut=receiver_cut,
            stitch=stitch,
            seed=seed,
            name=str(name),
            n=int(of_all[label]),
            gained=int(gained[label]),
            lost=int(lost[label]),
        )
        for label, name in enumerate(classes)
        if of_all[label]
    ]


def write_changes(rows: Sequence[ClassChange], path: Path) -> None:
    """Write changes as a table."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, [field.name for field in fields(ClassChange)])
        table.writeheader()
        table.writerows(asdict(row) for row in rows)


def read_changes(folder: Path) -> tuple[ClassChange, ...]:
    """Return the changes of a run folder; none of a run that has none, or whose table is damaged."""
    path = folder / CLASSES_FILE
    if not path.is_file():
        return ()
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return tuple(_row(values) for values in csv.DictReader(file))
    except (OSError, ValueError, KeyError, TypeError, UnicodeDecodeError):
        return ()


def _row(values: dict[str, str]) -> ClassChange:
    numbers = {name: int(values[name]) for name in ("seed", "n", "gained", "lost")}
    texts = {name: values[name] for name in ("sender_cut", "receiver_cut", "stitch", "name")}
    return ClassChange(**texts, **numbers)  # type: ignore[arg-type]
