"""Decode images one by one, and stack those of one size."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError
from torch import Tensor

from modelstitch.data.modes import rule_of, seen
from modelstitch.errors import DataError

# Pillow reports some damage as SyntaxError, and an image too large to be meant as an error of its own.
UNREADABLE = (OSError, TypeError, ValueError, SyntaxError, Image.DecompressionBombError)

_ONE_PICTURE = ("MPO", "PSD")
"""Formats whose first frame is the picture; the others are previews or layers of it."""

_MOST_OF_12_BITS = 16
"""What 4095 is among 8 bits, when 65535 is 255."""

TURNED, TRANSPARENT, DEEP = "turned", "transparent", "16 bits"
"""Keys of ``info`` of a decoded image: what was done to it by a rule."""

_DONE = {
    TURNED: "turned as their EXIF data say",
    TRANSPARENT: "with transparency, shown on white",
    DEEP: "with 16 bits, read with 8",
}


def decode(
    source: bytes | Path | Image.Image,
    crop: int | None = None,
    channels: int | None = None,
    n_images: int = 1,
) -> Image.Image:
    """Decode one image as 8-bit grey or colour, by the rule of its mode (:mod:`modelstitch.data.modes`).

    It is turned as its EXIF data say. Colour profiles are not applied. An EXIF block that cannot be read
    turns nothing.

    Args:
        source: encoded bytes, a file, or an image of Pillow.
        crop: resize the shorter side to this many pixels, and take the middle square.
        channels: 1 for grey, 3 for colour; by default as the image is.
        n_images: number of images of this size that memory has to hold.

    Raises:
        UNREADABLE: damage; several frames; a mode that is refused; or too little memory for all images,
            before this one is decoded.
    """
    with _refusing_parts(), _opened(source) as image:
        _expect_one_frame(image)
        wanted = channels or rule_of(image.mode).channels
        width, height = (crop, crop) if crop is not None else image.size
        expect_room(n_images * width * height * wanted, f"{n_images:,} images of {width} x {height} pixels")
        upright, was_turned = _upright(image)
        found = seen(upright)
    decoded = Image.fromarray(found.pixels)
    if channels is not None:
        decoded = decoded.convert("L" if channels == 1 else "RGB")
    decoded = decoded if crop is None else _cropped(decoded, crop)
    done = {
        TURNED: was_turned,
        TRANSPARENT: found.is_transparent,
        DEEP: rule_of(upright.mode).is_deep,
    }
    decoded.info = {key: True for key, is_done in done.items() if is_done}
    return decoded


def said(done: Counter[str], n_images: int) -> str:
    """Return what was done to the images of a set, in words; nothing where nothing was done.

    Args:
        done: see :class:`Stacked`.
        n_images: number of all images.

    Example:
        >>> said(Counter({"turned": 3}), 40)
        '3 of 40 pictures turned as their EXIF data say'
    """
    parts = [f"{done[key]} of {n_images} pictures {words}" for key, words in _DONE.items() if done[key]]
    return ", ".join(parts)


def _opened(source: bytes | Path | Image.Image) -> contextlib.AbstractContextManager[Image.Image]:
    if isinstance(source, Image.Image):
        return contextlib.nullcontext(source)
    return Image.open(io.BytesIO(source) if isinstance(source, bytes) else source)


@contextlib.contextmanager
def _refusing_parts() -> Iterator[None]:
    """Let Pillow refuse a file that was cut short, also where the caller's program lets it fill the rest."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _expect_one_frame(image: Image.Image) -> None:
    if image.format not in _ONE_PICTURE and getattr(image, "is_animated", False):
        raise ValueError(
            f"{getattr(image, 'n_frames', 2)} frames or pages, expected one: save the one that is meant "
            "(in Python, image.copy() is the one that it shows)"
        )


def _upright(image: Image.Image) -> tuple[Image.Image, bool]:
    """Return an image turned as its EXIF data say, and whether it was turned."""
    was_turned = _is_turned(image)
    image.load()  # a TIFF is turned by that
    return ImageOps.exif_transpose(image) if _is_turned(image) else image, was_turned


def _is_turned(image: Image.Image) -> bool:
    """Tell whether an image is stored turned or mirrored."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of an EXIF block that is damaged
            return image.getexif().get(ExifTags.Base.Orientation) in range(2, 9)
    except (SyntaxError, ValueError, TypeError, KeyError, OSError, struct.error):
        return False


def _cropped(image: Image.Image, crop: int) -> Image.Image:
    scale = crop / min(image.size)
    width, height = (max(crop, round(length * scale)) for length in image.size)
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = (width - crop) // 2, (height - crop) // 2
    return resized.crop((left, top, left + crop, top + crop))


def reason(error: BaseException) -> str:
    """Return why an image cannot be decoded."""
    return "not an image" if isinstance(error, UnidentifiedImageError) else str(error)


class Stacked(NamedTuple):
    """Inputs (N, ...), and to how many of them each rule of the decoder did something."""

    x: Tensor
    done: Counter[str]


def stack(images: Sequence[Image.Image], names: Sequence[str], where: str) -> Stacked:
    """Stack images of one size and one number of channels, (N, C, H, W) in uint8.

    Args:
        images: decoded, at least one.
        names: of the images, for the error.
        where: the data they belong to, for the error.

    Raises:
        DataError: images of different sizes, grey ones among coloured ones, or 16 bits of which no image
            uses more than 12.
    """
    expect_one_mode({image.mode: name for image, name in zip(images, names, strict=True)}, where)
    sizes = sorted({image.size for image in images})
    if len(sizes) > 1:
        shown = ", ".join(f"{width} x {height}" for width, height in sizes[:3])
        raise DataError(
            f"images of different sizes in {where}: {shown}; expected one size, or a size to crop all of "
            "them to (--crop; in Python ImageOps.fit(image, (32, 32)))"
        )
    _expect_sixteen_bits(images, names, where)
    stacked = torch.from_numpy(np.stack([np.asarray(image) for image in images]))
    x = stacked.unsqueeze(1) if images[0].mode == "L" else stacked.permute(0, 3, 1, 2).contiguous()
    return Stacked(x, Counter(str(key) for image in images for key in image.info))


def _expect_sixteen_bits(images: Sequence[Image.Image], names: Sequence[str], where: str) -> None:
    """Raise where images with 16 bits hold values of 12 bits or fewer: divided by 257 they would be black."""
    deep = [(image, name) for image, name in zip(images, names, strict=True) if DEEP in image.info]
    by_name = [(int(np.asarray(image).max()), name) for image, name in deep]
    highest, name = max(by_name, default=(0, ""), key=itemgetter(0))
    if 0 < highest <= _MOST_OF_12_BITS:
        raise DataError(
            f"images with 16 bits in {where} use 12 bits or fewer: the highest value is about "
            f"{257 * highest:,} of 65,535, in {name}; expected values that fill 16 bits: spread them, or "
            "save them with 8 bits"
        )


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
            "expected one kind, or a number of channels to bring all of them to (--data-channels 3, or 1; in "
            "Python image.convert('RGB'), or 'L')"
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
