"""Parquet files laid out as on the Hugging Face hub: images (a struct of encoded bytes or a path) or texts, and a label."""

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
from modelstitch.data.splitting import HELDOUT_NAMES, choose, hold_out_third, third_held_out
from modelstitch.data.texts import encoded, filled_up
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec


def load(path: Path, spec: DataSpec) -> Data:
    """Load a folder with ``train*.parquet`` and ``test*.parquet`` (or ``validation*``), or a single file.

    Only the rows that ``spec.limit`` chooses are decoded. A label is a whole number or a name. A single part is split, stratified and
    seeded. Another column of whole numbers with ``label`` in its name, such as CIFAR-100's ``coarse_label``, is a label set where it
    follows from the label.

    Raises:
        DataError: no such files, no rows, no image or label column, parts that name their classes differently, or an
            image that cannot be decoded (its row is named).
    """
    name = path.name
    files, part = _files(path)
    tables = _numbered({each: _table(files[each]) for each in ("train", *([part] if part else []))})
    train = tables["train"]
    classes = _classes(train, _label_column(train, files["train"][0]))
    labels = _labels(train, files["train"][0])
    if part is not None:
        heldout = tables[part]
        held_classes = _classes(heldout, _label_column(heldout, files[part][0]))
        if classes and held_classes and classes != held_classes:
            raise DataError(
                f"data {str(path)!r}: expected the same classes in both parts, got {list(classes[:5])} in train and "
                f"{list(held_classes[:5])} in {part}"
            )
        held_labels = _labels(heldout, files[part][0])
        division = f"the files train*.parquet and {part}*.parquet"
        rows = choose(labels, spec.limit, spec.seed)
        held_rows = choose(held_labels, spec.heldout_limit, spec.seed)
    else:
        if len(labels) < 2:
            raise DataError(f"data {str(path)!r}: expected at least 2 examples to split, got {len(labels)}")
        heldout, held_labels = train, labels
        division = third_held_out(spec.seed)
        rows, held_rows = hold_out_third(labels, spec.seed, spec.limit, spec.heldout_limit)
    parts = [
        DataPart(_decode(table, chosen, files_of, spec, len(rows) + len(held_rows)), part_labels[chosen])
        for table, chosen, part_labels, files_of in (
            (train, rows, labels, files["train"]),
            (heldout, held_rows, held_labels, files[part or "train"]),
        )
    ]
    is_text = _text_column(train) is not None
    if is_text:
        parts = [
            replace(part, images=alike)
            for part, alike in zip(parts, filled_up([p.images for p in parts]), strict=True)
        ]
    data = from_parts(parts[0], parts[1], classes, name, division, DataSpec(source=spec.source))
    data = replace(data, is_text=is_text)
    return replace(data, label_sets=_label_sets(list(tables.values()), len(data.classes)))


def texts(path: Path) -> tuple[list[list[str]], str]:
    """Read the column of texts alone, of one part or of two, and say how they came about; rows without a text are left out.

    Raises:
        DataError: no such files, or no column of texts.
    """
    files, part = _files(path)
    found = []
    for each in ("train",) if part is None else ("train", part):
        table = _table(files[each])
        name = _text_column(table)
        if name is None:
            raise DataError(
                f"no column of texts in {str(files[each][0])!r}: expected strings, got {table.column_names}"
            )
        found.append([text for text in table[name].to_pylist() if (text or "").strip()])
        if not found[-1]:
            raise DataError(f"no row of {str(files[each][0])!r} holds a text in the column {name!r}")
    return found, "one part" if part is None else f"the files train*.parquet and {part}*.parquet"


def _files(path: Path) -> tuple[dict[str, list[Path]], str | None]:
    """Return the files of each part by its name, and the name of the held-out part; a file alone is ``train``."""
    if path.is_file():
        return {"train": [path]}, None
    folder = path / "data" if not list(path.glob("*.parquet")) else path
    found = sorted(folder.glob("*.parquet"))
    files = {
        part: [each for each in found if each.name.startswith(part)] for part in ("train", *HELDOUT_NAMES)
    }
    if not files["train"]:
        seen = ", ".join(each.name for each in found[:5]) or "no Parquet file"
        raise DataError(
            f"data {str(path)!r}: expected train*.parquet and test*.parquet in the folder, got {seen}"
        )
    return files, next((part for part in HELDOUT_NAMES if files[part]), None)


def _label_sets(tables: list[pa.Table], n_classes: int) -> tuple[LabelSet, ...]:
    """Return the label sets that further label columns make, where all rows of all parts agree."""
    label = _label_column(tables[0], Path())
    shared = set.intersection(*(set(table.column_names) for table in tables))
    found = []
    for field in tables[0].schema:
        if field.name == label or "label" not in field.name or not pa.types.is_integer(field.type):
            continue
        if field.name not in shared or any(table[field.name].null_count for table in tables):
            continue
        coarse, fine = (
            torch.from_numpy(np.concatenate([table[name].to_numpy() for table in tables]).astype(np.int64))
            for name in (field.name, label)
        )
        each = set_from_labels(field.name, coarse, fine, _classes(tables[0], field.name))
        if each is not None and len(each.label_of) == n_classes:
            found.append(each)
    return tuple(found)


def _numbered(tables: dict[str, pa.Table]) -> dict[str, pa.Table]:
    """Number labels that are given as names, in the order of the alphabet, alike in all parts."""
    first = next(iter(tables.values()))
    whole = [field.name for field in first.schema if pa.types.is_integer(field.type)]
    if any(word in name for name in whole for word in ("label", "class")):
        return tables
    for name in ("label", "labels"):
        columns = [table[name] for table in tables.values() if name in table.column_names]
        if len(columns) < len(tables) or not all(_is_text(column.type) for column in columns):
            continue
        names = sorted({each for column in columns for each in column.to_pylist() if each is not None})
        info = json.dumps({"info": {"features": {name: {"names": names}}}})
        return {
            part: table.set_column(
                table.column_names.index(name),
                pa.field(name, pa.int64()),
                pc.index_in(table[name], pa.array(names, table[name].type)).cast(pa.int64()),
            ).replace_schema_metadata({b"huggingface": info.encode()})
            for part, table in tables.items()
        }
    return tables


def _spelled(table: pa.Table) -> pa.Table:
    """Write out columns that hold numbers of a list of values, as those of categories do."""
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            plain = table[field.name].cast(field.type.value_type)
            table = table.set_column(place, field.name, plain)
    return table


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _table(paths: list[Path]) -> pa.Table:
    try:
        return _spelled(pa.concat_tables([pq.read_table(path) for path in paths]))
    except (pa.ArrowException, OSError) as error:
        first_line = str(error).splitlines()[0]
        raise DataError(f"cannot read Parquet file {str(paths[0])!r}: {first_line}") from error


def _label_column(table: pa.Table, path: Path) -> str:
    whole = [field.name for field in table.schema if pa.types.is_integer(field.type)]
    for name in ("label", "labels", "fine_label", *whole):
        if name in whole:
            return str(name)
    raise DataError(
        f"no label column in {str(path)!r}: expected a column of whole numbers, or names in one called label, got {table.column_names}"
    )


def _image_column(table: pa.Table, path: Path) -> str:
    for field in table.schema:
        if pa.types.is_struct(field.type) and "bytes" in {child.name for child in field.type}:
            return str(field.name)
    raise DataError(
        f"no column of images or texts in {str(path)!r}: expected a struct with the field 'bytes', or strings, got {table.column_names}"
    )


def _labels(table: pa.Table, path: Path) -> Tensor:
    column = table[_label_column(table, path)]
    if not len(column):
        raise DataError(f"no rows in {str(path)!r}: expected at least one example")
    if column.null_count:
        raise DataError(f"{column.null_count} labels are missing in {str(path)!r}")
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
    """Return the column of texts of a set without images: the first one of strings that is not the label's name."""
    if any(pa.types.is_struct(field.type) for field in table.schema):
        return None
    texts = [str(field.name) for field in table.schema if _is_text(field.type)]
    return next((name for name in ("text", "sentence", "content", *texts) if name in texts), None)


def _texts(column: pa.ChunkedArray, rows: Tensor, path: Path) -> Tensor:
    texts = column.take(pa.array(rows.numpy())).to_pylist()
    for row, text in zip(rows.tolist(), texts, strict=True):
        if not (text or "").strip():
            raise DataError(f"row {row} of {str(path)!r} holds no text")
    return encoded(texts)


def _decode(table: pa.Table, rows: Tensor, files: list[Path], spec: DataSpec, n_images: int) -> Tensor:
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
