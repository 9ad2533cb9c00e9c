"""Decode images one by one, and stack those of one size."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from modelstitch.errors import DataError

# Pillow reports some damage as SyntaxError, and an image too large to be meant as an error of its own.
UNREADABLE = (OSError, TypeError, ValueError, SyntaxError, Image.DecompressionBombError)


def decode(
    source: bytes | Path, crop: int | None = None, channels: int | None = None, n_images: int = 1
) -> Image.Image:
    """Decode one image as 8-bit grey or colour.

    Args:
        source: encoded bytes, or a file.
        crop: resize the shorter side to this many pixels, and take the middle square.
        channels: 1 for grey, 3 for colour; by default as the image is.
        n_images: number of images of this size that memory has to hold.

    Raises:
        UNREADABLE: damage; or too little memory for all images, before this one is decoded.
    """
    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
        if image.mode.startswith(("I", "F")):
            raise ValueError(f"mode {image.mode}, expected 8 bits a channel")
        grey = image.mode in ("1", "L", "LA") if channels is None else channels == 1
        width, height = (crop, crop) if crop is not None else image.size
        expect_room(
            n_images * width * height * (1 if grey else 3),
            f"{n_images:,} images of {width} x {height} pixels",
        )
        decoded = image.convert("L" if grey else "RGB")
    if crop is None:
        return decoded
    scale = crop / min(decoded.size)
    width, height = (max(crop, round(length * scale)) for length in decoded.size)
    resized = decoded.resize((width, height), Image.Resampling.BILINEAR)
    left, top = (width - crop) // 2, (height - crop) // 2
    return resized.crop((left, top, left + crop, top + crop))


def reason(error: BaseException) -> str:
    """Return why an image cannot be decoded."""
    return "not an image" if isinstance(error, UnidentifiedImageError) else str(error)


def stack(images: Sequence[Image.Image], names: Sequence[str], where: str) -> Tensor:
    """Stack images of one size and one number of channels, (N, C, H, W) in uint8.

    Args:
        images: decoded, at least one.
        names: of the images, for the error.
        where: the data they belong to, for the error.

    Raises:
        DataError: images of different sizes, or grey ones among coloured ones.
    """
    expect_one_mode({image.mode: name for image, name in zip(images, names, strict=True)}, where)
    sizes = sorted({image.size for image in images})
    if len(sizes) > 1:
        shown = ", ".join(f"{width} x {height}" for width, height in sizes[:3])
        raise DataError(
            f"images of different sizes in {where}: {shown}; expected one size, or a size to crop all of "
            "them to (--crop)"
        )
    stacked = torch.from_numpy(np.stack([np.asarray(image) for image in images]))
    return stacked.unsqueeze(1) if images[0].mode == "L" else stacked.permute(0, 3, 1, 2).contiguous()


def expect_one_mode(names: Mapping[str, str], where: str) -> None:
    """Raise if there are both grey and coloured images.

    Args:
        names: of one image by mode, ``L`` for grey and ``RGB``.
        where: the data they belong to, for the error.

    Raises:
        DataError: both modes are there.
    """
    if len(names) > 1:
        raise DataError(
            f"grey and coloured images in {where}: {names['L']} is grey, {names['RGB']} is coloured; "
            "expected one kind, or a number of channels to bring all of them to (--data-channels 3, or 1)"
        )


def expect_room(n_bytes: int, what: str) -> None:
    """Raise unless ``n_bytes`` fit into half of this machine's memory.

    Raises:
        ValueError: they do not.
    """
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # the system does not tell
        return
    if n_bytes > total // 2:
        raise ValueError(
            f"{what} take {n_bytes / 1e9:.1f} GB, and this machine has {total / 1e9:.1f} GB of memory: take "
            "fewer (--limit, --heldout-limit), or crop them to a smaller size (--crop)"
        )
