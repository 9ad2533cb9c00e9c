"""CIFAR-10 and CIFAR-100 in their official archives, with classes and, for CIFAR-100, the coarse labels."""

from __future__ import annotations

import codecs
import hashlib
import io
import os
import pickle
import tarfile
import tempfile
import urllib.request
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np
import torch

from modelstitch.data.in_memory import from_parts
from modelstitch.data.label_sets import set_from_labels
from modelstitch.data.parts import Data, DataPart
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec


@dataclass(frozen=True)
class Archive:
    """What an official archive holds, and how to know it.

    Attributes:
        url, sha256: where it is, and what its bytes hash to.
        folder: its top folder.
        train, test: its files.
        label: key of the labels in a file.
        names: file of class names, and the key of those of ``label``.
    """

    url: str
    sha256: str
    folder: str
    train: tuple[str, ...]
    test: str
    label: str
    names: tuple[str, str]


ARCHIVES = {
    "cifar10": Archive(
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        "cifar-10-batches-py",
        tuple(f"data_batch_{number}" for number in range(1, 6)),
        "test_batch",
        "labels",
        ("batches.meta", "label_names"),
    ),
    "cifar100": Archive(
        "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
        "cifar-100-python",
        ("train",),
        "test",
        "fine_labels",
        ("meta", "fine_label_names"),
    ),
}


def which(path: Path) -> str | None:
    """Tell which of the sets ``path`` (an archive, its folder, or the folder around it) is, if any."""
    for name, archive in ARCHIVES.items():
        if path.name == archive.url.rpartition("/")[2] or _folder(path, archive) is not None:
            return name
    return None


def load(name: str, path: Path | None, spec: DataSpec) -> Data:
    """Load ``cifar10`` or ``cifar100``.

    Args:
        name: which one.
        path: the archive, or its folder; without it, the archive is downloaded once and its hash compared.
        spec: limits and seed.

    Raises:
        DataError: an archive that is not the official one, cannot be read or cannot be downloaded.
    """
    archive = ARCHIVES[name]
    where = path if path is not None else fetch(archive)
    files = _read(where, archive)
    try:
        return _assembled(name, files, archive, spec)
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(
            f"cannot read {str(where)!r}: its files do not hold what the official ones do ({error})"
        ) from error


def _assembled(name: str, files: dict[str, dict[str, Any]], archive: Archive, spec: DataSpec) -> Data:
    parts = []
    for wanted in (archive.train, (archive.test,)):
        pixels = [np.asarray(files[each]["data"]).reshape(-1, 3, 32, 32) for each in wanted]
        labels = [np.asarray(files[each][archive.label], np.int64) for each in wanted]
        parts.append(
            DataPart(torch.from_numpy(np.concatenate(pixels)), torch.from_numpy(np.concatenate(labels)))
        )
    meta, key = archive.names
    classes = tuple(map(str, files[meta][key]))
    data = from_parts(parts[0], parts[1], classes, name, "the official training and test part", spec)
    if name == "cifar10":
        return data
    coarse = torch.tensor(files["train"]["coarse_labels"])
    sets = set_from_labels(
        "coarse", coarse, parts[0].labels, tuple(map(str, files[meta]["coarse_label_names"]))
    )
    return data if sets is None else replace(data, label_sets=(sets,))


def fetch(archive: Archive, cache: Path | None = None) -> Path:
    """Return the archive's file, downloaded on first use to a cache folder.

    Args:
        archive: what to fetch.
        cache: the folder; ``modelstitch`` in the user's cache folder without it.

    Raises:
        DataError: no network, no disk, or bytes that hash to something else.
    """
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = cache or Path(base, "modelstitch")
    target = folder / archive.url.rpartition("/")[2]
    if target.is_file() and _sha256(target) == archive.sha256:
        return target
    unfinished: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            urllib.request.urlopen(archive.url, timeout=60) as response,
            tempfile.NamedTemporaryFile(dir=folder, delete=False) as file,
        ):
            unfinished = Path(file.name)
            while block := response.read(1 << 20):
                file.write(block)
        got = _sha256(unfinished)
        if got != archive.sha256:
            raise DataError(
                f"{archive.url} is not the official archive: expected SHA-256 {archive.sha256}, got {got}"
            )
        unfinished.replace(target)
    except (OSError, HTTPException) as error:
        raise DataError(
            f"cannot download {archive.url}: {error}; give the path of {target.name} as the data"
        ) from error
    finally:
        if unfinished is not None:
            unfinished.unlink(missing_ok=True)
    return target


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _folder(path: Path, archive: Archive) -> Path | None:
    for folder in (path, path / archive.folder):
        if (folder / archive.test).is_file() and (folder / archive.names[0]).is_file():
            return folder
    return None


def _read(path: Path, archive: Archive) -> dict[str, dict[str, Any]]:
    wanted = (*archive.train, archive.test, archive.names[0])
    try:
        folder = _folder(path, archive) if path.is_dir() else None
        if folder is not None:
            return {name: _unpickled((folder / name).read_bytes(), folder / name) for name in wanted}
        with tarfile.open(path) as tar:
            found = {}
            for name in wanted:
                member = tar.extractfile(f"{archive.folder}/{name}")
                if member is None:
                    raise KeyError(name)
                found[name] = _unpickled(member.read(), path / archive.folder / name)
            return found
    except (OSError, tarfile.TarError, KeyError, EOFError) as error:
        raise DataError(f"cannot read {str(path)!r} as {archive.url.rpartition('/')[2]}: {error}") from error


# Where this function lives has changed; an array itself always knows it.
_RECONSTRUCT: Any = np.empty(0).__reduce__()[0]


class _Arrays(pickle.Unpickler):
    """Reads dictionaries of lists, strings and arrays, and refuses to call anything else."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = {
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
            ("_codecs", "encode"): codecs.encode,
        }
        if (module, name) in allowed:
            return allowed[module, name]
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return _RECONSTRUCT
        raise pickle.UnpicklingError(f"expected arrays, got {module}.{name}")


def _unpickled(content: bytes, where: Path) -> dict[str, Any]:
    try:
        found = _Arrays(io.BytesIO(content), encoding="latin1").load()
    except (pickle.UnpicklingError, ValueError, EOFError, AttributeError, IndexError, TypeError) as error:
        raise DataError(f"cannot read {str(where)!r}: {error}") from error
    if not isinstance(found, dict):
        raise DataError(f"cannot read {str(where)!r}: expected a dictionary, got {type(found).__name__}")
    return found
