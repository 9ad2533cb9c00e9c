"""A folder of captured graphs: found by what they follow from, safe for several processes, of bounded size.

A file holds text and constants, no code, and no weights. It is read only from a folder that nobody else can
write. Whatever is read is certified against the model like a new capture.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from torch import nn

from modelstitch.cutting.capture import Captured
from modelstitch.cutting.stored import NotStoredError, read_graph, write_graph
from modelstitch.errors import RunError
from modelstitch.util.atomic_files import atomic_write
from modelstitch.util.locks import locked

MOST_BYTES = 512 * 2**20
"""Size of a folder above which the files that were used longest ago are removed."""

_ENDING = ".graph"
_LOCK = "lock"
_PATIENCE = 30.0


class GraphCache:
    """Captured graphs in a folder.

    Args:
        folder: it is made where it does not exist.

    Raises:
        RunError: it cannot be made, or others can write it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            about = folder.stat()
        except OSError as error:
            raise RunError(f"cannot use {str(folder)!r} as a cache: {error.strerror or error}") from error
        if sys.platform != "win32" and (about.st_uid != os.getuid() or about.st_mode & 0o022):
            raise RunError(
                f"expected a cache that nobody else can write, got {str(folder)!r}: give a folder of your "
                f"own (chmod go-w {folder})"
            )

    def holds(self, identity: str) -> bool:
        """Tell whether there is a file of this identity."""
        return self._path(identity).exists()

    def load(self, identity: str, model: nn.Module) -> Captured:
        """Return the graph of this identity.

        Raises:
            NotStoredError: the file cannot be read.
            OSError: it is gone.
        """
        captured = read_graph(self._path(identity), model)
        os.utime(self._path(identity))
        return captured

    def save(self, identity: str, captured: Captured, model: nn.Module) -> None:
        """Keep a graph, and remove what was used longest ago where the folder grows too large.

        Raises:
            NotStoredError: the graph has no form as a file, or the file cannot be written.
        """
        try:
            with locked(self.folder / _LOCK, f"{self.folder} is in use", _PATIENCE):
                atomic_write(self._path(identity), lambda path: write_graph(captured, model, path))
                self._trim(self._path(identity))
        except (OSError, RunError) as error:
            raise NotStoredError(f"it cannot be written ({error})") from error

    def remove(self, identity: str) -> None:
        """Remove the file of this identity, if there is one."""
        self._path(identity).unlink(missing_ok=True)

    def _path(self, identity: str) -> Path:
        return self.folder / f"{identity}{_ENDING}"

    def _trim(self, newest: Path) -> None:
        held = []
        for path in self.folder.glob(f"*{_ENDING}"):
            try:
                about = path.stat()
            except FileNotFoundError:  # another process removed it
                continue
            held.append((about.st_mtime_ns, about.st_size, path))
        total = sum(size for _, size, _ in held)
        for _, size, path in sorted(held):
            if total <= MOST_BYTES or path == newest:
                break
            path.unlink(missing_ok=True)
            total -= size
        for left in self.folder.glob(f"*{_ENDING}.unfinished"):  # of a process that was ended
            if time.time() - left.stat().st_mtime > 3600:
                left.unlink(missing_ok=True)
