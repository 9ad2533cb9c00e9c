"""A text file, or a folder of text files at any depth; token tasks alone, for they have no classes."""

from __future__ import annotations

from pathlib import Path

from modelstitch.data.splitting import part_folders
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec

_MOST_BYTES = 2**26


def recognises(source: str) -> bool:
    """Tell whether ``source`` is a .txt file, or a folder with one at any depth."""
    path = Path(source)
    return (path.is_file() and path.suffix == ".txt") or (path.is_dir() and any(path.rglob("*.txt")))


def texts(spec: DataSpec) -> tuple[list[list[str]], str]:
    """Read the texts of one part, or of the folders ``train`` and ``test`` (or ``validation``).

    Raises:
        DataError: a folder without texts, or a file that cannot be read or is too large.
    """
    path = Path(spec.source)
    if path.is_file():
        return [[_text(path)]], "one text"
    folders, part = part_folders(path)
    division = "one part" if part is None else f"the folders train and {part}"
    return [_texts(folder) for folder in folders], division


def _texts(folder: Path) -> list[str]:
    files = sorted(file for file in folder.rglob("*.txt") if not file.name.startswith("."))
    if not files:
        raise DataError(
            f"data {str(folder)!r}: expected text files (.txt) in the folder, at any depth, got none"
        )
    return [_text(file) for file in files]


def _text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > _MOST_BYTES:
            raise DataError(
                f"text {str(path)!r} has {size:,} bytes, expected at most {_MOST_BYTES:,} in one file: "
                "divide it"
            )
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read the text {str(path)!r}: {error}") from error
