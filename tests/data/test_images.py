"""One decoder for every picture: turned upright, on white, whole, one frame, 8 bits a channel."""

from __future__ import annotations

import io
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile

from modelstitch.data.images import UNREADABLE, decode, said, stack
from modelstitch.errors import DataError

UPRIGHT = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: np.rot90(x, 2).swapaxes(0, 1),
    8: lambda x: np.rot90(x, 1),
}
"""What each orientation of EXIF means for stored pixels (H, W, C)."""


def pixels(seed: int = 0, height: int = 4, width: int = 6, channels: int = 3) -> np.ndarray:
    x = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
    return x[..., 0] if channels == 1 else x


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_a_picture_is_turned_as_its_exif_data_say(orientation: int, kind: str) -> None:
    x = pixels()
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    content = encoded(Image.fromarray(x), kind, exif=exif, **options)
    expected = UPRIGHT[orientation](x)
    for source in (content, opened(content)):
        assert np.array_equal(np.asarray(decode(source)), expected)
    loaded = opened(content)
    loaded.load()
    assert np.array_equal(np.asarray(decode(loaded)), expected)
    assert np.array_equal(np.asarray(decode(decode(content))), expected)  # not turned twice


def test_a_grey_jpeg_and_a_palette_are_turned_too() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    flat = np.zeros((8, 16), np.uint8)
    flat[:, 8:] = 255  # white on the right: below when it is upright
    for image, kind in ((Image.fromarray(flat), "JPEG"), (Image.fromarray(flat).convert("P"), "PNG")):
        upright = np.asarray(decode(encoded(image, kind, exif=exif)).convert("L"))
        assert upright.shape == (16, 8)
        assert (upright[:7] < 20).all()
        assert (upright[9:] > 235).all()


def test_the_crop_is_taken_from_the_upright_picture() -> None:
    x = np.zeros((4, 12, 3), np.uint8)
    x[:, :6] = 200
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(Image.fromarray(x), "PNG", exif=exif)
    assert np.array_equal(
        np.asarray(decode(content, crop=4))[..., 0], np.repeat([[200], [0]], 2, 0).repeat(4, 1)
    )


def test_an_exif_block_that_cannot_be_read_turns_nothing() -> None:
    x = pixels()
    for exif in (b"Exif\0\0nonsense", b"", b"Exif\0\0MM\0*\0\0\0\x08\0\xff"):
        assert np.array_equal(np.asarray(decode(encoded(Image.fromarray(x), "PNG", exif=exif))), x)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "TIFF", "WEBP"])
def test_several_frames_are_refused(kind: str) -> None:
    frames = [Image.fromarray(pixels(seed)) for seed in range(3)]
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    for source in (content, opened(content)):
        with pytest.raises(UNREADABLE, match="3 frames or pages, expected one: save the one that is meant"):
            decode(source)
    film = opened(content)
    film.seek(1)
    assert decode(film.copy()).size == (6, 4)
    assert decode(encoded(frames[0], kind, save_all=True)).size == (6, 4)


def test_of_a_picture_with_a_preview_the_picture_is_read() -> None:
    flat = [Image.new("RGB", (8, 8), (level,) * 3) for level in (200, 10)]
    content = encoded(flat[0], "MPO", save_all=True, append_images=flat[1:])
    assert opened(content).n_frames == 2  # type: ignore[attr-defined]
    assert np.abs(np.asarray(decode(content)).astype(int) - 200).max() <= 2


@pytest.fixture
def careless() -> Iterator[None]:
    """A program that lets Pillow fill up what is missing."""
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    yield
    assert ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM"])
def test_a_file_that_was_cut_short_is_refused_whatever_the_program_allows(kind: str, careless: None) -> None:
    content = encoded(Image.fromarray(pixels(0, 64, 64)), kind)
    assert decode(content).size == (64, 64)
    for share in (0.3, 0.6, 0.9):
        with pytest.raises(UNREADABLE):
            decode(content[: int(share * len(content))])


def test_a_colour_profile_is_not_applied() -> None:
    x = pixels()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    assert np.array_equal(np.asarray(decode(encoded(Image.fromarray(x), "PNG", icc_profile=profile))), x)


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(depth: int, colour: int, rows: bytes, width: int, height: int, transparent: bytes = b"") -> bytes:
    """Write a PNG by hand; rows as the format has them, each behind a filter of 0."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [chunk(b"IHDR", header), chunk(b"tRNS", transparent) if transparent else b""]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [*chunks, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    )


@pytest.mark.parametrize(
    ("depth", "rows", "transparent", "expected"),
    [
        (1, b"\0\x50", 1, [0, 255, 0, 255]),
        (1, b"\0\x50", 0, [255, 255, 255, 255]),
        (2, b"\0\x1b", 1, [0, 255, 170, 255]),
        (2, b"\0\x1b", 2, [0, 85, 255, 255]),
        (4, b"\0\x03\xaf", 3, [0, 255, 170, 255]),
        (4, b"\0\x03\xaf", 10, [0, 51, 255, 255]),
        (8, b"\0\x00\x33\xaa\xff", 0x33, [0, 255, 170, 255]),
        (16, b"\0\x00\x00\x33\x33\xaa\xaa\xff\xff", 0x3333, [0, 255, 170, 255]),
        (16, b"\0\x00\x00\x33\x33\xaa\xaa\xff\xff", 0x3334, [0, 51, 170, 255]),
    ],
)
def test_the_transparent_level_of_a_grey_png_of_any_depth(
    depth: int, rows: bytes, transparent: int, expected: list[int]
) -> None:
    content = png(depth, 0, rows, 4, 1, struct.pack(">H", transparent))
    loaded = opened(content)
    loaded.load()
    for source in (content, loaded):
        assert np.asarray(decode(source)).tolist() == [expected]


def test_colour_with_16_bits_is_read_with_8() -> None:
    x = np.random.default_rng(0).integers(0, 65_536, (3, 4, 3)).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in x)
    read = np.asarray(decode(png(16, 2, rows, 4, 3))).astype(float)
    assert np.abs(read - x.astype(float) / 257).max() <= 1
    transparent = np.asarray(decode(png(16, 2, rows, 4, 3, x[1, 1].tobytes())))
    assert transparent[1, 1].tolist() == [255, 255, 255]
    assert np.array_equal(np.delete(transparent.reshape(12, 3), 5, 0), np.delete(read.reshape(12, 3), 5, 0))


def test_one_number_of_channels_for_all() -> None:
    grey, colour = Image.fromarray(pixels(0, channels=1)), Image.fromarray(pixels(1))
    assert np.array_equal(np.asarray(decode(grey, channels=3)), np.asarray(grey)[..., None].repeat(3, -1))
    luma = np.asarray(colour).astype(float) @ [0.299, 0.587, 0.114]
    assert np.abs(np.asarray(decode(colour, channels=1)) - luma).max() <= 1
    wide = Image.fromarray((257 * np.asarray(grey).astype(int)).astype(np.uint16))
    assert np.array_equal(np.asarray(decode(wide, channels=3))[..., 1], np.asarray(grey))


def test_16_bits_of_which_12_are_used_are_refused_in_a_set() -> None:
    values = np.arange(24).reshape(4, 6)
    for top, fits in ((4095, False), (1023, False), (65_535, True), (20_000, True)):
        images = [decode(Image.fromarray((values * top // 23).astype(np.uint16))) for _ in range(3)]
        if fits:
            assert tuple(stack(images, ["a", "b", "c"], "D").x.shape) == (3, 1, 4, 6)
            continue
        with pytest.raises(
            DataError, match=r"images with 16 bits in D use 12 bits or fewer: .*of 65,535, in 'a'"
        ):
            stack(images, ["'a'", "'b'", "'c'"], "D")
    dark = [decode(Image.fromarray((values * top // 23).astype(np.uint16))) for top in (100, 65_535)]
    assert len(stack(dark, ["a", "b"], "D").x) == 2
    small = [decode(Image.fromarray((values // 2).astype(np.uint8)))]
    assert stack(small, ["a"], "D").x.max() == 11


def test_what_was_done_to_pictures_is_counted() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    plain, wide = Image.fromarray(pixels(0, channels=1)), Image.fromarray(np.full((4, 6), 60_000, np.uint16))
    images: list[Any] = [plain, wide, plain.convert("LA"), Image.new("LA", (6, 4), (9, 40))]
    images += [encoded(plain, kind, exif=exif) for kind in ("PNG", "TIFF")]
    done = stack([decode(image) for image in images], list("abcdef"), "D").done
    assert done == {"16 bits": 1, "transparent": 1, "turned": 2}
    assert said(done, 6) == (
        "2 of 6 pictures turned as their EXIF data say, 1 of 6 pictures with transparency, shown on white, "
        "1 of 6 pictures with 16 bits, read with 8"
    )
    assert said(Counter(), 6) == ""
