"""Parquet files as on the Hugging Face hub: images (a struct of bytes or a path) or texts, and a label."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from torch import Tensor

from modelstitch.data.parts import Data
from modelstitch.data.splitting import HELDOUT_NAMES
from modelstitch.data.tables import TablePart, class_names, data_of, texts_of
from modelstitch.errors import DataError, first_line
from modelstitch.specs import DataSpec
from modelstitch.util.places import neighbours

_PARTS = sorted(("train", *HELDOUT_NAMES), key=len, reverse=True)
"""Names of parts; a file belongs to the longest one that its name begins with."""

_WORDS = "the files train*.parquet and {0}*.parquet"


def recognises(source: str) -> bool:
    """Tell whether ``source`` is a .parquet file, or a folder with some in it or in its folder ``data``."""
    path = Path(source)
    if path.suffix == ".parquet":
        return True
    return path.is_dir() and any([*path.glob("*.parquet"), *path.glob("data/*.parquet")])


def load(spec: DataSpec) -> Data:
    """Load a folder with ``train*.parquet`` and ``test*.parquet`` (or ``validation*``), or a single file.

    Raises:
        DataError: no such files, or tables that cannot be used, see :func:`modelstitch.data.tables.data_of`.
    """
    return data_of(_parts(spec), spec, Path(spec.source).name, _WORDS)


def texts(spec: DataSpec) -> tuple[list[list[str]], str]:
    """Read the column of texts of one part or of two; rows without a text are left out.

    Raises:
        DataError: no such files, or no column of texts.
    """
    return texts_of(_parts(spec), spec, _WORDS)


def _parts(spec: DataSpec) -> dict[str, TablePart]:
    """Return the tables of all parts by name."""
    path = Path(spec.source)
    if not path.exists():
        raise DataError(f"no data file {str(path)!r}{neighbours(path)}")
    if path.is_file():
        return {"train": _part([path])}
    folder = path if list(path.glob("*.parquet")) else path / "data"
    paths = sorted(folder.glob("*.parquet"))
    files: dict[str, list[Path]] = {part: [] for part in _PARTS}
    for file in paths:
        part = next((part for part in _PARTS if file.name.startswith(part)), None)
        if part is not None:
            files[part].append(file)
    if not files["train"]:
        seen = ", ".join(file.name for file in paths[:5]) or "no Parquet file"
        raise DataError(
            f"data {str(path)!r}: expected train*.parquet and test*.parquet in the folder, got {seen}"
        )
    return {name: _part(files[name]) for name in ("train", *HELDOUT_NAMES) if files[name]}


def _part(files: list[Path]) -> TablePart:
    table = _table(files)

    def read(name: str, rows: Tensor | None) -> pa.ChunkedArray:
        return table[name] if rows is None else table[name].take(pa.array(rows.numpy()))

    def say(row: int) -> str:
        for file in files:
            n_rows = pq.read_metadata(file).num_rows
            if row < n_rows:
                return f"row {row} of {str(file)!r}"
            row -= n_rows
        raise AssertionError("unreachable")

    return TablePart(repr(str(files[0])), table.schema, table.num_rows, read, say, files[0].parent)


def _table(files: list[Path]) -> pa.Table:
    """Return the rows of all files of a part.

    Raises:
        DataError: files that cannot be read, or that number their classes differently.
    """
    try:
        tables = [pq.read_table(file) for file in files]
        joined = pa.concat_tables(tables)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"cannot read Parquet file {str(files[0])!r}: {first_line(error)}") from error
    named = {
        file: names for file, table in zip(files, tables, strict=True) if (names := class_names(table.schema))
    }
    first = next(iter(named), None)
    for file, names in named.items():
        if first is not None and names != named[first]:
            raise DataError(
                f"{str(first)!r} and {str(file)!r} are files of one part and number their classes "
                "differently: "
                f"expected the same names in their metadata, got {_first_names(named[first])} and "
                f"{_first_names(names)}"
            )
    return joined


def _first_names(names: dict[str, tuple[str, ...]]) -> str:
    return "; ".join(f"{column}: {', '.join(own[:5])}" for column, own in names.items())
