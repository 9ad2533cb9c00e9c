"""Image files in one folder a class, ``root/class/*.png``, with or without ``root/train`` and ``root/test`` above."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor

from modelstitch.errors import DataError
from modelstitch.sources.data.images import UNREADABLE, decode, reason, stack
from modelstitch.sources.data.labelled import Data, Split
from modelstitch.sources.data.splitting import choose, divide
from modelstitch.sources.data.tensors import HELDOUT_SHARE, from_parts
from modelstitch.specs import DataSpec

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff")
_HELDOUT_NAMES = ("test", "val", "valid", "validation")


def is_image_folder(path: Path) -> bool:
    """Tell whether ``path`` holds a folder with an image in it, at most two levels down."""
    return path.is_dir() and any(
        _images(inner) for folder in _folders(path) for inner in (folder, *_folders(folder))
    )


def load(path: Path, spec: DataSpec) -> Data:
    """Load a folder of class folders, or one with ``train`` and ``test`` (or ``val``) above them.

    Classes are numbered by name. Only the files that ``spec.limit`` chooses are decoded; without a held-out part, a third is
    held out, stratified and seeded.

    Raises:
        DataError: an empty class, classes that differ between the parts, a file that cannot be decoded (it is named), or images
            of different sizes where ``spec.crop`` says none.
    """
    part = next((name for name in _HELDOUT_NAMES if (path / name).is_dir()), None)
    if (path / "train").is_dir() and part is not None:
        files, labels, classes = _listed(path / "train")
        held_files, held_labels, held_classes = _listed(path / part)
        if classes != held_classes:
            differ = sorted(set(classes) ^ set(held_classes))
            raise DataError(
                f"data {str(path)!r}: expected the same class folders in train and {part}, got {differ[:5]} in one of them only"
            )
        rows = choose(labels, spec.limit, spec.seed)
        held_rows = choose(held_labels, spec.heldout_limit, spec.seed)
        division = f"the folders train and {part}"
    else:
        files, labels, classes = _listed(path)
        if len(labels) < 2:
            raise DataError(f"data {str(path)!r}: expected at least 2 images to split, got {len(labels)}")
        held_files, held_labels = files, labels
        rows, held_rows = divide(labels, HELDOUT_SHARE, spec.seed)
        rows = rows[choose(labels[rows], spec.limit, spec.seed)]
        held_rows = held_rows[choose(labels[held_rows], spec.heldout_limit, spec.seed)]
        division = f"stratified split of one part, a third held out, seed {spec.seed}"
    train = Split(_decoded(files, rows, spec, path), labels[rows])
    heldout = Split(_decoded(held_files, held_rows, spec, path), held_labels[held_rows])
    if train.images.shape[1] != heldout.images.shape[1]:  # one part is grey by chance
        train, heldout = (Split(_coloured(each.images), each.labels) for each in (train, heldout))
    return from_parts(train, heldout, classes, path.name, division, DataSpec(source=spec.source))


def _listed(root: Path) -> tuple[list[Path], Tensor, tuple[str, ...]]:
    folders = _folders(root)
    if len(folders) < 2:
        raise DataError(
            f"data {str(root)!r}: expected at least two class folders with images in them, got "
            f"{[folder.name for folder in folders]}"
        )
    files: list[Path] = []
    labels: list[int] = []
    for label, folder in enumerate(folders):
        own = _images(folder)
        if not own:
            raise DataError(
                f"class folder {str(folder)!r} holds no image: expected files ending in {', '.join(ENDINGS)}"
            )
        files += own
        labels += [label] * len(own)
    return files, torch.tensor(labels), tuple(folder.name for folder in folders)


def _folders(root: Path) -> list[Path]:
    return sorted(each for each in root.iterdir() if each.is_dir() and not each.name.startswith("."))


def _images(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        names = sorted(
            each.name
            for each in entries
            if each.name.lower().endswith(ENDINGS) and not each.name.startswith(".")
        )
    return [folder / name for name in names]


def _decoded(files: list[Path], rows: Tensor, spec: DataSpec, path: Path) -> Tensor:
    images = []
    for row in rows.tolist():
        try:
            images.append(decode(files[row], spec.crop))
        except UNREADABLE as error:
            raise DataError(f"cannot decode the image {str(files[row])!r}: {reason(error)}") from error
    return stack(images, repr(str(path)))


def _coloured(images: Tensor) -> Tensor:
    return images.expand(-1, 3, -1, -1).contiguous() if images.shape[1] == 1 else images
