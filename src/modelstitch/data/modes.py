"""What each mode of Pillow becomes: one table of rules for every way in which a picture comes.

A picture is read with 8 bits a channel, grey (H, W) or coloured (H, W, 3); what is transparent shows white.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

WHITE = 255


@dataclass(frozen=True)
class Seen:
    """The pixels of a picture.

    Attributes:
        pixels: (H, W) or (H, W, 3) in uint8.
        is_transparent: whether white shows somewhere, because the picture is transparent there.
    """

    pixels: np.ndarray
    is_transparent: bool = False


@dataclass(frozen=True)
class Rule:
    """How pictures of some modes are read.

    Attributes:
        modes: names of Pillow.
        channels: 1 for grey, 3 for colour, 0 for a mode that is refused.
        says: the rule, for the documents; of a mode that is refused, what to do.
        read: gives the pixels.
        is_deep: whether it brings 16 bits to 8.
    """

    modes: tuple[str, ...]
    channels: int
    says: str
    read: Callable[[Image.Image], Seen] | None
    is_deep: bool = False


def _as_it_is(image: Image.Image) -> Seen:
    return Seen(np.asarray(image))


def _bits(image: Image.Image) -> Seen:
    return Seen(np.asarray(image.convert("L")))


def _converted(image: Image.Image) -> Seen:
    return Seen(np.asarray(image.convert("RGB")))


def _with_alpha(image: Image.Image) -> Seen:
    return _on_white(np.asarray(image))


def _premultiplied(image: Image.Image) -> Seen:
    pixels = np.asarray(image).astype(np.uint16)
    opacity = pixels[..., -1:]
    return _grey_or_colour(np.minimum(pixels[..., :-1] + (WHITE - opacity), WHITE), opacity)


def _palette(image: Image.Image) -> Seen:
    # Of a copy: the conversion writes into the palette of a picture that the caller holds.
    return _on_white(np.asarray(image.copy().convert("RGBA")))


def _deep(image: Image.Image) -> Seen:
    values = np.asarray(image).astype(np.int64)
    if values.size and not 0 <= values.min() <= values.max() <= 65_535:
        raise ValueError(
            f"mode {image.mode} with values from {values.min()} to {values.max()}, expected 0 to 65535"
        )
    return Seen(((values + 128) // 257).astype(np.uint8))


def _on_white(pixels: np.ndarray) -> Seen:
    """Return pixels whose last channel is their opacity as they look on white."""
    values, opacity = pixels[..., :-1].astype(np.uint32), pixels[..., -1:].astype(np.uint32)
    return _grey_or_colour((values * opacity + WHITE * (255 - opacity) + 127) // 255, opacity)


def _grey_or_colour(values: np.ndarray, opacity: np.ndarray) -> Seen:
    """Return values (H, W, 1) as (H, W), those of colours as they are, in uint8."""
    pixels = (values[..., 0] if values.shape[-1] == 1 else values).astype(np.uint8)
    return Seen(pixels, bool((opacity < 255).any()))


RULES = (
    Rule(("1",), 1, "black is 0, white is 255", _bits),
    Rule(("L",), 1, "as it is", _as_it_is),
    Rule(("LA",), 1, "seen on white", _with_alpha),
    Rule(("La",), 1, "seen on white; the grey is multiplied by its opacity already", _premultiplied),
    Rule(
        ("I;16", "I;16L", "I;16B", "I;16N", "I"),
        1,
        "0 to 65535 (16 bits), divided by 257 and rounded; other values are refused, and a set that fills "
        "12 bits or fewer",
        _deep,
        is_deep=True,
    ),
    Rule(("P", "PA"), 3, "the colour that the palette names, seen on white", _palette),
    Rule(("RGB",), 3, "as it is", _as_it_is),
    Rule(("RGBX",), 3, "the fourth channel is left out", _converted),
    Rule(("RGBA",), 3, "seen on white", _with_alpha),
    Rule(("RGBa",), 3, "seen on white; the colour is multiplied by its opacity already", _premultiplied),
    Rule(("CMYK", "YCbCr", "HSV", "LAB"), 3, "Pillow's conversion to RGB (LAB to sRGB)", _converted),
    Rule(("F",), 0, "refused: its range is not stated; save it with 8 or 16 bits, or give arrays", None),
)
"""One rule for each mode."""

_BY_MODE = {mode: rule for rule in RULES for mode in rule.modes}


def rule_of(mode: str) -> Rule:
    """Return the rule of a mode.

    Raises:
        ValueError: a mode that is refused, or that no rule names.

    Example:
        >>> rule_of("CMYK").channels
        3
    """
    rule = _BY_MODE.get(mode)
    if rule is None:
        raise ValueError(f"mode {mode}, expected one of {', '.join(_BY_MODE)}")
    if rule.read is None:
        raise ValueError(f"mode {mode} is {rule.says}")
    return rule


def seen(image: Image.Image) -> Seen:
    """Return the pixels of a picture by the rule of its mode.

    Raises:
        ValueError: a mode that is refused, or 32 bits that are not within 16.

    Example:
        >>> seen(Image.new("RGBA", (1, 1), (200, 0, 0, 0))).pixels.tolist()
        [[[255, 255, 255]]]
    """
    rule = rule_of(image.mode)
    assert rule.read is not None
    found = rule.read(image)
    transparent = _transparent(image)
    if transparent is None:
        return found
    pixels = found.pixels.copy()
    pixels[transparent] = WHITE
    return Seen(pixels, bool(transparent.any()))


def _transparent(image: Image.Image) -> np.ndarray | None:
    """Return where (H, W) a picture has the one colour that its file calls transparent; None without one."""
    colour = image.info.get("transparency")
    if image.mode == "RGB" and isinstance(colour, tuple) and len(colour) == 3:
        if max(colour) > 255:  # of a file with 16 bits a channel, of which Pillow reads the upper 8
            colour = tuple(value >> 8 for value in colour)
        found: np.ndarray = (np.asarray(image) == colour).all(-1)
        return found
    if image.mode in ("1", "L", "I;16", "I") and isinstance(colour, int):
        values = np.asarray(image.convert("L") if image.mode == "1" else image)
        return np.asarray(values == colour * _step(values, colour) if image.mode == "L" else values == colour)
    return None


def _step(values: np.ndarray, colour: int) -> int:
    """Return what one level of a grey file means: 85 of 2 bits, 17 of 4 bits, which Pillow spreads to 255.

    It spreads the pixels, but not the transparent colour.
    """
    for n_levels, step in ((4, 85), (16, 17)):
        if colour < n_levels and not (values % step).any():
            return step
    return 1


def table() -> str:
    """Return the rules as a table in Markdown, for docs/checks.md.

    Example:
        >>> print(table().splitlines()[2])
        | `1` | grey | black is 0, white is 255 |
    """
    names = {0: "none", 1: "grey", 3: "colour"}
    lines = ["| mode of Pillow | read as | rule |", "| --- | --- | --- |"]
    lines += [
        f"| {', '.join(f'`{mode}`' for mode in rule.modes)} | {names[rule.channels]} | {rule.says} |"
        for rule in RULES
    ]
    return "\n".join(lines)
