"""A folder that appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from modelstitch.errors import RunError
from modelstitch.util.places import why_not_written


def expect_new(folder: Path) -> None:
    """Raise unless ``folder`` can be made: it does not exist, and the folder around it does or can.

    Raises:
        RunError: something of this name exists.

    Example:
        >>> expect_new(Path("no/such/folder"))
    """
    if os.path.lexists(folder):
        raise RunError(
            f"{str(folder)!r} exists: expected the name of a new folder; choose another, or remove this one"
        )


@contextlib.contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Give an empty folder to fill; it gets its name when the block ends, or is removed where that fails.

    Args:
        folder: the name that it gets.

    Raises:
        RunError: something of this name exists, also when the block ends, or it cannot be written.
    """
    expect_new(folder)
    try:
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.absolute().parent))
    except OSError as error:
        raise RunError(f"cannot write folder {str(folder)!r}: {why_not_written(folder, error)}") from error
    try:
        yield unfinished
        for path in (unfinished, *unfinished.rglob("*")):  # some writers make files that nobody else may read
            path.chmod(0o755 if path.is_dir() else 0o644)
        expect_new(folder)
        unfinished.rename(folder)
    except OSError as error:
        raise RunError(f"cannot write folder {str(folder)!r}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
