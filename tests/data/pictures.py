"""Pictures of every mode of Pillow, and what they look like by formulas that do not use Pillow."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 4, 5
Pixels = np.ndarray


@dataclass(frozen=True)
class Made:
    """A picture and its colours.

    Attributes:
        image: in some mode.
        seen: (H, W) or (H, W, 3) from 0 to 255, not rounded.
        tolerance: how far a conversion may be from it; half a level is rounding.
        is_transparent: whether something of it is.
    """

    image: Image.Image
    seen: Pixels
    tolerance: float = 0.5
    is_transparent: bool = False


def _bytes(seed: int, channels: int) -> Pixels:
    x = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, channels), dtype=np.uint8)
    x[0, 0], x[0, 1] = 0, 255
    return x


def _of(mode: str, x: Pixels) -> Image.Image:
    return Image.frombytes(mode, (WIDTH, HEIGHT), np.ascontiguousarray(x).tobytes())


def on_white(values: Pixels, opacity: Pixels) -> Pixels:
    """Return (H, W, C) as they look on white through an opacity (H, W) of 0 to 255."""
    share = opacity[..., None].astype(float) / 255
    return values * share + 255 * (1 - share)


def _bits(seed: int) -> Made:
    x = _bytes(seed, 1)[..., 0] > 127
    return Made(Image.fromarray(x), 255.0 * x)


def _grey(seed: int) -> Made:
    x = _bytes(seed, 1)
    return Made(_of("L", x), x[..., 0])


def _colour(seed: int) -> Made:
    x = _bytes(seed, 3)
    return Made(_of("RGB", x), x)


def _with_alpha(mode: str) -> Callable[[int], Made]:
    def make(seed: int) -> Made:
        x = _bytes(seed, len(mode))
        return Made(_of(mode, x), on_white(x[..., :-1], x[..., -1]).squeeze(), is_transparent=True)

    return make


def _premultiplied(mode: str) -> Callable[[int], Made]:
    def make(seed: int) -> Made:
        x = _bytes(seed, len(mode)).astype(int)
        share = x[..., -1:] / 255
        x[..., :-1] = (x[..., :-1] * share).astype(int)
        return Made(
            _of(mode, x.astype(np.uint8)), (x[..., :-1] + 255 * (1 - share)).squeeze(), is_transparent=True
        )

    return make


def _palette(seed: int) -> Made:
    x, colours = _bytes(seed, 1), np.random.default_rng(seed + 1).integers(0, 256, (256, 3), dtype=np.uint8)
    image = _of("P", x)
    image.putpalette(colours.tobytes())
    return Made(image, colours[x[..., 0]])


def _palette_with_one_transparent(seed: int) -> Made:
    made = _palette(seed)
    x = np.asarray(made.image)
    made.image.info["transparency"] = int(x[1, 1])
    return Made(made.image, np.where((x == x[1, 1])[..., None], 255, made.seen), is_transparent=True)


def _palette_with_opacities(seed: int) -> Made:
    made = _palette(seed)
    opacity = np.random.default_rng(seed + 2).integers(0, 256, 256, dtype=np.uint8)
    made.image.info["transparency"] = opacity.tobytes()
    return Made(made.image, on_white(made.seen, opacity[np.asarray(made.image)]), is_transparent=True)


def _palette_of_four_channels(seed: int) -> Made:
    x, colours = _bytes(seed, 1), np.random.default_rng(seed + 1).integers(0, 256, (256, 4), dtype=np.uint8)
    image = _of("P", x)
    image.putpalette(colours.tobytes(), "RGBA")
    seen = colours[x[..., 0]]
    return Made(image, on_white(seen[..., :3], seen[..., 3]), is_transparent=True)


def _palette_and_alpha(seed: int) -> Made:
    x, colours = _bytes(seed, 2), np.random.default_rng(seed + 1).integers(0, 256, (256, 3), dtype=np.uint8)
    image = _of("PA", x)
    image.putpalette(colours.tobytes())
    return Made(image, on_white(colours[x[..., 0]], x[..., 1]), is_transparent=True)


def _grey_with_one_transparent(seed: int) -> Made:
    made = _grey(seed)
    level = int(np.asarray(made.image)[2, 2])
    made.image.info["transparency"] = level
    return Made(made.image, np.where(made.seen == level, 255, made.seen), is_transparent=True)


def _colour_with_one_transparent(seed: int) -> Made:
    made = _colour(seed)
    colour = tuple(int(value) for value in np.asarray(made.image)[2, 2])
    made.image.info["transparency"] = colour
    return Made(
        made.image, np.where((made.seen == colour).all(-1)[..., None], 255, made.seen), is_transparent=True
    )


def deep(seed: int) -> Pixels:
    """Return values of 16 bits (H, W)."""
    x = np.random.default_rng(seed).integers(0, 65_536, (HEIGHT, WIDTH))
    x[0, 0], x[0, 1] = 0, 65_535
    return x


def _deep(mode: str) -> Callable[[int], Made]:
    def make(seed: int) -> Made:
        x = deep(seed)
        return Made(
            _of(mode, x.astype("<i4" if mode == "I" else ">u2" if mode == "I;16B" else "<u2")), x / 257
        )

    return make


def _deep_with_one_transparent(seed: int) -> Made:
    made = _deep("I;16")(seed)
    level = int(deep(seed)[2, 2])
    made.image.info["transparency"] = level
    return Made(made.image, np.where(deep(seed) == level, 255, made.seen), is_transparent=True)


def _padded(seed: int) -> Made:
    x = _bytes(seed, 4)
    return Made(_of("RGBX", x), x[..., :3])


def _cmyk(seed: int) -> Made:
    x = _bytes(seed, 4)
    ink = 1 - x / 255
    return Made(_of("CMYK", x), 255 * ink[..., :3] * ink[..., 3:], 1)


def _ycbcr(seed: int) -> Made:
    x = _bytes(seed, 3)
    y, cb, cr = (x[..., channel].astype(float) for channel in range(3))
    rgb = [
        y + 1.402 * (cr - 128),
        y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128),
        y + 1.772 * (cb - 128),
    ]
    return Made(_of("YCbCr", x), np.stack(rgb, -1).clip(0, 255), 1)


def _hsv(seed: int) -> Made:
    x = _bytes(seed, 3)
    seen = [[colorsys.hsv_to_rgb(*(pixel / 255)) for pixel in row] for row in x]
    return Made(_of("HSV", x), 255 * np.array(seen), 2)


def _lab(seed: int) -> Made:
    """Colours well inside of sRGB, by CIE 1976 under D50 and the transfer function of IEC 61966-2-1.

    Pillow reads Lab through a table, which is coarse at the edge of sRGB: off by up to 5.8 levels there.
    """
    x = _bytes(seed, 3)
    x[..., 0] = 110 + x[..., 0].astype(int) * 105 // 255
    x[..., 1:] = (x[..., 1:].astype(int) % 33 - 16).astype(np.int8).view(np.uint8)  # a and b have a sign
    lightness = x[..., 0] / 2.55
    a, b = (x[..., channel].view(np.int8).astype(float) for channel in (1, 2))
    fy = (lightness + 16) / 116
    f = np.stack([fy + a / 500, fy, fy - b / 200], -1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * [0.9642, 1, 0.8249]
    matrix = [  # XYZ under D50 to linear sRGB, Bradford
        [3.1338561, -1.6168667, -0.4906146],
        [-0.9787684, 1.9161415, 0.0334540],
        [0.0719453, -0.2289914, 1.4052427],
    ]
    linear = (xyz @ np.array(matrix).T).clip(0, 1)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return Made(_of("LAB", x), 255 * srgb, 3)


MADE: dict[str, Callable[[int], Made]] = {
    "1": _bits,
    "L": _grey,
    "L, one level transparent": _grey_with_one_transparent,
    "LA": _with_alpha("LA"),
    "La": _premultiplied("La"),
    "I;16": _deep("I;16"),
    "I;16, one level transparent": _deep_with_one_transparent,
    "I;16L": _deep("I;16L"),
    "I;16B": _deep("I;16B"),
    "I;16N": _deep("I;16N"),
    "I": _deep("I"),
    "P": _palette,
    "P, one colour transparent": _palette_with_one_transparent,
    "P, opacities": _palette_with_opacities,
    "P of RGBA": _palette_of_four_channels,
    "PA": _palette_and_alpha,
    "RGB": _colour,
    "RGB, one colour transparent": _colour_with_one_transparent,
    "RGBX": _padded,
    "RGBA": _with_alpha("RGBA"),
    "RGBa": _premultiplied("RGBa"),
    "CMYK": _cmyk,
    "YCbCr": _ycbcr,
    "HSV": _hsv,
    "LAB": _lab,
}
"""Pictures by mode, each a function of a seed."""
