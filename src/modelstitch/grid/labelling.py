"""Which output of a network stands for which class of the data: by name, or else by number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from modelstitch.data.class_names import are_numbers, matched
from modelstitch.data.parts import Data
from modelstitch.errors import DataError
from modelstitch.models.network import Network


@dataclass(frozen=True, kw_only=True)
class Labelling:
    """Which output of a network stands for which class of the data.

    Attributes:
        by: ``names`` where both sides have names; ``numbers`` where one has none, or where no name is alike.
        names_differ: whether both sides have names, and none is alike.
        n_outputs, n_classes: numbers of outputs and of classes.
        highest: the highest number of a class.
        missing: classes without an output; the network has no score of its own then.
        order: place of the output of each class, then the places of all other outputs; None for 0, 1, ...
    """

    by: Literal["names", "numbers"]
    names_differ: bool = False
    n_outputs: int
    n_classes: int
    highest: int
    missing: tuple[str, ...] = ()
    order: tuple[int, ...] | None = None


def labelling(network: Network, data: Data, n_outputs: int) -> Labelling | None:
    """Return which output of ``network`` stands for which class; None for a task without classes.

    Classes are matched by name where the data and the network have names. A network that has as many outputs
    as coarser labels answers with those labels.

    Raises:
        DataError: another number of names than of outputs, or a name that fits several outputs.
    """
    if data.scored_by is not None:
        return None
    classes, numbers = data.classes, data.numbers
    if data.finest is not None:
        coarse = n_outputs == len(data.classes)
        classes, numbers = (data.classes, None) if coarse else (data.finest.classes, numbers)
    places = numbers or tuple(range(len(classes)))
    by_number = Labelling(
        by="numbers",
        n_outputs=n_outputs,
        n_classes=len(classes),
        highest=max(places),
        missing=tuple(name for name, place in zip(classes, places, strict=True) if place >= n_outputs),
    )
    if not by_number.missing:
        by_number = replace(by_number, order=_order(places, n_outputs))
    if network.classes is None:
        return by_number
    if len(network.classes) != n_outputs:
        raise DataError(
            f"expected a class name for each of the {n_outputs} outputs of {network.name}, got "
            f"{len(network.classes)}"
        )
    named = matched(classes, network.classes)
    if all(place is None for place in named):
        return replace(by_number, names_differ=not (are_numbers(classes) or are_numbers(network.classes)))
    known = [place for place in named if place is not None]
    missing = tuple(name for name, place in zip(classes, named, strict=True) if place is None)
    order = None if missing else _order(known, n_outputs)
    by: Literal["names", "numbers"] = "numbers" if are_numbers(classes) else "names"
    return replace(by_number, by=by, missing=missing, order=order)


def _order(places: Sequence[int], n_outputs: int) -> tuple[int, ...] | None:
    """Return the places of all outputs, those of the classes first; None where they are in this order."""
    taken = set(places)
    order = (*places, *(place for place in range(n_outputs) if place not in taken))
    return None if order == tuple(range(n_outputs)) else order
