from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from modelstitch.data.views import show
from modelstitch.errors import SpecError
from modelstitch.specs import View


def pixels(channels: int = 3, size: int = 6) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (4, channels, size, size), dtype=torch.uint8, generator=generator)


def test_bytes_become_shares_and_are_standardised() -> None:
    x = pixels()
    view = View(mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))
    expected = (x.double() / 255 - torch.tensor([0.5, 0.4, 0.3])[:, None, None]) / torch.tensor(
        [0.2, 0.3, 0.4]
    )[:, None, None]
    torch.testing.assert_close(show(x, view).double(), expected, rtol=1e-5, atol=1e-5)
    assert x.dtype == torch.uint8


def test_an_open_view_changes_nothing_and_vectors_pass() -> None:
    x = torch.randn(5, 7)
    assert torch.equal(show(x, View()), x)


def test_grey_and_colour_against_pillow() -> None:
    x = pixels()
    grey = show(x, View(channels=1))
    for ours, image in zip(grey, x, strict=True):
        theirs = np.asarray(Image.fromarray(image.permute(1, 2, 0).numpy()).convert("L"))
        assert abs(ours[0].numpy() * 255 - theirs).max() <= 1
    assert torch.equal(show(pixels(1), View(channels=3))[:, 2:], show(pixels(1), View()))


def test_another_size_keeps_the_mean() -> None:
    x = show(pixels(size=8), View())
    small = show(pixels(size=8), View(size=(4, 4)))
    assert small.shape == (4, 3, 4, 4)
    assert small.mean().item() == pytest.approx(x.mean().item(), abs=0.02)


@pytest.mark.parametrize(
    ("view", "message"),
    [
        (View(channels=5), "cannot show images of 3 channels as 5"),
        (View(mean=(0.5, 0.5), std=(1.0, 1.0)), "expected 1 or 3 values of mean and std .* got 2"),
    ],
)
def test_what_cannot_be_shown(view: View, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        show(pixels(), view)


numbers = st.floats(-2, 2).map(lambda value: round(value, 3))
spreads = st.floats(0.1, 3).map(lambda value: round(value, 3))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(numbers, spreads), min_size=1, max_size=3), st.integers(1, 7))
def test_standardising_can_be_undone(values: list[tuple[float, float]], size: int) -> None:
    x = pixels(len(values), size)
    mean, std = zip(*values, strict=True)
    shown = show(x, View(mean=mean, std=std)).double()
    undone = shown * torch.tensor(std).double()[:, None, None] + torch.tensor(mean).double()[:, None, None]
    torch.testing.assert_close(undone * 255, x.double(), rtol=0, atol=1e-3)


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from([1, 3]),
    st.none() | st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.sampled_from([None, 1, 3]),
    st.booleans(),
)
def test_bytes_and_their_shares_look_the_same_and_each_image_is_shown_alone(
    channels: int, size: tuple[int, int] | None, wanted: int | None, standardised: bool
) -> None:
    if (channels, wanted) == (3, 3):
        wanted = None
    x = pixels(channels)
    view = View(
        size=size,
        channels=wanted,
        mean=(0.25,) if standardised else None,
        std=(0.5,) if standardised else None,
    )
    shown = show(x, view)
    assert shown.dtype == torch.float32
    assert shown.shape == (4, wanted or channels, *(size or (6, 6)))
    last = x.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(show(last, view), shown, rtol=1e-5, atol=1e-5)
    # Scaled bytes stay whole levels, after each direction.
    rounding = 1e-5 if size in (None, (6, 6)) else 1.01 / 255 * (2 if standardised else 1)
    for same in (x.float() / 255, x.double() / 255):
        torch.testing.assert_close(show(same, view), shown, rtol=1e-5, atol=rounding)
    torch.testing.assert_close(torch.cat([show(each[None], view) for each in x]), shown, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(show(x.flip(0), view), shown.flip(0), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [(4, 4), (3, 7), (12, 12), (5, 16), (1, 1), (5, 1), (1, 5), (16, 1)])
@pytest.mark.parametrize("channels", [1, 3])
def test_another_size_against_pillow(size: tuple[int, int], channels: int) -> None:
    x = pixels(channels, 8)
    shown = show(x, View(size=size)) * 255
    for ours, image in zip(shown, x, strict=True):
        picture = Image.fromarray(image.permute(1, 2, 0).squeeze(-1).numpy())
        theirs = np.asarray(picture.resize((size[1], size[0]), Image.Resampling.BILINEAR), dtype=np.float32)
        expected = torch.from_numpy(theirs.copy()).reshape(*size, channels).permute(2, 0, 1)
        assert (ours - expected).abs().max() < 1.01  # Pillow rounds to whole numbers, twice


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 255), st.integers(1, 12), st.integers(1, 12))
def test_one_colour_stays_that_colour_at_any_size(value: int, height: int, width: int) -> None:
    shown = show(torch.full((1, 3, 5, 6), value, dtype=torch.uint8), View(size=(height, width), channels=1))
    torch.testing.assert_close(shown, torch.full((1, 1, height, width), value / 255), rtol=1e-4, atol=1e-5)


def test_the_own_size_and_the_own_channels_change_nothing() -> None:
    x = pixels()
    assert torch.equal(show(x, View(size=(6, 6), channels=3)), show(x, View()))


def test_one_mean_serves_every_channel() -> None:
    x = pixels()
    one, three = View(mean=(0.3,), std=(0.2,)), View(mean=(0.3,) * 3, std=(0.2,) * 3)
    assert torch.equal(show(x, one), show(x, three))
    grey = show(pixels(1), View(channels=3, mean=(0.1, 0.2, 0.3), std=(1.0, 1.0, 1.0)))
    torch.testing.assert_close(grey[:, 0] - grey[:, 2], torch.full((4, 6, 6), 0.2))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float16])
def test_the_callers_images_are_not_changed(dtype: torch.dtype) -> None:
    x = pixels().to(dtype)
    before = x.clone()
    show(x, View(size=(3, 3), channels=1, mean=(0.5,), std=(0.5,))).zero_()
    assert torch.equal(x, before)


@pytest.mark.parametrize(
    "view", [View(size=(2, 2)), View(channels=1), View(channels=7), View(mean=(0.5,), std=(0.5,))]
)
@pytest.mark.parametrize("shape", [(5, 7), (5, 3, 7), (5, 3, 4, 4, 4)])
def test_what_is_no_image_is_not_shown_as_one(shape: tuple[int, ...], view: View) -> None:
    with pytest.raises(
        SpecError, match=r"cannot show data of shape \(5, .*expected images \(N, C, H, W\), or a view"
    ) as caught:
        show(torch.rand(shape), view)
    assert "None" not in str(caught.value)


def test_channels_that_cannot_be_made() -> None:
    with pytest.raises(SpecError, match="images of 2 channels as 1: expected 1 -> any or 3 -> 1"):
        show(torch.rand(1, 2, 3, 3), View(channels=1))
    with pytest.raises(SpecError, match="expected 1 or 2 values of mean and std .* of 2 channels, got 3"):
        show(torch.rand(1, 2, 3, 3), View(mean=(0.1, 0.2, 0.3), std=(1.0, 1.0, 1.0)))
