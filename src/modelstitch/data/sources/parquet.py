"""Parquet files as on the Hugging Face hub: images (a struct of bytes or a path) or texts, and a label."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from torch import Tensor

from modelstitch.data.parts import Data
from modelstitch.data.splitting import HELDOUT_NAMES
from modelstitch.data.tables import TablePart, data_of, texts_of
from modelstitch.errors import DataError, first_line
from modelstitch.specs import DataSpec

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
        raise DataError(f"no data file {str(path)!r}")
    if path.is_file():
        return {"train": _part([path])}
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
    return {name: _part(own) for name, own in files.items() if own}


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
    try:
        return pa.concat_tables([pq.read_table(file) for file in files])
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"cannot read Parquet file {str(files[0])!r}: {first_line(error)}") from error
