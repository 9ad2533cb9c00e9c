"""Which column of a table is the label, and which the input; one rule for every source with columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from modelstitch.errors import DataError, expect_one_of
from modelstitch.specs import DataSpec

Holds = Literal[
    "whole numbers",
    "truth values",
    "real numbers",
    "texts",
    "images",
    "sounds",
    "arrays",
    "lists",
    "structs",
    "bytes",
    "nothing",
    "other values",
]
"""What the cells of a column are, in the words of an error."""

LABEL_NAMES = (
    "label",
    "labels",
    "fine_label",
    "fine_labels",
    "target",
    "targets",
    "y",
    "class",
    "classes",
    "class_label",
    "gold_label",
)
"""Names of a column of labels."""

IMAGE_NAMES = (
    "image",
    "images",
    "img",
    "picture",
    "photo",
    "jpg",
    "jpeg",
    "png",
    "pixel_values",
    "x",
    "input",
    "inputs",
)
"""Names of a column of images, or of arrays, that is the input where there are others."""

TEXT_NAMES = (
    "text",
    "texts",
    "sentence",
    "content",
    "tweet",
    "review",
    "document",
    "comment",
    "message",
    "utterance",
    "post",
)
"""Names of a column of texts that is the input where there are others."""

TEXT_PAIRS = (
    ("premise", "hypothesis"),
    ("question", "sentence"),
    ("question", "passage"),
    ("question", "context"),
    ("question", "answer"),
    ("query", "passage"),
    ("query", "document"),
    ("claim", "evidence"),
    ("text", "text_pair"),
    ("sentence", "sentence_pair"),
)
"""Names of two columns of texts that are a pair; so are two names that end in 1 and 2, or in a and b."""

_BESIDE = re.compile(
    r"(.*_)?(id|idx|index|uid|uuid|guid|key|hash|md5|url|uri|link|path|file|filename|file_name|source|author|user"
    r"|username|date|time|timestamp|created_at|lang|language|split|license|unnamed_.*|__.*)"
)
"""Names of columns that stand beside the input, and are never it unless they are asked for."""

_NEXT = {"1": "2", "a": "b"}
_INPUTS: tuple[Holds, ...] = ("images", "texts", "arrays")
_LABELS: tuple[Holds, ...] = ("whole numbers", "truth values", "texts", "real numbers")


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: as the table has it.
        holds: what its cells are.
        classes: names of the classes, by number, where the metadata say that it holds classes.
    """

    name: str
    holds: Holds
    classes: tuple[str, ...] | None = None

    @property
    def plain(self) -> str:
        """The name in small letters, with ``_`` for spaces, dots and hyphens."""
        return re.sub(r"[\s.-]+", "_", self.name.strip()).casefold()


@dataclass(frozen=True)
class Wish:
    """What the user says about the columns, and how to say it, for errors.

    Attributes:
        label: name of the column of labels, if it was given.
        inputs: names of the columns of inputs, if any was given; two are a pair of texts.
        say_label, say_input: how to name the column that is meant.
    """

    label: str | None = None
    inputs: tuple[str, ...] = ()
    say_label: str = "name it with --label-column"
    say_input: str = "name it with --input-column (twice for a pair of texts)"

    @classmethod
    def of(cls, spec: DataSpec) -> Wish:
        """Return what a spec says."""
        return cls(spec.label_column, spec.input_column)


@dataclass(frozen=True)
class Inputs:
    """The columns that are read as the input.

    Attributes:
        columns: one, or two of texts.
        unread: names of others that hold the same, and were passed over by the rule of names.
    """

    columns: tuple[Column, ...]
    unread: tuple[str, ...] = ()

    @property
    def holds(self) -> Holds:
        """What the cells are."""
        return self.columns[0].holds

    @property
    def said(self) -> str:
        """Words for what was read, where other columns might have been; else nothing.

        Example:
            >>> Inputs((Column("text", "texts"),), ("title",)).said
            "input from the column 'text', not 'title'"
        """
        if not self.unread:
            return ""
        names = " and ".join(repr(column.name) for column in self.columns)
        others = ", ".join(map(repr, self.unread))
        return f"input from the column{'s' if len(self.columns) > 1 else ''} {names}, not {others}"


def choose_label(columns: Sequence[Column], wish: Wish, where: str) -> Column:
    """Return the column of labels: the one asked for, that of the metadata, or one called label.

    Args:
        columns: of the table.
        wish: what the user says.
        where: the table, for errors.

    Raises:
        DataError: no such column, none that the metadata or the table of names tells, or several.

    Example:
        >>> choose_label([Column("weight", "whole numbers"), Column("label", "texts")], Wish(), "data D").name
        'label'
    """
    if wish.label is not None:
        return _by_name(columns, wish.label, "label column", where)
    found = label_candidates(columns)
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(
            f"several columns could be the label in {where}: {_shown(found)}; expected one of them: "
            f"{wish.say_label}"
        )
    possible = [column for column in columns if column.holds in _LABELS] or list(columns)
    raise DataError(
        f"no label column in {where}: expected one called label ({', '.join(LABEL_NAMES[1:])}), or one that "
        "the metadata name as classes; the label could be "
        f"{_shown(possible, 'nothing: there is no column')}; "
        f"{wish.say_label}"
    )


def label_candidates(columns: Sequence[Column]) -> list[Column]:
    """Return the columns that the metadata or the table of names tell to be labels.

    A column of classes such as ``coarse_label`` gives way to one of the table of names.

    Example:
        >>> columns = [Column("coarse_label", "whole numbers", ("a",)), Column("fine_label", "whole numbers")]
        >>> [column.name for column in label_candidates(columns)]
        ['fine_label']
    """
    by_name = [column for column in columns if column.plain in LABEL_NAMES]
    by_metadata = [column for column in columns if column.classes is not None and column not in by_name]
    if by_name:
        by_metadata = [column for column in by_metadata if "label" not in column.plain]
    return [column for column in columns if column in (*by_name, *by_metadata)]


def choose_inputs(
    columns: Sequence[Column],
    wish: Wish,
    where: str,
    label: str | None = None,
    kinds: tuple[Holds, ...] = _INPUTS,
) -> Inputs:
    """Return the columns of inputs: those asked for, or the ones that names and contents tell.

    Args:
        columns: of the table.
        wish: what the user says.
        where: the table, for errors.
        label: name of the column of labels, which is no input.
        kinds: what inputs may be.

    Raises:
        DataError: no such column, none that could be an input, or several.

    Example:
        >>> columns = [Column("id", "texts"), Column("tweet", "texts"), Column("label", "whole numbers")]
        >>> [column.name for column in choose_inputs(columns, Wish(), "data D", "label").columns]
        ['tweet']
    """
    if wish.inputs:
        return _asked_for(columns, wish, where, label, kinds)
    others = [column for column in columns if column.name != label]
    usable = [column for column in others if column.holds in kinds and not _is_beside(column)]
    sounds = [column for column in others if column.holds == "sounds"]
    if sounds and "images" in kinds:
        raise _of_sounds(sounds[0], [column for column in usable if column.holds == "texts"], wish, where)
    images, texts, arrays = ([c for c in usable if c.holds == kind] for kind in _INPUTS)
    main_texts = _main_texts(texts)
    named_arrays = [column for column in arrays if column.plain in IMAGE_NAMES]
    dense = images or named_arrays
    if dense:
        named = [column for column in dense if column.plain in IMAGE_NAMES]
        chosen = dense if len(dense) == 1 else named
        candidates = [*(chosen or dense), *main_texts]
        if len(candidates) > 1:
            raise _several(candidates, wish, where)
        return Inputs((candidates[0],), tuple(c.name for c in dense if c is not candidates[0]))
    if texts:
        chosen = main_texts or texts
        pair = _pair(chosen)
        if len(chosen) > 1 and (pair is None or len(chosen) > 2):
            raise _several(chosen, wish, where)
        read = pair or (chosen[0],)
        return Inputs(read, tuple(column.name for column in texts if column not in read))
    if len(arrays) == 1:
        return Inputs((arrays[0],))
    if arrays:
        raise _several(arrays, wish, where)
    raise _none(columns, others, wish, where, kinds)


def _asked_for(
    columns: Sequence[Column], wish: Wish, where: str, label: str | None, kinds: tuple[Holds, ...]
) -> Inputs:
    chosen = tuple(_by_name(columns, name, "input column", where) for name in wish.inputs)
    for column in chosen:
        if column.name == label:
            raise DataError(
                f"column {column.name!r} of {where} is the label: expected another one as the input; "
                f"{wish.say_input}"
            )
        allowed = ("texts",) if len(chosen) > 1 else kinds
        if column.holds not in allowed:
            raise DataError(
                f"column {column.name!r} of {where} holds {column.holds}: expected {' or '.join(allowed)} as "
                f"{'a pair of inputs' if len(chosen) > 1 else 'the input'}"
            )
    return Inputs(chosen)


def _by_name(columns: Sequence[Column], name: str, what: str, where: str) -> Column:
    expect_one_of(what, name, [column.name for column in columns], DataError)
    named = [column for column in columns if column.name == name]
    if len(named) > 1:
        raise DataError(f"{where} has {len(named)} columns called {name!r}: expected one")
    return named[0]


def _is_beside(column: Column) -> bool:
    """Tell whether a column stands beside the input: an id, or texts that say the label."""
    if column.holds != "texts":
        return False
    plain = column.plain
    says_label = plain in LABEL_NAMES or "label" in plain or plain.startswith("class_")
    # Texts in a column that is called image are names of files, or images in letters.
    return says_label or plain in IMAGE_NAMES or _BESIDE.fullmatch(plain) is not None


def _main_texts(texts: Sequence[Column]) -> list[Column]:
    """Return the columns of texts whose names say that they are the input, or half of a pair."""
    halves = {name for pair in TEXT_PAIRS for name in pair}
    in_pairs = {
        column.name
        for first in texts
        for second in texts
        if _are_pair(first, second)
        for column in (first, second)
    }
    return [
        column
        for column in texts
        if column.plain in TEXT_NAMES or column.plain in halves or column.name in in_pairs
    ]


def _pair(texts: Sequence[Column]) -> tuple[Column, Column] | None:
    """Return two columns that are a pair, in order."""
    if len(texts) != 2:
        return None
    for first, second in (tuple(texts), tuple(reversed(texts))):
        if _are_pair(first, second):
            return first, second
    return None


def _are_pair(first: Column, second: Column) -> bool:
    if (first.plain, second.plain) in TEXT_PAIRS:
        return True
    stem, end = first.plain[:-1], first.plain[-1:]
    return end in _NEXT and bool(stem) and second.plain == stem + _NEXT[end]


def _several(candidates: Sequence[Column], wish: Wish, where: str) -> DataError:
    return DataError(
        f"several columns could be the input in {where}: {_shown(candidates)}; expected one of them, or a "
        f"pair of texts: {wish.say_input}"
    )


def _of_sounds(sounds: Column, texts: Sequence[Column], wish: Wish, where: str) -> DataError:
    hint = f"; if the input is {_shown(texts)}, {wish.say_input}" if texts else ""
    return DataError(
        f"column {sounds.name!r} of {where} holds sounds, which are read from folders of .wav files alone: "
        f"expected images or texts{hint}"
    )


def _none(
    columns: Sequence[Column],
    others: Sequence[Column],
    wish: Wish,
    where: str,
    kinds: tuple[Holds, ...],
) -> DataError:
    names = [column.name for column in columns]
    if "images" not in kinds:
        return DataError(f"no column of texts in {where}: expected strings, got {names}")
    beside = [column.name for column in others if column.holds == "texts" and _is_beside(column)]
    hint = f"; if the input is {' or '.join(map(repr, beside))}, {wish.say_input}" if beside else ""
    return DataError(
        f"no column of images or texts in {where}: expected a struct with the field 'bytes', or strings, got "
        f"{names}{hint}"
    )


def _shown(columns: Sequence[Column], nothing: str = "") -> str:
    names = ", ".join(f"{column.name!r} ({column.holds})" for column in columns[:12])
    return names + (f", ... ({len(columns)} in all)" if len(columns) > 12 else "") or nothing


def column_of(name: str, holds: Holds, classes: tuple[str, ...] | None = None) -> Column:
    """Return a column; bytes in one that is called image are encoded images.

    Example:
        >>> column_of("img", "bytes").holds, column_of("hash", "bytes").holds
        ('images', 'bytes')
    """
    column = Column(name, holds, classes)
    return Column(name, "images", classes) if holds == "bytes" and column.plain in IMAGE_NAMES else column


def columns_of_example(example: Mapping[Any, Any]) -> tuple[Column, ...]:
    """Return the columns of a set whose examples are dictionaries, as one of them shows them.

    Example:
        >>> columns_of_example({"text": "a b", "label": 3, "share": 0.5})[2].holds
        'real numbers'
    """
    return tuple(column_of(str(name), _held(value)) for name, value in example.items())


def _held(value: Any) -> Holds:
    """Return what a column holds that has this value in a cell."""
    if hasattr(value, "mode") and hasattr(value, "convert"):  # Pillow
        return "images"
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return "arrays" if len(value.shape) else _held(value.item())
    if isinstance(value, Mapping):
        return "sounds" if "array" in value else "images" if "bytes" in value else "structs"
    if isinstance(value, list | tuple):
        flat = value
        while flat and isinstance(flat[0], list | tuple):
            flat = flat[0]
        return "arrays" if flat and isinstance(flat[0], int | float) else "lists"
    by_type: dict[type, Holds] = {
        bool: "truth values",
        int: "whole numbers",
        float: "real numbers",
        str: "texts",
        bytes: "bytes",
        type(Path()): "bytes",
        type(None): "nothing",
    }
    return by_type.get(type(value), "other values")
