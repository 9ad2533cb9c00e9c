"""Text files in class folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from modelstitch.data import class_folders
from modelstitch.data.parts import Data
from modelstitch.data.texts import encoded
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec

_MOST_BYTES = 65_536


def recognises(source: str) -> bool:
    """Tell whether ``source`` is a folder of class folders with .txt files."""
    return class_folders.holds(source, TEXTS)


def load(spec: DataSpec) -> Data:
    """Load texts as bytes of UTF-8 (N, L), the first 65,536 of each, see :func:`class_folders.load`."""
    return class_folders.load(spec, TEXTS)


def _read(parts: list[list[Path]], spec: DataSpec, root: Path) -> tuple[list[Tensor], dict[str, Any]]:
    """Read the texts of both parts, padded to one length.

    Raises:
        DataError: a file that cannot be read, is not UTF-8 or is empty (it is named).
    """
    letters = encoded([_text(file) for files in parts for file in files])
    return list(letters.split([len(files) for files in parts])), {"is_text": True}


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 4)
        # A cut may fall inside a character, which is then dropped.
        is_cut = len(content) > _MOST_BYTES
        text = content[:_MOST_BYTES].decode(errors="ignore") if is_cut else content.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read the text {str(path)!r}: {error}") from error
    if not text.strip():
        raise DataError(f"cannot read the text {str(path)!r}: it is empty")
    return text


TEXTS = class_folders.FileType("text", (".txt",), _read)
