"""One writer at a time: a lock that the system releases when its process dies."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from modelstitch.errors import RunError


def hold(path: Path, in_use: str, wait: float = 0.0) -> sqlite3.Connection:
    """Take a lock and return what holds it, until it is closed.

    A database is held in an exclusive transaction: that works on every system, and dies with the process.

    Args:
        path: file of the lock; it is made where it does not exist, and stays.
        in_use: the error where another process holds it.
        wait: seconds to wait for the other process.

    Raises:
        RunError: another process holds it.
        sqlite3.Error: the file cannot be made.
    """
    lock = sqlite3.connect(path, isolation_level=None, timeout=wait)
    try:
        lock.execute("PRAGMA journal_mode=MEMORY")  # no second file beside the first
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lock.close()
        if "locked" not in str(error):
            raise
        raise RunError(in_use) from error
    return lock


@contextlib.contextmanager
def locked(path: Path, in_use: str, wait: float = 0.0) -> Iterator[None]:
    """Hold a lock for a block, as :func:`hold` does.

    Raises:
        RunError: another process holds it, or the file cannot be made.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, locked(Path(folder) / "lock", "in use"):
        ...     try:
        ...         hold(Path(folder) / "lock", "in use")
        ...     except RunError as error:
        ...         print(error)
        in use
    """
    try:
        lock = hold(path, in_use, wait)
    except sqlite3.Error as error:
        raise RunError(f"cannot write {str(path)!r}: {error}") from error
    try:
        yield
    finally:
        lock.close()
