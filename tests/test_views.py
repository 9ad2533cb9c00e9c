from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from modelstitch.errors import SpecError
from modelstitch.specs import View
from modelstitch.views import show


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
