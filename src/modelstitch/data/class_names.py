"""Names of classes: read from a file, and matched between data and the outputs of a network."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from modelstitch.data.absent import Unscored
from modelstitch.data.parts import Data
from modelstitch.errors import DataError
from modelstitch.util.places import why_not_read

_MOST_LISTED = 3


def read_class_names(path: str | Path) -> tuple[str, ...]:
    """Return the class names in a file, in the order of their numbers.

    The file holds one name a line; or JSON: a list of names, a mapping of numbers to names, one of names to
    numbers, or one of these under ``id2label``.

    Raises:
        DataError: no such file, or one that does not give each number from 0 on one name of its own.
    """
    path = Path(path).expanduser()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(
            f"cannot read the class names in {str(path)!r}: {why_not_read(path, error)}"
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(f"cannot read the class names in {str(path)!r}: {error}") from error
    if path.suffix == ".json" or text.lstrip()[:1] in ("{", "["):
        try:
            names = _from_json(json.loads(text))
        except (ValueError, TypeError) as error:
            raise DataError(
                f"cannot read the class names in {str(path)!r}: expected JSON with a list of names, or a "
                f"mapping of the numbers 0, 1, ... and names: {error}"
            ) from error
    else:
        names = tuple(line.strip() for line in text.splitlines() if line.strip())
    return expect_class_names(names, f"in {str(path)!r}")


def class_names(given: str | Path | Sequence[str]) -> tuple[str, ...]:
    """Return class names as a caller gives them: one by one, or as the path of a file."""
    return read_class_names(given) if isinstance(given, str | Path) else tuple(given)


def expect_class_names(names: Sequence[str], where: str) -> tuple[str, ...]:
    """Return class names if each is a text of its own.

    Raises:
        DataError: fewer than two, an empty one, or one that stands twice.
    """
    if len(names) < 2:
        raise DataError(f"expected the names of at least two classes {where}, got {len(names)}")
    empty = [number for number, name in enumerate(names) if not isinstance(name, str) or not name.strip()]
    if empty:
        raise DataError(
            f"expected a name for each class {where}, got {names[empty[0]]!r} for class {empty[0]}"
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"expected each class name once {where}, got {twice[0]!r} {names.count(twice[0])} times"
        )
    return tuple(names)


def _from_json(values: Any) -> tuple[str, ...]:
    if isinstance(values, Mapping) and isinstance(values.get("id2label"), Mapping | list):
        values = values["id2label"]
    if isinstance(values, Mapping):
        pairs = list(values.items())
        if all(isinstance(value, int) for value in values.values()):
            pairs = [(value, key) for key, value in pairs]
        by_number = {int(number): name for number, name in pairs}
        if sorted(by_number) != list(range(len(pairs))):
            raise ValueError(f"expected the numbers 0 to {len(pairs) - 1}, got {sorted(by_number)[:5]}")
        values = [by_number[number] for number in range(len(pairs))]
    if not isinstance(values, list) or not all(isinstance(name, str) for name in values):
        raise ValueError(f"got {type(values).__name__}")
    return tuple(values)


def renamed(data: Data, names: Sequence[str]) -> Data:
    """Return the same data with other names of its classes.

    Args:
        data: labelled by the classes of its source.
        names: of all classes of the label set, by number, also of those without a training example.

    Raises:
        DataError: another number of names than of classes, or data of another task.
    """
    if data.scored_by is not None:
        raise DataError(
            f"expected class names with the task classification alone, got the task {data.scored_by.name}"
        )
    names = expect_class_names(names, f"of data {data.name}")
    n_classes = len(data.classes) if data.unscored is None else data.unscored.of
    numbers = data.numbers or tuple(range(n_classes))
    unnamed = data.classes == tuple(
        map(str, numbers)
    )  # then classes behind the last label may have names too
    if len(names) < n_classes or (len(names) > n_classes and not unnamed):
        raise DataError(
            f"expected the names of {n_classes} classes for data {data.name} (labels 0 to {n_classes - 1}), "
            f"got {len(names)}: {', '.join(names[:_MOST_LISTED])}, ..."
        )
    known = set(numbers)
    absent = [name for number, name in enumerate(names) if number not in known]
    unscored = Unscored(
        n_classes=len(absent),
        of=len(names),
        first=tuple(absent[:_MOST_LISTED]),
        n_heldout=0 if data.unscored is None else data.unscored.n_heldout,
    )
    return replace(
        data,
        classes=tuple(names[number] for number in numbers),
        unscored=unscored if absent else None,
    )


def are_numbers(names: Sequence[str]) -> bool:
    """Tell whether class names are no more than numbers: equal ones need not mean the same class.

    Example:
        >>> are_numbers(("0", "2")), are_numbers(("cat", "dog"))
        (True, False)
    """
    return all(name.isdecimal() for name in names)


def matched(classes: Sequence[str], outputs: Sequence[str]) -> tuple[int | None, ...]:
    """Return the place of each class among the names of a network's outputs; None for a class without one.

    Names are equal where they are written alike, whatever their case, and with ``_``, ``-`` and spaces
    read alike. A name that lists several, with commas between them, is equal to each of them.

    Raises:
        DataError: two outputs for one class, or two classes for one output.

    Example:
        >>> matched(("Tench", "night_snake", "unicorn"), ("tench, Tinca tinca", "goldfish", "night snake"))
        (0, 2, None)
    """
    whole = _places([{_plain(name)} for name in outputs])
    parts = _places([{_plain(part) for part in name.split(",")} for name in outputs])
    found: list[int | None] = []
    for name in classes:
        places = whole.get(_plain(name)) or sorted(
            {place for part in name.split(",") for place in parts.get(_plain(part), ())}
        )
        if len(places) > 1:
            several = ", ".join(f"{place} {outputs[place]!r}" for place in places[:_MOST_LISTED])
            raise DataError(
                f"expected one output for class {name!r}, got {len(places)} of that name: {several}; write "
                "the class as the output that is meant"
            )
        found.append(places[0] if places else None)
    known = [place for place in found if place is not None]
    for place in known:
        if known.count(place) > 1:
            of = [repr(name) for name, other in zip(classes, found, strict=True) if other == place]
            raise DataError(
                f"expected one class for output {place} {outputs[place]!r}, got {' and '.join(of)}; "
                "give each class one output of its own"
            )
    return tuple(found)


def nearest(name: str, outputs: Sequence[str]) -> str | None:
    """Return the name of an output that is written nearly as ``name`` is, or None."""
    by_plain = {_plain(output): output for output in reversed(outputs)}
    close = get_close_matches(_plain(name), by_plain, n=1)
    return by_plain[close[0]] if close else None


def _places(names: Sequence[set[str]]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for place, alike in enumerate(names):
        for name in alike:
            places.setdefault(name, []).append(place)
    return places


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()
