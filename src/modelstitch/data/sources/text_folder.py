"""Text files in class folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from modelstitch.data.class_folders import Kind
from modelstitch.data.texts import encoded
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec

_MOST_BYTES = 65_536


def read(parts: list[list[Path]], spec: DataSpec, where: Path) -> tuple[list[Tensor], dict[str, Any]]:
    """Read texts of UTF-8 as bytes (N, L), the first 65,536 of each.

    Raises:
        DataError: a file that cannot be read, is no UTF-8 or holds nothing (it is named).
    """
    letters = encoded([_text(file) for files in parts for file in files])
    return list(letters.split([len(files) for files in parts])), {"is_text": True}


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 4)
        text = (
            content.decode() if len(content) <= _MOST_BYTES else content[:_MOST_BYTES].decode(errors="ignore")
        )
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read the text {str(path)!r}: {error}") from error
    if not text.strip():
        raise DataError(f"cannot read the text {str(path)!r}: it holds nothing")
    return text


TEXTS = Kind("text", (".txt",), read)
