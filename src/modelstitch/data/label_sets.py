"""Coarser labels of the same images: whether what holds for few classes still holds when the task gets finer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from modelstitch.errors import DataError


@dataclass(frozen=True)
class LabelSet:
    """A coarser way to label the classes of a data set.

    Attributes:
        name: such as ``rotation``.
        classes: names of its labels.
        label_of: the label in this set of each class of the data.

    Raises:
        DataError: a label that no class has or that has no name, or as many labels as classes.

    Example:
        >>> LabelSet("parity", ("even", "odd"), (0, 1, 0, 1)).labels(torch.tensor([3, 0])).tolist()
        [1, 0]
    """

    name: str
    classes: tuple[str, ...]
    label_of: tuple[int, ...]

    def __post_init__(self) -> None:
        if set(self.label_of) != set(range(len(self.classes))):
            raise DataError(
                f"label set {self.name!r}: expected each of the labels 0 to {len(self.classes) - 1} for at least one class, "
                f"got {sorted(set(self.label_of))}"
            )
        if not 2 <= len(self.classes) < len(self.label_of):
            raise DataError(
                f"label set {self.name!r}: expected from 2 labels to one less than the {len(self.label_of)} classes, "
                f"got {len(self.classes)}"
            )

    def labels(self, classes: Tensor) -> Tensor:
        """Return the labels in this set of examples of some classes (N,)."""
        return torch.tensor(self.label_of, device=classes.device)[classes]


@dataclass(frozen=True)
class FinestLabels:
    """The labels that a coarser set took the place of.

    Attributes:
        by: the set that data are now labelled by.
        classes: names of the finest labels.
        heldout: (N,) finest labels of the held-out examples.
    """

    by: LabelSet
    classes: tuple[str, ...]
    heldout: Tensor


def set_from_labels(
    name: str, coarse: Tensor, fine: Tensor, classes: tuple[str, ...] | None
) -> LabelSet | None:
    """Return the label set that a second label (N,) of each example makes of the first (N,), or None where it makes none.

    It makes one where all examples of one class have the same second label, and not every class has its own.

    Example:
        >>> coarse, fine = torch.tensor([7, 7, 9]), torch.tensor([0, 1, 2])
        >>> set_from_labels("kind", coarse, fine, None)
        LabelSet(name='kind', classes=('7', '9'), label_of=(0, 0, 1))
    """
    found: dict[int, int] = {}
    for label, other in zip(fine.tolist(), coarse.tolist(), strict=True):
        if found.setdefault(label, other) != other:
            return None
    if sorted(found) != list(range(len(found))):
        return None
    values = sorted(set(found.values()))
    if not 2 <= len(values) < len(found):
        return None
    named = classes is not None and values[0] >= 0 and values[-1] < len(classes)
    names = tuple(classes[value] if named and classes is not None else str(value) for value in values)
    return LabelSet(name, names, tuple(values.index(found[label]) for label in range(len(found))))
