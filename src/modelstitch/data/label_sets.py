"""Coarser labels of the same examples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from modelstitch.errors import DataError
from modelstitch.util.arguments import read_fields


@read_fields
@dataclass(frozen=True)
class LabelSet:
    """A coarser labelling of the classes of a data set.

    Attributes:
        name: such as ``rotation``.
        classes: names of its labels.
        label_of: the label of each class of the data.

    Raises:
        DataError: a label without a class or a name, or as many labels as classes.

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
                f"label set {self.name!r}: expected each of the labels 0 to {len(self.classes) - 1} for at "
                f"least one class, got {sorted(set(self.label_of))}"
            )
        if not 2 <= len(self.classes) < len(self.label_of):
            raise DataError(
                f"label set {self.name!r}: expected from 2 labels to one less than the {len(self.label_of)} "
                f"classes, got {len(self.classes)}"
            )

    def labels(self, classes: Tensor) -> Tensor:
        """Return the labels (N,) in this set for examples of classes (N,)."""
        return torch.tensor(self.label_of, device=classes.device)[classes]

    def restricted(self, numbers: Sequence[int]) -> LabelSet | None:
        """Return the set for the classes with these numbers alone; None where it is no coarser than them.

        Example:
            >>> LabelSet("parity", ("even", "odd"), (0, 1, 0, 1)).restricted((0, 1, 3)).label_of
            (0, 1, 1)
        """
        kept = [self.label_of[number] for number in numbers]
        used = sorted(set(kept))
        if not 2 <= len(used) < len(kept):
            return None
        return LabelSet(
            self.name,
            tuple(self.classes[label] for label in used),
            tuple(used.index(label) for label in kept),
        )


@dataclass(frozen=True)
class FinestLabels:
    """The labels that a coarser set replaced.

    Attributes:
        by: the set that the data are now labelled by.
        classes: names of the finest labels.
        heldout: (N,) finest labels of the held-out examples.
    """

    by: LabelSet
    classes: tuple[str, ...]
    heldout: Tensor


@dataclass(frozen=True)
class FurtherLabels:
    """A second column of labels.

    Attributes:
        name: of the column.
        numbers: (N,) of the examples of all parts.
        classes: names of these labels, where they are known.
    """

    name: str
    numbers: Tensor
    classes: tuple[str, ...] | None = None


def may_be_coarser(name: str) -> bool:
    """Tell whether a column beside the label may be a label set, by its name.

    Example:
        >>> may_be_coarser("coarse_label"), may_be_coarser("year")
        (True, False)
    """
    return "label" in name


def sets_of(further: Iterable[FurtherLabels], fine: Tensor, n_classes: int) -> tuple[LabelSet, ...]:
    """Return the label sets among further labels: those that follow from the first labels (N,).

    Args:
        further: second labels.
        fine: (N,) labels of the same examples.
        n_classes: of the set; each has to have an example.
    """
    found = (set_from_labels(one.name, one.numbers, fine, one.classes) for one in further)
    return tuple(each for each in found if each is not None and len(each.label_of) == n_classes)


def set_from_labels(
    name: str, coarse: Tensor, fine: Tensor, classes: tuple[str, ...] | None
) -> LabelSet | None:
    """Return the label set that second labels (N,) of the examples define, or None.

    They define one if all examples of a class share their second label, and not every class has its own.

    Args:
        name: of the set.
        coarse, fine: (N,) second and first labels.
        classes: names of the second labels; without them, their numbers.

    Example:
        >>> coarse, fine = torch.tensor([7, 7, 9]), torch.tensor([0, 1, 2])
        >>> set_from_labels("kind", coarse, fine, None)
        LabelSet(name='kind', classes=('7', '9'), label_of=(0, 0, 1))
    """
    coarse_of: dict[int, int] = {}
    for label, other in zip(fine.tolist(), coarse.tolist(), strict=True):
        if coarse_of.setdefault(label, other) != other:
            return None
    if sorted(coarse_of) != list(range(len(coarse_of))):
        return None
    values = sorted(set(coarse_of.values()))
    if not 2 <= len(values) < len(coarse_of):
        return None
    named = classes is not None and values[0] >= 0 and values[-1] < len(classes)
    names = tuple(classes[value] if named and classes is not None else str(value) for value in values)
    return LabelSet(name, names, tuple(values.index(coarse_of[label]) for label in range(len(coarse_of))))
