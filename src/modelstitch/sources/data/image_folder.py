"""Image files in class folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from modelstitch.errors import DataError
from modelstitch.sources.data.class_folders import Kind
from modelstitch.sources.data.images import UNREADABLE, decode, reason, stack
from modelstitch.specs import DataSpec

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff")


def read(parts: list[list[Path]], spec: DataSpec, where: Path) -> tuple[list[Tensor], dict[str, Any]]:
    """Decode the images of each part, (N, C, H, W) in uint8: grey where all are, else colour.

    Raises:
        DataError: a file that cannot be decoded (it is named), or images of different sizes where ``spec.crop`` says none.
    """
    found = [_decoded(files, spec, where) for files in parts]
    if len({images.shape[1] for images in found}) > 1:  # one part is grey by chance
        found = [_coloured(images) for images in found]
    return found, {}


def _decoded(files: list[Path], spec: DataSpec, where: Path) -> Tensor:
    images = []
    for file in files:
        try:
            images.append(decode(file, spec.crop))
        except UNREADABLE as error:
            raise DataError(f"cannot decode the image {str(file)!r}: {reason(error)}") from error
    return stack(images, repr(str(where)))


def _coloured(images: Tensor) -> Tensor:
    return images.expand(-1, 3, -1, -1).contiguous() if images.shape[1] == 1 else images


IMAGES = Kind("image", ENDINGS, read)
