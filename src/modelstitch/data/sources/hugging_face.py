"""Sets of the package datasets: ``hf:NAME``, or ``hf:FOLDER`` that ``save_to_disk`` wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from torch import Tensor

from modelstitch.data.columns import Wish
from modelstitch.data.parts import Data
from modelstitch.data.tables import TablePart, data_of, texts_of
from modelstitch.errors import DataError, first_line
from modelstitch.specs import DataSpec
from modelstitch.util.calls import parse_call
from modelstitch.util.optional import optional_package

PREFIX = "hf:"
_WORDS = "the parts train and {}"


def recognises(source: str) -> bool:
    """Tell whether ``source`` begins with ``hf:``."""
    return source.startswith(PREFIX)


def load(spec: DataSpec) -> Data:
    """Load a set: its parts ``train`` and ``test`` (or ``validation``), or its only part.

    Raises:
        MissingExtraError: the package datasets is not installed.
        DataError: no such set, or tables that cannot be used, see :func:`modelstitch.data.tables.data_of`.
    """
    loaded, name = _loaded(spec.source)
    return data_of(table_parts(loaded, f"data {name}"), spec, name, _WORDS)


def texts(spec: DataSpec) -> tuple[list[list[str]], str]:
    """Read the column of texts of one part or of two; rows without a text are left out.

    Raises:
        MissingExtraError: the package datasets is not installed.
        DataError: no such set, or no texts in it.
    """
    loaded, name = _loaded(spec.source)
    return texts_of(table_parts(loaded, f"data {name}"), spec, _WORDS)


def table_parts(loaded: Any, where: str) -> dict[str, TablePart]:
    """Return the parts of a DatasetDict, or a Dataset as the part ``train``.

    Args:
        loaded: a set of the package datasets.
        where: its name, for errors.

    Raises:
        DataError: no part ``train``, or a part without a length.
    """
    if not isinstance(loaded, Mapping):
        return {"train": _part(loaded, where)}
    if "train" not in loaded:
        raise DataError(
            f"{where}: expected the parts train and test (or validation), got {', '.join(map(str, loaded))}"
        )
    return {str(name): _part(rows, f"{where}, part {name}") for name, rows in loaded.items()}


def load_given(given: Any, words: str, spec: DataSpec) -> Data:
    """Read a Dataset or a DatasetDict that the caller holds.

    Args:
        given: see :func:`table_parts`.
        words: how to call two parts, with ``{}`` for the name of the held-out one.
        spec: limits and seed.

    Raises:
        DataError: tables that cannot be used, see :func:`modelstitch.data.tables.data_of`.
    """
    wish = Wish(
        spec.label_column,
        spec.input_column,
        say_label="rename it to label (rename_column)",
        say_input="keep the one that is meant (select_columns)",
    )
    return data_of(table_parts(given, "data in memory"), spec, "in memory", words, wish)


def _part(rows: Any, where: str) -> TablePart:
    if not hasattr(rows, "select"):
        raise DataError(
            f"{where}: expected rows with a length, got {type(rows).__name__} (without streaming=True)"
        )

    def read(name: str, chosen: Tensor | None) -> pa.ChunkedArray:
        some = rows.select_columns([name])
        if chosen is not None:
            some = some.select(chosen.tolist())
        return some.with_format("arrow")[:][name]

    return TablePart(
        where=where,
        schema=rows.features.arrow_schema,
        n_rows=len(rows),
        read=read,
        row=lambda row: f"row {row} of {where}",
    )


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
