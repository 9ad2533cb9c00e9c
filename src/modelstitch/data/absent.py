"""Classes without a training example: nothing can be fitted to them, so they take no part in scores."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from modelstitch.errors import DataError

if TYPE_CHECKING:
    from modelstitch.data.parts import DataPart

_FIRST = 5


@dataclass(frozen=True, kw_only=True)
class Unscored:
    """The classes of a label set that have no training example.

    Attributes:
        n_classes, of: how many they are, and how many classes the label set has.
        first: names of the first ones.
        n_heldout: held-out examples of these classes, which are left out.
    """

    n_classes: int
    of: int
    first: tuple[str, ...]
    n_heldout: int


@dataclass(frozen=True, kw_only=True)
class Present:
    """Two parts, labelled by the classes that have a training example.

    Attributes:
        train, heldout: the parts; labels from 0 on.
        classes: names of these classes.
        numbers: number of each of them in the label set; None where all classes have a training example.
        unscored: the other classes; None likewise.
    """

    train: DataPart
    heldout: DataPart
    classes: tuple[str, ...]
    numbers: tuple[int, ...] | None = None
    unscored: Unscored | None = None


def present_classes(
    train: DataPart, heldout: DataPart, classes: tuple[str, ...] | None, name: str
) -> Present:
    """Leave out the classes without a training example, with their held-out examples.

    Args:
        train, heldout: parts with labels (N,) in int64.
        classes: names of the classes by number; without them, the numbers are the names.
        name: of the data, for errors.

    Raises:
        DataError: no held-out example of the other classes.
    """
    present = train.labels.unique().tolist()
    highest = max((int(part.labels.max()) for part in (train, heldout) if len(part)), default=-1)
    n_classes = highest + 1 if classes is None else len(classes)
    # Labels that no class has are refused by the checks of the data, by name.
    if not present or present[0] < 0 or highest >= n_classes or len(present) == n_classes:
        return Present(train=train, heldout=heldout, classes=classes or tuple(map(str, range(n_classes))))
    known, place = set(present), torch.tensor(present)
    kept = torch.isin(heldout.labels, place.to(heldout.labels.device))
    if not kept.any():
        raise DataError(
            f"data {name}: expected held-out examples of the classes that have training examples "
            f"({len(present)} of {n_classes}), got none"
        )
    absent = (number for number in range(n_classes) if number not in known)
    parts = (train, heldout if kept.all() else heldout.take(kept.nonzero().flatten()))
    relabelled = [
        replace(part, labels=torch.searchsorted(place.to(part.labels.device), part.labels)) for part in parts
    ]
    return Present(
        train=relabelled[0],
        heldout=relabelled[1],
        classes=tuple(_named(number, classes) for number in present),
        numbers=tuple(present),
        unscored=Unscored(
            n_classes=n_classes - len(present),
            of=n_classes,
            first=tuple(_named(number, classes) for number in itertools.islice(absent, _FIRST)),
            n_heldout=int((~kept).sum()),
        ),
    )


def _named(number: int, classes: tuple[str, ...] | None) -> str:
    return str(number) if classes is None else classes[number]
