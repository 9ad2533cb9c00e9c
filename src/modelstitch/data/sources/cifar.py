"""CIFAR-10 and CIFAR-100 from their official archives; CIFAR-100 with its coarse labels."""

from __future__ import annotations

import codecs
import hashlib
import io
import os
import pickle
import tarfile
import tempfile
import urllib.request
from dataclasses import dataclass
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
    """An official archive.

    Attributes:
        url, sha256: its address, and the hash of its bytes.
        folder: its top folder.
        train, test: its files.
        label: key of the labels in a file.
        names: file of the class names, and their key.
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


def recognises(source: str) -> bool:
    """Tell whether ``source`` is ``cifar10``, ``cifar100``, or an official archive or its folder."""
    return _name_of(source) is not None


def _name_of(source: str) -> str | None:
    path = Path(source)
    if not path.exists():
        return source if source in ARCHIVES else None
    for name, archive in ARCHIVES.items():
        if path.name == archive.url.rpartition("/")[2] or _folder(path, archive) is not None:
            return name
    return None


def load(spec: DataSpec) -> Data:
    """Load CIFAR-10 or CIFAR-100; without a path, the archive is downloaded once and its hash compared.

    Raises:
        DataError: an archive that is not the official one, cannot be read or cannot be downloaded.
    """
    name = _name_of(spec.source)
    assert name is not None
    archive = ARCHIVES[name]
    path = Path(spec.source) if Path(spec.source).exists() else fetch(archive)
    files = _read(path, archive)
    try:
        return _assembled(name, files, archive, spec)
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(
            f"cannot read {str(path)!r}: its files do not hold what the official ones do ({error})"
        ) from error


def _assembled(name: str, files: dict[str, dict[str, Any]], archive: Archive, spec: DataSpec) -> Data:
    parts = []
    for names in (archive.train, (archive.test,)):
        pixels = [np.asarray(files[file]["data"]).reshape(-1, 3, 32, 32) for file in names]
        labels = [np.asarray(files[file][archive.label], np.int64) for file in names]
        parts.append(
            DataPart(torch.from_numpy(np.concatenate(pixels)), torch.from_numpy(np.concatenate(labels)))
        )
    meta, key = archive.names
    classes = tuple(map(str, files[meta][key]))
    data = from_parts(parts[0], parts[1], classes, name, "the official training and test part", spec)
    if name == "cifar10":
        return data
    coarse = torch.tensor(files["train"]["coarse_labels"])
    coarse_names = tuple(map(str, files[meta]["coarse_label_names"]))
    label_set = set_from_labels("coarse", coarse, parts[0].labels, coarse_names)
    return data if label_set is None else data.with_label_sets([label_set])


def fetch(archive: Archive, cache: Path | None = None) -> Path:
    """Return the archive's file, downloaded to a cache folder on first use.

    Args:
        archive: what to fetch.
        cache: the folder; by default ``modelstitch`` in the user's cache folder.

    Raises:
        DataError: no network, no disk, or bytes with another hash.
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
    names = (*archive.train, archive.test, archive.names[0])
    try:
        folder = _folder(path, archive) if path.is_dir() else None
        if folder is not None:
            return {name: _unpickled((folder / name).read_bytes(), folder / name) for name in names}
        with tarfile.open(path) as tar:
            files = {}
            for name in names:
                member = tar.extractfile(f"{archive.folder}/{name}")
                if member is None:
                    raise KeyError(name)
                files[name] = _unpickled(member.read(), path / archive.folder / name)
            return files
    except (OSError, tarfile.TarError, KeyError, EOFError) as error:
        raise DataError(f"cannot read {str(path)!r} as {archive.url.rpartition('/')[2]}: {error}") from error


# The module of this function changed between NumPy versions; an array knows it.
_RECONSTRUCT: Any = np.empty(0).__reduce__()[0]


class _Arrays(pickle.Unpickler):
    """Reads dictionaries of lists, strings and arrays, and calls nothing else."""

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
        values = _Arrays(io.BytesIO(content), encoding="latin1").load()
    except (pickle.UnpicklingError, ValueError, EOFError, AttributeError, IndexError, TypeError) as error:
        raise DataError(f"cannot read {str(where)!r}: {error}") from error
    if not isinstance(values, dict):
        raise DataError(f"cannot read {str(where)!r}: expected a dictionary, got {type(values).__name__}")
    return values
