"""Parquet files as on the Hugging Face hub: images (a struct of bytes or a path) or texts, and a label."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from PIL import Image
from torch import Tensor

from modelstitch.data.images import UNREADABLE, decode, reason, stack
from modelstitch.data.in_memory import from_parts
from modelstitch.data.label_sets import LabelSet, set_from_labels
from modelstitch.data.parts import Data, DataPart
from modelstitch.data.splitting import HELDOUT_NAMES, choose_parts, third_held_out
from modelstitch.data.texts import encoded, pad_alike
from modelstitch.errors import DataError, first_line
from modelstitch.specs import DataSpec

_LABEL_COLUMNS = ("label", "labels", "fine_label")
_TEXT_COLUMNS = ("text", "sentence", "content")


def recognises(source: str) -> bool:
    """Tell whether ``source`` is a .parquet file, or a folder with some in it or in its folder ``data``."""
    path = Path(source)
    if path.suffix == ".parquet":
        return True
    return path.is_dir() and any([*path.glob("*.parquet"), *path.glob("data/*.parquet")])


def load(spec: DataSpec) -> Data:
    """Load a folder with ``train*.parquet`` and ``test*.parquet`` (or ``validation*``), or a single file.

    Only the rows that the limits choose are decoded. A label is a whole number or a name. A single part is
    split, stratified and seeded. Another column of whole numbers with ``label`` in its name, such as
    CIFAR-100's ``coarse_label``, is a label set if it follows from the label.

    Raises:
        DataError: no such files, no rows, no image or label column, parts that name their classes
            differently, or an image that cannot be decoded (its row is named).
    """
    path = Path(spec.source)
    files, part = _files(path)
    names = ["train"] if part is None else ["train", part]
    tables = _numbered([_table(files[name]) for name in names])
    first_files = [files[name][0] for name in names]
    columns = [_label_column(table, file) for table, file in zip(tables, first_files, strict=True)]
    labels = [
        _labels(table[column], file) for table, column, file in zip(tables, columns, first_files, strict=True)
    ]
    classes = _shared_classes(path, tables, columns, names)
    rows = choose_parts(labels[0], None if part is None else labels[1], spec)
    n_rows = sum(map(len, rows))
    train = DataPart(_decode(tables[0], rows[0], files["train"], spec, n_rows), labels[0][rows[0]])
    heldout = DataPart(_decode(tables[-1], rows[1], files[names[-1]], spec, n_rows), labels[-1][rows[1]])
    is_text = _text_column(tables[0]) is not None
    if is_text:
        train, heldout = pad_alike([train, heldout])
    division = third_held_out(spec.seed) if part is None else f"the files train*.parquet and {part}*.parquet"
    data = from_parts(train, heldout, classes, path.name, division, DataSpec(source=spec.source))
    n_classes = len(data.classes) if data.unscored is None else data.unscored.of
    return replace(data, is_text=is_text).with_label_sets(_label_sets(tables, columns[0], n_classes))


def texts(spec: DataSpec) -> tuple[list[list[str]], str]:
    """Read the column of texts of one part or of two; rows without a text are left out.

    Raises:
        DataError: no such files, or no column of texts.
    """
    files, part = _files(Path(spec.source))
    parts = []
    for name in ("train",) if part is None else ("train", part):
        file, table = str(files[name][0]), _table(files[name])
        column = _text_column(table)
        if column is None:
            raise DataError(f"no column of texts in {file!r}: expected strings, got {table.column_names}")
        parts.append([text for text in table[column].to_pylist() if (text or "").strip()])
        if not parts[-1]:
            raise DataError(f"no row of {file!r} holds a text in the column {column!r}")
    return parts, "one part" if part is None else f"the files train*.parquet and {part}*.parquet"


def _files(path: Path) -> tuple[dict[str, list[Path]], str | None]:
    """Return the files of each part by name, and the name of the held-out part, if there is one."""
    if not path.exists():
        raise DataError(f"no data file {str(path)!r}")
    if path.is_file():
        return {"train": [path]}, None
    folder = path if list(path.glob("*.parquet")) else path / "data"
    paths = sorted(folder.glob("*.parquet"))
    files = {
        part: [file for file in paths if file.name.startswith(part)] for part in ("train", *HELDOUT_NAMES)
    }
    if not files["train"]:
        seen = ", ".join(file.name for file in paths[:5]) or "no Parquet file"
        raise DataError(
            f"data {str(path)!r}: expected train*.parquet and test*.parquet in the folder, got {seen}"
        )
    return files, next((part for part in HELDOUT_NAMES if files[part]), None)


def _shared_classes(
    path: Path, tables: list[pa.Table], columns: list[str], names: list[str]
) -> tuple[str, ...] | None:
    """Return the names of the classes, if the first part has them; names in both parts have to be equal."""
    first, last = (_classes(tables[part], columns[part]) for part in (0, -1))
    if first and last and first != last:
        raise DataError(
            f"data {str(path)!r}: expected the same classes in both parts, got {list(first[:5])} in train "
            f"and {list(last[:5])} in {names[-1]}"
        )
    return first


def _label_sets(tables: list[pa.Table], label: str, n_classes: int) -> tuple[LabelSet, ...]:
    """Return the label sets of further label columns; all rows of all parts have to agree."""
    shared = set.intersection(*(set(table.column_names) for table in tables))
    label_sets = []
    for field in tables[0].schema:
        if field.name == label or "label" not in field.name or not pa.types.is_integer(field.type):
            continue
        if field.name not in shared or any(table[field.name].null_count for table in tables):
            continue
        coarse, fine = (
            torch.from_numpy(np.concatenate([table[name].to_numpy() for table in tables]).astype(np.int64))
            for name in (field.name, label)
        )
        label_set = set_from_labels(field.name, coarse, fine, _classes(tables[0], field.name))
        if label_set is not None and len(label_set.label_of) == n_classes:
            label_sets.append(label_set)
    return tuple(label_sets)


def _numbered(tables: list[pa.Table]) -> list[pa.Table]:
    """Number labels that are names, in alphabetical order, alike in all parts."""
    whole = _whole_numbers(tables[0])
    if any(word in name for name in whole for word in ("label", "class")):
        return tables
    for name in ("label", "labels"):
        columns = [table[name] for table in tables if name in table.column_names]
        if len(columns) < len(tables) or not all(_is_text(column.type) for column in columns):
            continue
        names = sorted({value for column in columns for value in column.to_pylist() if value is not None})
        info = json.dumps({"info": {"features": {name: {"names": names}}}})
        return [
            table.set_column(
                table.column_names.index(name),
                pa.field(name, pa.int64()),
                pc.index_in(table[name], pa.array(names, table[name].type)).cast(pa.int64()),
            ).replace_schema_metadata({b"huggingface": info.encode()})
            for table in tables
        ]
    return tables


def _whole_numbers(table: pa.Table) -> list[str]:
    """Return the names of the columns of whole numbers."""
    return [str(field.name) for field in table.schema if pa.types.is_integer(field.type)]


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _table(paths: list[Path]) -> pa.Table:
    try:
        table = pa.concat_tables([pq.read_table(path) for path in paths])
        for place, field in enumerate(table.schema):
            if pa.types.is_dictionary(field.type):  # categories
                table = table.set_column(place, field.name, table[field.name].cast(field.type.value_type))
        return table
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"cannot read Parquet file {str(paths[0])!r}: {first_line(error)}") from error


def _label_column(table: pa.Table, file: Path) -> str:
    whole = _whole_numbers(table)
    for name in (*_LABEL_COLUMNS, *whole):
        if name in whole:
            return name
    raise DataError(
        f"no label column in {str(file)!r}: expected a column of whole numbers, or names in one called "
        f"label, got {table.column_names}"
    )


def _image_column(table: pa.Table, path: Path) -> str:
    for field in table.schema:
        if pa.types.is_struct(field.type) and "bytes" in {child.name for child in field.type}:
            return str(field.name)
    raise DataError(
        f"no column of images or texts in {str(path)!r}: expected a struct with the field 'bytes', or "
        f"strings, got {table.column_names}"
    )


def _labels(column: pa.ChunkedArray, file: Path) -> Tensor:
    if not len(column):
        raise DataError(f"no rows in {str(file)!r}: expected at least one example")
    if column.null_count:
        raise DataError(f"{column.null_count} labels are missing in {str(file)!r}")
    return torch.from_numpy(column.to_numpy().astype(np.int64))


def _classes(table: pa.Table, label: str) -> tuple[str, ...] | None:
    text = (table.schema.metadata or {}).get(b"huggingface")
    if text is None:
        return None
    try:
        names = json.loads(text)["info"]["features"][label]["names"]
    except (ValueError, KeyError, TypeError, IndexError):
        return None
    return tuple(map(str, names)) if isinstance(names, list) and names else None


def _text_column(table: pa.Table) -> str | None:
    """Return the column of texts of a set without images, by name or else the first one of strings."""
    if any(pa.types.is_struct(field.type) for field in table.schema):
        return None
    texts = [str(field.name) for field in table.schema if _is_text(field.type)]
    return next((name for name in (*_TEXT_COLUMNS, *texts) if name in texts), None)


def _texts(column: pa.ChunkedArray, rows: Tensor, path: Path) -> Tensor:
    texts = column.take(pa.array(rows.numpy())).to_pylist()
    for row, text in zip(rows.tolist(), texts, strict=True):
        if not (text or "").strip():
            raise DataError(f"row {row} of {str(path)!r} holds no text")
    return encoded(texts)


def _decode(table: pa.Table, rows: Tensor, files: list[Path], spec: DataSpec, n_images: int) -> Tensor:
    """Return the inputs in some rows of the concatenated files."""
    path = files[0]
    name = _text_column(table)
    if name is not None:
        return _texts(table[name], rows, path)
    cells = table[_image_column(table, path)].take(pa.array(rows.numpy())).to_pylist()
    images = []
    for row, cell in zip(rows.tolist(), cells, strict=True):
        try:
            images.append(_open(cell, path.parent, spec, n_images))
        except UNREADABLE as error:
            file, row_there = _place(row, files)
            raise DataError(
                f"cannot decode the image in row {row_there} of {str(file)!r}: {reason(error)}"
            ) from error
    return stack(images, [f"row {row}" for row in rows.tolist()], repr(str(path)))


def _open(cell: dict[str, Any] | None, folder: Path, spec: DataSpec, n_images: int) -> Image.Image:
    content, name = (cell or {}).get("bytes"), (cell or {}).get("path")
    if not content and not name:
        raise ValueError("neither bytes nor a path")
    return decode(content or folder / str(name), spec.crop, spec.channels, n_images)


def _place(row: int, files: list[Path]) -> tuple[Path, int]:
    for file in files:
        n_rows = pq.read_metadata(file).num_rows
        if row < n_rows:
            return file, row
        row -= n_rows
    raise AssertionError("unreachable")
