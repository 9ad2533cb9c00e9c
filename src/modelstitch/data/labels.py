"""Labels of any type become numbers and names of classes; one rule for every source."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modelstitch.errors import DataError

_EXPECTED = "expected labels as whole numbers of shape (N,), as names, or as True and False"
_FEWEST_IDS = 3
"""Rows from which on a label of its own for each row says that the labels are ids."""
_TRUTH = ("False", "True")


@dataclass(frozen=True)
class GivenLabels:
    """The labels of one part as they were given.

    Attributes:
        values: an array, a tensor or a list, with one label for each row.
        where: the part, for errors.
        names: of the classes, by number, where the source says them.
        row: says a row in words; by default by its number and ``where``.
    """

    values: Any
    where: str
    names: tuple[str, ...] | None = None
    row: Callable[[int], str] | None = None

    def at(self, row: int) -> str:
        """Return a row in words."""
        return f"row {row} of {self.where}" if self.row is None else self.row(row)

    def short(self, row: int) -> str:
        """Return a row in words, beside words that name the part."""
        return f"row {row}" if self.row is None else self.row(row)


@dataclass(frozen=True)
class NumberedLabels:
    """The labels of all parts of a set.

    Attributes:
        parts: (N,) in int64, of each part; the same number is the same class in all of them.
        classes: names of the classes, by number; None where the labels are no more than numbers.
        renumbered: whether a part numbered its classes otherwise than the first one.
    """

    parts: tuple[Tensor, ...]
    classes: tuple[str, ...] | None
    renumbered: bool = False


@dataclass(frozen=True)
class _Read:
    """The labels of one part: ``numbers`` (N,), or ``words``; ``names`` are those of the numbers."""

    given: GivenLabels
    numbers: Tensor | None
    words: list[str] | None = None
    names: tuple[str, ...] | None = None


def numbered(given: Sequence[GivenLabels]) -> NumberedLabels:
    """Number the labels of the parts of a set alike.

    Whole numbers stay as they are, unless the parts name their classes in another order: the first part's
    order then holds for all. Names are numbered in alphabetical order of the first part. False is 0, True 1.
    Classes that other parts have alone come last.

    Args:
        given: of each part, that for training first.

    Raises:
        DataError: labels that are missing, or of another type (the row is named); a label for each row; names
            in one part and bare numbers in another.

    Example:
        >>> train = GivenLabels([0, 1, 1], "train", ("cat", "dog"))
        >>> heldout = GivenLabels([0, 1], "test", ("dog", "cat"))
        >>> numbered([train, heldout])
        NumberedLabels(parts=(tensor([0, 1, 1]), tensor([1, 0])), classes=('cat', 'dog'), renumbered=True)
    """
    read = [_read(part) for part in given]
    _expect_no_ids(read[0])
    if all(part.words is None for part in read):
        return _alike(read)
    order = _order(read)
    place = _places(order, read[0])
    parts = tuple(_by_name(part, place) for part in read)
    renumbered = any(part.names is not None and part.names != order[: len(part.names)] for part in read)
    return NumberedLabels(parts, order, renumbered)


def are_absent(values: Any) -> bool:
    """Tell whether no row has a label: each is None, NaN, empty, or -1, which stands for none.

    Example:
        >>> are_absent([-1, -1]), are_absent([None]), are_absent([0, -1])
        (True, True, False)
    """
    values = _plain(values)
    if isinstance(values, np.ndarray):
        if values.dtype.kind == "f":
            return len(values) > 0 and bool(np.isnan(values).all())
        return len(values) > 0 and values.dtype.kind in "iu" and bool((values == -1).all())
    return len(values) > 0 and all(_is_missing(_one(value)) or _one(value) == -1 for value in values)


def _plain(values: Any) -> np.ndarray[Any, Any] | list[Any]:
    """Return labels as an array, where they are one of numbers or truth values; else as a list."""
    if isinstance(values, Tensor):
        plain = values.detach().cpu()
        array: np.ndarray[Any, Any] = (plain.float() if plain.is_floating_point() else plain).numpy()
        return array
    if isinstance(values, np.ndarray) and (values.ndim == 0 or values.dtype.kind not in "OUS"):
        numbers: np.ndarray[Any, Any] = values
        return numbers
    if isinstance(values, str | bytes | Mapping | Set) or not isinstance(values, Iterable):
        return np.array(values, object)  # of no axis
    listed: list[Any] = list(values)
    kinds = set(map(type, listed))
    if kinds == {bool}:
        return np.array(listed, bool)
    if kinds == {int} and max(map(abs, listed)) < 2**63:
        return np.array(listed, np.int64)
    return listed


def _one(value: Any) -> Any:
    """Return a label that was given as an array or a list of one, or as bytes; any other as it is."""
    if isinstance(value, Tensor | np.ndarray | np.generic):
        value = value.tolist()
    while isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    return value


def _is_missing(value: Any) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float) and math.isnan(value))


def _read(given: GivenLabels) -> _Read:
    """Return the labels of a part as numbers or words, each of them checked."""
    values = _plain(given.values)
    if isinstance(values, list):
        return _of_list(given, values)
    if values.ndim == 0 or values.dtype.kind not in "iub" or values.size != len(values):
        raise _wrong_array(given, values)
    return _of_numbers(given, values.reshape(-1))


def _wrong_array(given: GivenLabels, values: np.ndarray[Any, Any]) -> DataError:
    kind = given.values.dtype if isinstance(given.values, Tensor) else values.dtype
    got = f"{given.where}: {_EXPECTED}, got {kind} of shape {values.shape}"
    if values.ndim != 1 or not len(values) or values.dtype.kind != "f":
        return DataError(got)
    missing = np.flatnonzero(np.isnan(values))
    if len(missing):
        return _missing(given, missing.tolist())
    return DataError(f"{got}, such as {float(values[0])!r}; whole numbers have to be stored as whole numbers")


def _missing(given: GivenLabels, rows: list[int]) -> DataError:
    return DataError(
        f"{len(rows)} labels are missing in {given.where}, the first in {given.short(rows[0])}: give them, "
        "or leave these rows out"
    )


def _of_list(given: GivenLabels, values: list[Any]) -> _Read:
    values = [_one(value) for value in values]
    missing = [row for row, value in enumerate(values) if _is_missing(value)]
    if missing:
        raise _missing(given, missing)
    kinds = {str: "names", bool: "truth values", int: "whole numbers"}
    seen: dict[type, int] = {}
    for row, value in enumerate(values):
        seen.setdefault(type(value), row)
    for kind, row in seen.items():
        if kind not in kinds or (kind is int and abs(values[row]) >= 2**63):
            raise DataError(f"{given.at(row)}: {_EXPECTED}, got {_said(values[row])}")
    if len(seen) > 1:
        (one, first), (other, second) = list(seen.items())[:2]
        raise DataError(
            f"{given.where}: {_EXPECTED}, got {kinds[one]} and {kinds[other]}: {values[first]!r} in "
            f"{given.short(first)}, {values[second]!r} in {given.short(second)}"
        )
    if str in seen:
        return _Read(given, None, values)
    too_large = [row for row, value in enumerate(values) if abs(value) >= 2**63]
    if too_large:
        raise DataError(f"{given.at(too_large[0])}: {_EXPECTED}, got {values[too_large[0]]}")
    return _of_numbers(given, np.array(values, bool if bool in seen else np.int64))


def _said(value: Any) -> str:
    if isinstance(value, float):
        return f"the real number {value!r}"
    if isinstance(value, list | tuple | dict):
        return f"a {type(value).__name__} of {len(value)}"
    return f"{type(value).__name__} {str(value)[:40]!r}"


def _of_numbers(given: GivenLabels, values: np.ndarray[Any, Any]) -> _Read:
    names = given.names
    if values.dtype == bool and names is None:
        names = _TRUTH
    highest = int(values.max()) if len(values) else 0
    n_classes = highest + 1 if names is None else len(names)
    wrong = np.flatnonzero((values < 0) | (values >= min(n_classes, 2**63)))
    if len(wrong):
        label = int(values[wrong[0]])
        others = f"; {len(wrong)} rows have such a label" if len(wrong) > 1 else ""
        others += "; leave out the rows without a label" if label == -1 else ""
        raise DataError(
            f"{given.at(int(wrong[0]))}: label {label} is outside the {n_classes} classes, expected 0 to "
            f"{n_classes - 1}{others}"
        )
    return _Read(given, torch.from_numpy(values.astype(np.int64)), None, names)


def _expect_no_ids(part: _Read) -> None:
    """Raise if each row has a label of its own: no network learns such labels, ids are like that."""
    if part.names is not None or part.given.names is not None:
        return
    labels: list[Any] = part.words or ([] if part.numbers is None else part.numbers.tolist())
    if len(labels) >= _FEWEST_IDS and len(set(labels)) == len(labels):
        raise DataError(
            f"each of the {len(labels)} rows of {part.given.where} has a label of its own ({labels[0]!r}, "
            f"{labels[1]!r}, ...): expected labels that rows share, not ids"
        )


def _alike(read: Sequence[_Read]) -> NumberedLabels:
    """Number parts of whole numbers by the names of the first part that names them."""
    names = next((part.names for part in read if part.names is not None), None)
    if names is None:
        return NumberedLabels(tuple(_numbers(part) for part in read), None)
    # A part without names has to keep to the numbers of the others.
    read = [_checked(part, names) if part.names is None else part for part in read]
    if all(part.names == names for part in read):
        return NumberedLabels(tuple(_numbers(part) for part in read), names)
    order = _order(read)
    place = _places(order, read[0])
    return NumberedLabels(tuple(_by_name(part, place) for part in read), order, renumbered=True)


def _checked(part: _Read, names: tuple[str, ...]) -> _Read:
    numbers = _numbers(part).numpy()
    return _of_numbers(replace(part.given, names=names), numbers)


def _numbers(part: _Read) -> Tensor:
    assert part.numbers is not None
    return part.numbers


def _order(read: Sequence[_Read]) -> tuple[str, ...]:
    """Return the names of the classes in the order of their numbers: the first part's, then further ones.

    Raises:
        DataError: names in one part and bare numbers in another, or two names that differ in spaces or case.
    """
    for part in read:
        if part.words is None and part.names is None:
            words = next(other for other in read if other.words is not None)
            raise DataError(
                f"labels are whole numbers in {part.given.where} and names in {words.given.where}: expected "
                "the same in all parts"
            )
    metadata = (part.given.names or part.names for part in read)
    first = next((names for names in metadata if names is not None), None)
    known = list(first or sorted(set(read[0].words or ())))
    of_all = {word for part in read for word in _words(part)}
    known += sorted(of_all - set(known))
    by_plain: dict[str, str] = {}
    for word in known:
        plain = word.strip()
        # A and a may be two letters.
        other = by_plain.setdefault(plain if len(plain) == 1 else plain.casefold(), word)
        if other != word:
            raise DataError(
                f"{read[0].given.where}: the classes {other!r} and {word!r} differ in spaces or in case "
                "alone: write them alike"
            )
    return tuple(known)


def _words(part: _Read) -> Sequence[str]:
    """Return the name of the class of each row."""
    if part.words is not None:
        return part.words
    names = part.names or ()
    return [names[number] for number in _numbers(part).tolist()]


def _places(names: tuple[str, ...], first: _Read) -> dict[str, int]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"{first.given.where}: expected each class name once, got {twice[0]!r} {names.count(twice[0])} "
            "times"
        )
    return {name: number for number, name in enumerate(names)}


def _by_name(part: _Read, place: dict[str, int]) -> Tensor:
    """Return the labels of a part as the numbers that their names have in ``place``.

    Raises:
        DataError: a name that the part's own metadata do not have, or have twice.
    """
    own = part.given.names or part.names
    words = _words(part)
    if own is not None:
        known = set(_places(own, part))
        row = next((row for row, word in enumerate(words) if word not in known), None)
        if row is not None:
            raise DataError(
                f"{part.given.at(row)}: label {words[row]!r} is none of the classes that the metadata name: "
                f"{', '.join(own[:5])}{', ...' if len(own) > 5 else ''}"
            )
    return torch.tensor([place[word] for word in words], dtype=torch.int64)
