"""Every mode of Pillow becomes what its rule says, by formulas that do not use Pillow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from modelstitch.data.modes import RULES, rule_of, seen, table
from tests.data.pictures import MADE


@pytest.mark.parametrize("case", MADE)
@settings(max_examples=10)
@given(st.integers(0, 10**6))
def test_every_mode_is_seen_as_its_formula_says(case: str, seed: int) -> None:
    made = MADE[case](seed)
    before = made.image.tobytes(), dict(made.image.info), made.image.getpalette("RGBA")
    pixels = seen(made.image).pixels
    assert pixels.dtype == np.uint8
    assert seen(made.image).is_transparent == made.is_transparent
    assert pixels.shape == made.seen.shape
    assert np.abs(pixels - made.seen.astype(float)).max() <= made.tolerance + 1e-9
    assert rule_of(made.image.mode).channels == (1 if pixels.ndim == 2 else 3)
    assert (made.image.tobytes(), dict(made.image.info), made.image.getpalette("RGBA")) == before


def test_every_mode_of_pillow_has_one_rule() -> None:
    ruled = [mode for rule in RULES for mode in rule.modes]
    assert len(set(ruled)) == len(ruled)
    assert set(Image.MODES) <= set(ruled)
    tried = {case.split(",")[0].split(" ")[0] for case in MADE}
    assert tried == {mode for rule in RULES if rule.read is not None for mode in rule.modes}


def test_the_document_shows_the_table() -> None:
    assert table() in Path("docs/checks.md").read_text()


def test_a_mode_without_a_stated_range_is_refused() -> None:
    with pytest.raises(ValueError, match="mode F is refused: its range is not stated"):
        seen(Image.new("F", (2, 2)))
    with pytest.raises(ValueError, match="mode BGR;15, expected one of 1, L, LA"):
        rule_of("BGR;15")


@pytest.mark.parametrize("values", [[-1, 5], [0, 65_536], [0, 2**31 - 1]])
def test_whole_numbers_beyond_16_bits_are_refused(values: list[int]) -> None:
    image = Image.fromarray(np.array([values], dtype=np.int32))
    with pytest.raises(
        ValueError, match=f"mode I with values from {values[0]} to {values[1]}, expected 0 to 65535"
    ):
        seen(image)


@given(st.lists(st.integers(0, 65_535), min_size=1, max_size=20))
def test_16_bits_and_8_bits_of_one_picture_differ_by_rounding(values: list[int]) -> None:
    x = np.array([values])
    wide = seen(Image.fromarray(x.astype(np.uint16))).pixels
    narrow = seen(Image.fromarray((x >> 8).astype(np.uint8))).pixels
    assert np.abs(wide.astype(int) - narrow).max() <= 1
    assert np.array_equal(wide, np.floor(x / 257 + 0.5))


@given(st.integers(0, 255), st.integers(0, 255))
def test_an_opacity_of_0_and_of_255_leaves_white_and_the_colour(level: int, other: int) -> None:
    image = Image.new("RGBA", (2, 1), (level, other, 0, 255))
    image.putpixel((1, 0), (level, other, 0, 0))
    assert seen(image).pixels.tolist() == [[[level, other, 0], [255, 255, 255]]]
