"""Decode images one by one, and stack those of one size."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from modelstitch.errors import DataError

# Pillow reports some damage as SyntaxError, and an image too large to be meant as an error of its own.
UNREADABLE = (OSError, TypeError, ValueError, SyntaxError, Image.DecompressionBombError)


def decode(source: bytes | Path, crop: int | None = None) -> Image.Image:
    """Decode one image as 8-bit grey or colour.

    Args:
        source: encoded bytes, or a file.
        crop: bring the shorter side to this many pixels, and take the middle square.

    Raises:
        OSError, ValueError and whatever else is in ``UNREADABLE``.
    """
    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
        if image.mode.startswith(("I", "F")):
            raise ValueError(f"mode {image.mode}, expected 8 bits a channel")
        decoded = image.convert("L" if image.mode in ("1", "L") else "RGB")
    if crop is None:
        return decoded
    scale = crop / min(decoded.size)
    width, height = (max(crop, round(length * scale)) for length in decoded.size)
    resized = decoded.resize((width, height), Image.Resampling.BILINEAR)
    left, top = (width - crop) // 2, (height - crop) // 2
    return resized.crop((left, top, left + crop, top + crop))


def reason(error: BaseException) -> str:
    """Say in words what is wrong with an image."""
    return "not an image" if isinstance(error, UnidentifiedImageError) else str(error)


def stack(images: Sequence[Image.Image], where: str) -> Tensor:
    """Stack images of one size, (N, C, H, W) in uint8: grey where all are, else colour.

    Args:
        images: decoded, at least one.
        where: what they are of, for the error.

    Raises:
        DataError: images of different sizes.
    """
    sizes = sorted({image.size for image in images})
    if len(sizes) > 1:
        shown = ", ".join(f"{width} x {height}" for width, height in sizes[:3])
        raise DataError(
            f"images of different sizes in {where}: {shown}; expected one size, or a size to crop all of them to (crop)"
        )
    mode = "L" if all(image.mode == "L" for image in images) else "RGB"
    stacked = torch.from_numpy(np.stack([np.asarray(image.convert(mode)) for image in images]))
    return stacked.unsqueeze(1) if mode == "L" else stacked.permute(0, 3, 1, 2).contiguous()
