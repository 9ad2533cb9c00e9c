"""Files in one folder a class, ``root/class/*``, with or without ``root/train`` and ``root/test`` above: of images, sounds or texts."""

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
from modelstitch.data.splitting import HELDOUT_NAMES, choose, hold_out_third, third_held_out
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec


@dataclass(frozen=True)
class Kind:
    """A kind of files.

    Attributes:
        name: of one of them, in words.
        endings: of their names.
        read: the chosen files of the training and of the held-out part to what a network takes, and what else is known of the data.
    """

    name: str
    endings: tuple[str, ...]
    read: Callable[[list[list[Path]], DataSpec, Path], tuple[list[Tensor], dict[str, Any]]]


def holds(path: Path, kind: Kind) -> bool:
    """Tell whether ``path`` holds a folder with a file of a kind in it, at most two levels down."""
    return path.is_dir() and any(
        _files(inner, kind) for folder in _folders(path) for inner in (folder, *_folders(folder))
    )


def load(path: Path, spec: DataSpec, kind: Kind) -> Data:
    """Load a folder of class folders, or one with ``train`` and ``test`` (or ``val``) above them.

    Classes are numbered by name. Only the files that ``spec.limit`` chooses are read; without a held-out part, a third is
    held out, stratified and seeded.

    Raises:
        DataError: an empty class, classes that differ between the parts, or whatever the kind cannot read (the file is named).
    """
    part = next((name for name in HELDOUT_NAMES if (path / name).is_dir()), None)
    if (path / "train").is_dir() and part is not None:
        files, labels, classes = _listed(path / "train", kind)
        held_files, held_labels, held_classes = _listed(path / part, kind)
        if classes != held_classes:
            differ = sorted(set(classes) ^ set(held_classes))
            raise DataError(
                f"data {str(path)!r}: expected the same class folders in train and {part}, got {differ[:5]} in one of them only"
            )
        rows = choose(labels, spec.limit, spec.seed)
        held_rows = choose(held_labels, spec.heldout_limit, spec.seed)
        division = f"the folders train and {part}"
    else:
        files, labels, classes = _listed(path, kind)
        if len(labels) < 2:
            raise DataError(
                f"data {str(path)!r}: expected at least 2 {kind.name}s to split, got {len(labels)}"
            )
        held_files, held_labels = files, labels
        rows, held_rows = hold_out_third(labels, spec.seed, spec.limit, spec.heldout_limit)
        division = third_held_out(spec.seed)
    chosen = [[some[row] for row in mine.tolist()] for some, mine in ((files, rows), (held_files, held_rows))]
    inputs, known = kind.read(chosen, spec, path)
    train, heldout = (
        DataPart(x, own) for x, own in zip(inputs, (labels[rows], held_labels[held_rows]), strict=True)
    )
    data = from_parts(train, heldout, classes, path.name, division, DataSpec(source=spec.source))
    return replace(data, **known)


def _listed(root: Path, kind: Kind) -> tuple[list[Path], Tensor, tuple[str, ...]]:
    folders = _folders(root)
    if len(folders) < 2:
        raise DataError(
            f"data {str(root)!r}: expected at least two class folders with {kind.name}s in them, got "
            f"{[folder.name for folder in folders]}"
        )
    files: list[Path] = []
    labels: list[int] = []
    for label, folder in enumerate(folders):
        own = _files(folder, kind)
        if not own:
            raise DataError(
                f"class folder {str(folder)!r} holds no {kind.name}: expected files ending in {', '.join(kind.endings)}"
            )
        files += own
        labels += [label] * len(own)
    return files, torch.tensor(labels), tuple(folder.name for folder in folders)


def _folders(root: Path) -> list[Path]:
    return sorted(each for each in root.iterdir() if each.is_dir() and not each.name.startswith("."))


def _files(folder: Path, kind: Kind) -> list[Path]:
    with os.scandir(folder) as entries:
        names = sorted(
            each.name
            for each in entries
            if each.name.lower().endswith(kind.endings) and not each.name.startswith(".")
        )
    return [folder / name for name in names]
