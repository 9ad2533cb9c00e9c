"""Files in one folder a class: ``root/class/*``, or ``root/train/class/*`` and ``root/test/class/*``."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from modelstitch.data.in_memory import from_parts
from modelstitch.data.parts import Data, DataPart
from modelstitch.data.splitting import choose_parts, part_folders, third_held_out
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec


@dataclass(frozen=True)
class FileType:
    """A type of files.

    Attributes:
        name: of one such file, in words.
        endings: of file names.
        read: turns the chosen files of both parts into inputs (N, ...), and gives further fields of ``Data``.
    """

    name: str
    endings: tuple[str, ...]
    read: Callable[[list[list[Path]], DataSpec, Path], tuple[list[Tensor], dict[str, Any]]]


def holds(source: str, file_type: FileType) -> bool:
    """Tell whether a folder inside ``source``, at most two levels down, holds a file of a type."""
    path = Path(source)
    return path.is_dir() and any(
        _files(inner, file_type) for folder in _folders(path) for inner in (folder, *_folders(folder))
    )


def load(spec: DataSpec, file_type: FileType) -> Data:
    """Load a folder of class folders, or one with ``train`` and ``test`` (or ``val``) above them.

    Classes are numbered by name. Only the files that the limits choose are read. Without a held-out part, a
    third is held out, stratified and seeded.

    Raises:
        DataError: an empty class, classes that differ between the parts, or a file that cannot be read (it is
            named).
    """
    path = Path(spec.source)
    roots, part = part_folders(path)
    listed = [_listed(root, file_type) for root in roots]
    (files, labels, classes), (held_files, held_labels, held_classes) = listed[0], listed[-1]
    if classes != held_classes:
        differ = sorted(set(classes) ^ set(held_classes))
        raise DataError(
            f"data {str(path)!r}: expected the same class folders in train and {part}, got {differ[:5]} in "
            "one of them only"
        )
    rows, held_rows = choose_parts(labels, None if part is None else held_labels, spec)
    chosen = [[files[row] for row in rows.tolist()], [held_files[row] for row in held_rows.tolist()]]
    (inputs, held_inputs), fields = file_type.read(chosen, spec, path)
    data = from_parts(
        DataPart(inputs, labels[rows]),
        DataPart(held_inputs, held_labels[held_rows]),
        classes,
        path.name,
        third_held_out(spec.seed) if part is None else f"the folders train and {part}",
        DataSpec(source=spec.source),
    )
    return replace(data, **fields)


def _listed(root: Path, file_type: FileType) -> tuple[list[Path], Tensor, tuple[str, ...]]:
    """Return the files of all classes, their labels and the names of the classes."""
    folders = _folders(root)
    if len(folders) < 2:
        raise DataError(
            f"data {str(root)!r}: expected at least two class folders with {file_type.name}s in them, got "
            f"{[folder.name for folder in folders]}"
        )
    files: list[Path] = []
    labels: list[int] = []
    for label, folder in enumerate(folders):
        own = _files(folder, file_type)
        if not own:
            raise DataError(
                f"class folder {str(folder)!r} holds no {file_type.name}: expected files ending in "
                f"{', '.join(file_type.endings)}"
            )
        files += own
        labels += [label] * len(own)
    return files, torch.tensor(labels), tuple(folder.name for folder in folders)


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def _files(folder: Path, file_type: FileType) -> list[Path]:
    with os.scandir(folder) as entries:
        names = sorted(
            entry.name
            for entry in entries
            if entry.name.lower().endswith(file_type.endings) and not entry.name.startswith(".")
        )
    return [folder / name for name in names]
