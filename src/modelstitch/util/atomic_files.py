"""Atomic writes: a file is there whole, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def atomic_write(path: Path, write: Callable[[Path], object]) -> None:
    """Have ``write`` make a file beside ``path``, then rename it; a failed write leaves nothing behind.

    Raises:
        OSError: the file cannot be written.
    """
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        write(unfinished)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
