"""Tables with columns, as Arrow holds them: images or texts, and labels; Parquet and the package datasets."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from PIL import Image
from torch import Tensor

from modelstitch.data.columns import (
    Column,
    Holds,
    Inputs,
    Wish,
    choose_inputs,
    choose_label,
    column_of,
    label_candidates,
)
from modelstitch.data.divided import PartRows, divided
from modelstitch.data.given_inputs import in_single, stack_given
from modelstitch.data.heldout import choose_heldout, division_of
from modelstitch.data.images import UNREADABLE, Stacked, decode, reason, said, stack
from modelstitch.data.in_memory import from_parts
from modelstitch.data.label_sets import FurtherLabels, may_be_coarser, sets_of
from modelstitch.data.labels import GivenLabels, are_absent, numbered
from modelstitch.data.parts import Data, DataPart
from modelstitch.data.texts import encoded, pad_alike
from modelstitch.data.together import (
    Together,
    content_digest,
    expect_apart,
    group_values,
    numbered_by_part,
)
from modelstitch.data.together import numbered as in_order
from modelstitch.errors import DataError, expect_one_of, first_line
from modelstitch.specs import DataSpec

_ROWS_AT_ONCE = 1000
_MODES = {"L": 1, "RGB": 3}
"""Channels of an image by the mode that the metadata of its column asks for."""


@dataclass(frozen=True)
class TablePart:
    """One part of a set as a table.

    Attributes:
        where: the table, for errors.
        schema: of its columns, with the metadata of Hugging Face, if there are some.
        n_rows: number of its rows.
        read: gives a column, or the cells of it at some rows (n,).
        row: says a row in words.
        folder: where relative paths of images begin.
    """

    where: str
    schema: pa.Schema
    n_rows: int
    read: Callable[[str, Tensor | None], pa.ChunkedArray]
    row: Callable[[int], str]
    folder: Path = field(default_factory=Path)

    @property
    def features(self) -> dict[str, Any]:
        """What the metadata of Hugging Face say of each column."""
        return _features(self.schema)

    @property
    def columns(self) -> tuple[Column, ...]:
        """What the table holds."""
        features = self.features
        return tuple(
            column_of(
                str(one.name),
                _held(one.type, str(one.name), features.get(one.name)),
                _classes(features, one.name),
            )
            for one in self.schema
        )

    def labels(self, name: str) -> Any:
        """Return the labels in a column: an array of numbers, or a list."""
        column = _plain(self.read(name, None))
        is_number = pa.types.is_integer(column.type) or pa.types.is_boolean(column.type)
        if (is_number and not column.null_count) or pa.types.is_floating(column.type):
            return (
                column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()
            )
        return column.to_pylist()


def _features(schema: pa.Schema) -> dict[str, Any]:
    text = (schema.metadata or {}).get(b"huggingface")
    try:
        features = json.loads(text or b"{}")["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    return features if isinstance(features, dict) else {}


def class_names(schema: pa.Schema) -> dict[str, tuple[str, ...]]:
    """Return the names of the classes of each column of which the metadata give some."""
    features = _features(schema)
    return {name: names for name in schema.names if (names := _classes(features, name)) is not None}


def data_of(
    parts: Mapping[str, TablePart], spec: DataSpec, name: str, words: str, wish: Wish | None = None
) -> Data:
    """Return the data in the tables of a set.

    Only the rows that the limits choose are decoded. A single part is split, stratified and seeded. Another
    column of whole numbers with ``label`` in its name, such as CIFAR-100's ``coarse_label``, is a label set
    if it follows from the label.

    Args:
        parts: ``train``, and others by name.
        spec: limits, seed and columns.
        name: of the set.
        words: how the source calls two parts, with ``{}`` for the name of the held-out one.
        wish: what the user says about the columns; by default what ``spec`` does.

    Raises:
        DataError: no rows, no column (or several) that could be the input or the label, labels that cannot be
            used, parts that do not fit each other, or an image that cannot be decoded (its row is named).
    """
    train = parts["train"]
    wish = wish or Wish.of(spec)
    # A column of groups is neither label nor input.
    columns = tuple(column for column in train.columns if column.name != spec.group_column)
    label = choose_label(columns, wish, train.where).name
    inputs = choose_inputs(columns, wish, train.where, label)
    heldout, without = choose_heldout(parts, lambda part: _has_labels(parts[part], label, train))
    chosen = [train] if heldout is None else [train, parts[heldout]]
    for part in chosen:
        _expect_usable(part, inputs, train)
    found = numbered([_given(part, label) for part in chosen])
    groups = _groups(chosen, spec, name)
    ends = ((chosen[0], found.parts[0]), (chosen[-1], found.parts[-1]))

    def read_inputs(rows: PartRows) -> list[Stacked]:
        n_rows = sum(map(len, rows))
        return [_inputs(part, inputs, own, spec, n_rows) for (part, _), own in zip(ends, rows, strict=True)]

    rows, stacked = divided(
        found.parts[0],
        None if heldout is None else found.parts[1],
        spec,
        lambda: Together(_alike(chosen[0], inputs), None if groups is None else groups[0]),
        read_inputs,
        lambda some: [one.x for one in some],
    )
    n_rows = sum(map(len, rows))
    read = [
        DataPart(some.x, numbers[own]) for some, (_, numbers), own in zip(stacked, ends, rows, strict=True)
    ]
    if groups is not None:
        both = (groups[0], groups[-1])
        read = [replace(part, groups=of[own]) for part, of, own in zip(read, both, rows, strict=True)]
    is_text = inputs.holds == "texts"
    if is_text:
        read = pad_alike(read)
    pictures = said(stacked[0].done + stacked[1].done, n_rows)
    renumbered = f"{heldout} is renumbered by the names of its classes" if found.renumbered else ""
    kept = "" if spec.group_column is None else f"each group of {spec.group_column!r} in one part"
    notes = (renumbered, inputs.said, pictures, kept)
    division = division_of(heldout, spec.seed, words, without, notes)
    data = from_parts(read[0], read[1], found.classes, name, division, DataSpec(source=spec.source))
    n_classes = len(data.classes) if data.unscored is None else data.unscored.of
    label_sets = sets_of(_further(chosen, label), torch.cat(found.parts), n_classes)
    return replace(data, is_text=is_text).with_label_sets(label_sets)


def _groups(parts: Sequence[TablePart], spec: DataSpec, name: str) -> list[Tensor] | None:
    """Return the number of the group of each row, part by part; None without a column of groups.

    Raises:
        DataError: no such column, values that are no groups, or a group in both parts.
    """
    if spec.group_column is None:
        return None
    values = []
    for part in parts:
        expect_one_of("group column", spec.group_column, list(part.schema.names), DataError)
        cells = _plain(part.read(spec.group_column, None)).to_pylist()
        what = f"groups in the column {spec.group_column!r} of {part.where}"
        values.append(group_values(cells, part.n_rows, what))
    if len(values) > 1:
        expect_apart(values, spec.group_column, name)
    return numbered_by_part(values)


def _alike(part: TablePart, inputs: Inputs) -> Tensor:
    """Number rows by the bytes of their inputs: equal ones have the same number."""
    columns = [_plain(part.read(column.name, None)) for column in inputs.columns]
    digests = []
    for start in range(0, part.n_rows, _ROWS_AT_ONCE):
        cells = [column.slice(start, _ROWS_AT_ONCE).to_pylist() for column in columns]
        digests += [
            content_digest(*(_content(cell, part.folder) for cell in row)) for row in zip(*cells, strict=True)
        ]
    return in_order(digests)


def _content(cell: Any, folder: Path) -> bytes:
    """Return the bytes of a cell, or of the file that it names; nothing where there are none to be read."""
    if isinstance(cell, Mapping):
        if cell.get("bytes"):
            return bytes(cell["bytes"])
        file = folder / str(cell.get("path"))
        return file.read_bytes() if file.is_file() else str(file).encode()
    if isinstance(cell, bytes):
        return cell
    if isinstance(cell, list):
        try:
            array = np.asarray(cell)
        except ValueError:  # ragged: refused when it is read
            return repr(cell).encode()
        return f"{array.dtype} {array.shape} ".encode() + array.tobytes()
    return str(cell).encode()


def texts_of(parts: Mapping[str, TablePart], spec: DataSpec, words: str) -> tuple[list[list[str]], str]:
    """Read the column of texts of one part or of two; rows without a text are left out.

    Args: as for :func:`data_of`.

    Raises:
        DataError: no column of texts, several, or no text in it.
    """
    heldout, _ = choose_heldout(parts, lambda part: True)
    wish = Wish.of(spec)
    if len(wish.inputs) > 1:
        raise DataError(
            f"expected one column of texts for the task {spec.task}, got {', '.join(wish.inputs)}"
        )
    read = []
    notes = []
    for name in ("train",) if heldout is None else ("train", heldout):
        part = parts[name]
        inputs = choose_inputs(part.columns, wish, part.where, kinds=("texts",))
        if len(inputs.columns) > 1:
            names = " and ".join(repr(column.name) for column in inputs.columns)
            raise DataError(
                f"expected one column of texts in {part.where} for the task {spec.task}, got {names}; "
                f"{wish.say_input}"
            )
        column = inputs.columns[0].name
        read.append([text for text in _plain(part.read(column, None)).to_pylist() if (text or "").strip()])
        if not read[-1]:
            raise DataError(f"no row of {part.where} holds a text in the column {column!r}")
        notes.append(inputs.said)
    division = "one part" if heldout is None else words.format(heldout)
    return read, "; ".join([division, *(note for note in notes[:1] if note)])


def _given(part: TablePart, label: str) -> GivenLabels:
    return GivenLabels(part.labels(label), part.where, _classes(part.features, label), part.row)


def _has_labels(part: TablePart, label: str, train: TablePart) -> bool:
    """Tell whether a part has labels in the column of the training part.

    Raises:
        DataError: it has them in another column.
    """
    names = [column.name for column in part.columns]
    if label in names:
        return part.n_rows == 0 or not are_absent(part.labels(label))
    others = label_candidates(part.columns)
    if others:
        raise DataError(
            f"labels are in the column {label!r} of {train.where} and in {others[0].name!r} of {part.where}: "
            "expected the same columns in all parts"
        )
    return False


def _expect_usable(part: TablePart, inputs: Inputs, train: TablePart) -> None:
    if not part.n_rows:
        raise DataError(f"no rows in {part.where}: expected at least one example")
    holds = {column.name: column.holds for column in part.columns}
    for column in inputs.columns:
        if holds.get(column.name) != column.holds:
            got = f"{holds[column.name]} in it" if column.name in holds else f"the columns {', '.join(holds)}"
            raise DataError(
                f"expected {column.holds} in the column {column.name!r} of {part.where}, as in "
                f"{train.where}, got "
                f"{got}"
            )


def _further(parts: Sequence[TablePart], label: str) -> list[FurtherLabels]:
    """Return the further columns of labels, all of whose rows in all parts have one."""
    shared = set.intersection(*(set(part.schema.names) for part in parts))
    found = []
    for one in parts[0].schema:
        if one.name == label or not may_be_coarser(one.name) or one.name not in shared:
            continue
        if any(part.schema.names.count(one.name) > 1 for part in parts):
            continue
        if any(not pa.types.is_integer(part.schema.field(one.name).type) for part in parts):
            continue
        columns = [part.read(one.name, None) for part in parts]
        if any(column.null_count for column in columns):
            continue
        names = [_classes(part.features, one.name) for part in parts]
        if any(other not in (None, names[0]) for other in names):
            continue
        numbers = np.concatenate([column.to_numpy() for column in columns]).astype(np.int64)
        found.append(FurtherLabels(one.name, torch.from_numpy(numbers), names[0]))
    return found


def _classes(features: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    """Return the names of the classes of a column, where the metadata give some."""
    feature = features.get(name)
    names = feature.get("names") if isinstance(feature, dict) else None
    return tuple(map(str, names)) if isinstance(names, list) and names else None


def _held(kind: pa.DataType, name: str, feature: Any) -> Holds:
    """Return what a column of a type holds."""
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return _held(kind.storage_type, name, feature)
    if types.is_dictionary(kind):
        return _held(kind.value_type, name, feature)
    if types.is_struct(kind):
        if "bytes" not in {child.name for child in kind}:
            return "structs"
        told = feature.get("_type") if isinstance(feature, dict) else None
        by_name = "Audio" if Column(name, "sounds").plain in _SOUND_NAMES else "Image"
        by_type: dict[str, Holds] = {"Image": "images", "Audio": "sounds"}
        return by_type.get(str(told or by_name), "structs")
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        inner = _held(kind.value_type, name, None)
        return "arrays" if inner in ("whole numbers", "real numbers", "arrays") else "lists"
    for test, holds in _BY_TYPE:
        if test(kind):
            return holds
    return "other values"


_SOUND_NAMES = ("audio", "sound", "speech", "wav")
_BY_TYPE: tuple[tuple[Callable[[pa.DataType], bool], Holds], ...] = (
    (pa.types.is_null, "nothing"),
    (pa.types.is_boolean, "truth values"),
    (pa.types.is_integer, "whole numbers"),
    (pa.types.is_floating, "real numbers"),
    (pa.types.is_decimal, "real numbers"),
    (pa.types.is_string, "texts"),
    (pa.types.is_large_string, "texts"),
    (lambda kind: str(kind) == "string_view", "texts"),
    (pa.types.is_binary, "bytes"),
    (pa.types.is_large_binary, "bytes"),
    (pa.types.is_fixed_size_binary, "bytes"),
)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return categories and extension types as the values that they stand for."""
    if isinstance(column.type, pa.BaseExtensionType):
        return pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)
    if pa.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    return column


def _inputs(part: TablePart, inputs: Inputs, rows: Tensor, spec: DataSpec, n_images: int) -> Stacked:
    """Return the inputs in some rows of a part."""
    cells = [_plain(part.read(column.name, rows)).to_pylist() for column in inputs.columns]
    if inputs.holds == "texts":
        return Stacked(encoded(*(_texts(own, rows, part) for own in cells)), Counter())
    if inputs.holds == "arrays":
        kind = _numpy_type(part.schema.field(inputs.columns[0].name).type)
        arrays = [_array(cell, kind, part, row) for cell, row in zip(cells[0], rows.tolist(), strict=True)]
        x = stack_given(arrays, part.where, spec.crop, spec.channels).x
        return Stacked(in_single(x), Counter())
    return _images(cells[0], inputs.columns[0].name, rows, part, spec, n_images)


def _numpy_type(kind: pa.DataType) -> Any:
    """Return the type of the numbers in a column of lists; whole numbers that are not bytes are tokens."""
    while isinstance(kind, pa.BaseExtensionType) or hasattr(kind, "value_type"):
        kind = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind.value_type
    if pa.types.is_integer(kind):
        return np.uint8 if kind == pa.uint8() else np.int64
    return kind.to_pandas_dtype() if pa.types.is_floating(kind) else np.float64


def _array(cell: Any, kind: Any, part: TablePart, row: int) -> np.ndarray:
    try:
        return np.asarray(cell, kind)
    except (TypeError, ValueError) as error:
        raise DataError(f"{part.row(row)} holds no array of numbers: {first_line(error)}") from error


def _texts(texts: list[str | None], rows: Tensor, part: TablePart) -> list[str]:
    for row, text in zip(rows.tolist(), texts, strict=True):
        if not (text or "").strip():
            raise DataError(f"{part.row(row)} holds no text")
    return [str(text) for text in texts]


def _images(
    cells: list[Any],
    name: str,
    rows: Tensor,
    part: TablePart,
    spec: DataSpec,
    n_images: int,
) -> Stacked:
    feature = part.features.get(name)
    asked = _MODES.get(str(feature.get("mode"))) if isinstance(feature, dict) else None
    channels = asked if spec.channels is None else spec.channels
    images = []
    for row, cell in zip(rows.tolist(), cells, strict=True):
        try:
            images.append(_open(cell, part.folder, spec.crop, channels, n_images))
        except UNREADABLE as error:
            raise DataError(f"cannot decode the image in {part.row(row)}: {reason(error)}") from error
    return stack(images, [f"row {row}" for row in rows.tolist()], part.where)


def _open(cell: Any, folder: Path, crop: int | None, channels: int | None, n_images: int) -> Image.Image:
    cell = {"bytes": cell} if isinstance(cell, bytes) else cell or {}
    content, name = cell.get("bytes"), cell.get("path")
    if not content and not name:
        raise ValueError("neither bytes nor a path")
    return decode(content or folder / str(name), crop, channels, n_images)
