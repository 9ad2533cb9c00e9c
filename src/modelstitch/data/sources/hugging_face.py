"""Sets of the package datasets: ``hf:NAME``, or ``hf:FOLDER`` that ``save_to_disk`` wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from modelstitch.data.in_memory import as_part, from_parts, from_whole
from modelstitch.data.parts import Data, DataPart
from modelstitch.data.splitting import HELDOUT_NAMES, choose
from modelstitch.data.texts import encoded, pad_alike
from modelstitch.errors import DataError, first_line
from modelstitch.specs import DataSpec
from modelstitch.util.calls import parse_call
from modelstitch.util.optional import optional_package

PREFIX = "hf:"

_LABEL_COLUMNS = ("label", "labels", "fine_label")
_TEXT_COLUMNS = ("text", "sentence", "content")


def recognises(source: str) -> bool:
    """Tell whether ``source`` begins with ``hf:``."""
    return source.startswith(PREFIX)


def load(spec: DataSpec) -> Data:
    """Load a set: its parts ``train`` and ``test`` (or ``validation``), or its only part.

    Raises:
        MissingExtraError: the package datasets is not installed.
        DataError: no such set, or one without images (or texts) and labels.
    """
    loaded, name = _loaded(spec.source)
    if not isinstance(loaded, Mapping):
        whole, classes, is_text = _read(loaded, None, name)
        return replace(from_whole(whole, classes=classes, name=name, spec=spec), is_text=is_text)
    part = _heldout_name(loaded, name)
    train, classes, is_text = _read(loaded["train"], spec.limit, name, spec.seed)
    heldout, _, _ = _read(loaded[part], spec.heldout_limit, name, spec.seed)
    if is_text:
        train, heldout = pad_alike([train, heldout])
    unlimited = DataSpec(source=spec.source)
    data = from_parts(train, heldout, classes, name, f"the parts train and {part}", unlimited)
    return replace(data, is_text=is_text)


def texts(spec: DataSpec) -> tuple[list[list[str]], str]:
    """Read the column of texts of one part or of two; rows without a text are left out.

    Raises:
        MissingExtraError: the package datasets is not installed.
        DataError: no such set, or no texts in it.
    """
    loaded, name = _loaded(spec.source)
    parts, division = [loaded], "one part"
    if isinstance(loaded, Mapping):
        part = _heldout_name(loaded, name)
        parts, division = [loaded["train"], loaded[part]], f"the parts train and {part}"
    read = []
    for rows in parts:
        column = _text_column(rows)
        if column is None:
            raise DataError(f"data {name}: expected a column of texts, got {', '.join(rows.column_names)}")
        read.append([text for text in rows[column] if (text or "").strip()])
        if not read[-1]:
            raise DataError(f"data {name}: expected a text in some row, got none")
    return read, division


def _loaded(source: str) -> tuple[Any, str]:
    """Return a Dataset, or a mapping of them by the names of the parts, and the name of the set."""
    target, arguments = parse_call(source.removeprefix(PREFIX))
    package = optional_package("datasets", "datasets", f"data '{PREFIX}{target}'")
    folder = Path(target).expanduser()
    try:
        if folder.is_dir():
            return package.load_from_disk(str(folder)), folder.name
        return package.load_dataset(target, **arguments), Path(target).name
    except (OSError, ValueError, TypeError, RuntimeError, KeyError, ImportError) as error:
        raise DataError(f"cannot load data '{PREFIX}{target}': {first_line(error)}") from error


def _heldout_name(parts: Mapping[str, Any], name: str) -> str:
    part = next((part for part in HELDOUT_NAMES if part in parts), None)
    if "train" not in parts or part is None:
        raise DataError(
            f"data {name}: expected the parts train and test (or validation), got {', '.join(parts)}"
        )
    return part


def _text_column(rows: Any) -> str | None:
    return next((column for column in _TEXT_COLUMNS if column in rows.column_names), None)


def _read(
    rows: Any, limit: int | None, name: str, seed: int = 0
) -> tuple[DataPart, tuple[str, ...] | None, bool]:
    """Return the chosen rows, the names of the classes, and whether they are texts."""
    label = next((column for column in _LABEL_COLUMNS if column in rows.column_names), None)
    if label is None:
        raise DataError(f"data {name}: expected a column of labels, got {', '.join(rows.column_names)}")
    names = getattr(rows.features[label], "names", None)
    labels = torch.tensor(list(rows[label]))
    chosen = rows.select(choose(labels, limit, seed).tolist())
    classes = None if names is None else tuple(map(str, names))
    column = _text_column(rows)
    if column is None:
        return as_part(chosen, name), classes, False
    texts = [str(text) for text in chosen[column]]
    for row, text in enumerate(texts):
        if not text.strip():
            raise DataError(f"data {name}: row {row} holds no text")
    return DataPart(encoded(texts), torch.tensor(list(chosen[label]))), classes, True
