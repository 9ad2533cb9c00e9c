"""Image files in class folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from modelstitch.data.class_folders import Kind
from modelstitch.data.images import UNREADABLE, decode, expect_one_kind, reason, stack
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff")


def read(parts: list[list[Path]], spec: DataSpec, where: Path) -> tuple[list[Tensor], dict[str, Any]]:
    """Decode the images of each part, (N, C, H, W) in uint8.

    Raises:
        DataError: a file that cannot be decoded (it is named), images of different sizes where ``spec.crop`` says none, grey and
            coloured ones where ``spec.channels`` does not say which, or more than there is memory for.
    """
    n_images = sum(map(len, parts))
    found = [_decoded(files, spec, where, n_images) for files in parts]
    modes = {1: "L", 3: "RGB"}
    kinds = {modes[images.shape[1]]: repr(str(files[0])) for images, files in zip(found, parts, strict=True)}
    expect_one_kind(kinds, repr(str(where)))
    return found, {}


def _decoded(files: list[Path], spec: DataSpec, where: Path, n_images: int) -> Tensor:
    images = []
    for file in files:
        try:
            images.append(decode(file, spec.crop, spec.channels, n_images))
        except UNREADABLE as error:
            raise DataError(f"cannot decode the image {str(file)!r}: {reason(error)}") from error
    return stack(images, [repr(str(file)) for file in files], repr(str(where)))


IMAGES = Kind("image", ENDINGS, read)
