"""Image files in class folders."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from torch import Tensor

from modelstitch.data import class_folders
from modelstitch.data.images import UNREADABLE, Stacked, decode, expect_one_mode, reason, said, stack
from modelstitch.data.parts import Data
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec

_ENDINGS = (
    ".png",
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".bmp",
    ".gif",
    ".webp",
    ".ppm",
    ".pgm",
    ".pbm",
    ".pnm",
    ".tif",
    ".tiff",
    ".jp2",
    ".avif",
)


def recognises(source: str) -> bool:
    """Tell whether ``source`` is a folder of class folders with images."""
    return class_folders.holds(source, IMAGES)


def load(spec: DataSpec) -> Data:
    """Load images (N, C, H, W) in uint8, see :func:`class_folders.load`."""
    return class_folders.load(spec, IMAGES)


def _read(parts: list[list[Path]], spec: DataSpec, root: Path) -> tuple[list[Tensor], dict[str, Any]]:
    """Decode the images of both parts, (N, C, H, W) in uint8.

    Raises:
        DataError: a file that cannot be decoded (it is named), images of different sizes without
            ``spec.crop``, grey and coloured ones without ``spec.channels``, or more than fit into memory.
    """
    n_images = sum(map(len, parts))
    decoded = [_decoded(files, spec, root, n_images) for files in parts]
    modes = {1: "L", 3: "RGB"}
    examples = {
        modes[images.x.shape[1]]: repr(str(files[0])) for images, files in zip(decoded, parts, strict=True)
    }
    expect_one_mode(examples, repr(str(root)))
    notes = said(sum((one.done for one in decoded), Counter()), n_images)
    return [images.x for images in decoded], {"notes": notes}


def _decoded(files: list[Path], spec: DataSpec, root: Path, n_images: int) -> Stacked:
    images = []
    for file in files:
        try:
            images.append(decode(file, spec.crop, spec.channels, n_images))
        except UNREADABLE as error:
            raise DataError(f"cannot decode the image {str(file)!r}: {reason(error)}") from error
    return stack(images, [repr(str(file)) for file in files], repr(str(root)))


IMAGES = class_folders.FileType("image", _ENDINGS, _read)
