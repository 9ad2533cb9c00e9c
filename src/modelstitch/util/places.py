"""What an error says of a path: what lies near one that is missing, and how to write where one cannot."""

from __future__ import annotations

import difflib
import errno
import os
from pathlib import Path

from modelstitch.errors import RunError

_MOST = 5


def neighbours(path: str | Path) -> str:
    """Return what lies beside a path that does not exist, the likeliest meant first, to end an error with.

    Returns:
        A phrase that begins with a semicolon.

    Example:
        >>> neighbours("/no/such/folder/a.npz")
        "; there is no folder '/no/such/folder', the nearest that exists is '/'"
    """
    path = Path(path)
    folder = path.parent
    try:
        if not folder.is_dir():
            if folder.exists():
                return f"; {str(folder)!r} is a file, no folder"
            above = next(one for one in folder.absolute().parents if one.is_dir())
            return f"; there is no folder {str(folder)!r}, the nearest that exists is {str(above)!r}"
        inside = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        return f"; {str(folder)!r} cannot be looked into ({error.strerror})"
    where = "this folder" if str(folder) == "." else f"the folder {str(folder)!r}"
    if not inside:
        return f"; {where} is empty"
    near = difflib.get_close_matches(path.name, inside, n=1, cutoff=0.6)
    alike = [name for name in inside if Path(name).suffix == path.suffix]
    first = list(dict.fromkeys((*near, *alike, *inside)))
    meant = f"did you mean {str(folder / near[0])!r}? " if near else ""
    more = f", ... ({len(inside)} in all)" if len(inside) > _MOST else ""
    return f"; {meant}{where} holds {', '.join(first[:_MOST])}{more}"


def why_not_read(path: str | Path, error: OSError) -> str:
    """Return why a file cannot be read and what lies beside it, to end an error with.

    Example:
        >>> why_not_read("/nowhere/a.toml", FileNotFoundError(2, "No such file or directory"))
        "no such file; there is no folder '/nowhere', the nearest that exists is '/'"
    """
    path = Path(path)
    if path.is_dir():
        return f"it is a folder{neighbours(path / path.name)}"
    if isinstance(error, FileNotFoundError):
        return f"no such file{neighbours(path)}"
    return error.strerror or str(error)


def expect_writable(folder: str | Path, option: str = "--out") -> None:
    """Raise unless a folder can be made, or written, where it is; nothing is made.

    Raises:
        RunError: a file is in its place or above it, or the place may not be written.

    Example:
        >>> expect_writable("no/such/folder")
    """
    folder = Path(folder)
    if str(folder) in ("", "."):
        return
    above = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
    if above.is_dir() and os.access(above, os.W_OK | os.X_OK):
        return
    denied = OSError(errno.EACCES, "Permission denied")
    raise RunError(f"cannot write folder {str(folder)!r}: {why_not_written(folder, denied, option)}")


def why_not_written(path: str | Path, error: OSError, option: str = "--out") -> str:
    """Return why a file or a folder cannot be written and what to do, to end an error with.

    Args:
        path: that could not be written.
        error: of the system.
        option: that names another place.

    Example:
        >>> why_not_written("/etc/run", PermissionError(13, "Permission denied"))
        "Permission denied: give another place with --out, or leave to write in '/etc'"
    """
    path = Path(path)
    reason = error.strerror or str(error)
    above = next((one for one in (path, *path.parents) if one.exists()), path.parent)
    if error.errno == errno.ENOSPC:
        return f"{reason}: free some space, or give a place on another disk with {option}"
    if above.is_file():
        return f"{str(above)!r} is a file, no folder: give another place with {option}, or move this file"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{reason}: give another place with {option}, or leave to write in {str(above)!r}"
    return f"{reason}: give another place with {option}"
