"""Scaling by every filter, against Pillow."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_images

from modelstitch.data.resizing import resized
from modelstitch.specs import INTERPOLATIONS


@pytest.fixture(scope="module")
def pictures() -> list[torch.Tensor]:
    china, flower = (torch.from_numpy(image.copy()).permute(2, 0, 1) for image in load_sample_images().images)
    return [china[:, 50:181, 20:219], flower[:, 100:299, 200:331]]


@pytest.mark.parametrize("size", [(64, 48), (300, 301), (131, 90), (40, 131)])
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_real_pictures_are_scaled_as_pillow_scales_them(
    interpolation: str, size: tuple[int, int], pictures: list[torch.Tensor]
) -> None:
    for picture in pictures:
        ours = resized(picture[None].float(), size, interpolation, (0, 255), whole=True)[0]
        theirs = Image.fromarray(picture.permute(1, 2, 0).numpy()).resize(
            size[::-1], Image.Resampling[interpolation.upper()]
        )
        levels = (ours - torch.from_numpy(np.asarray(theirs).copy()).permute(2, 0, 1)).abs()
        # Pillow scales columns before rows where that is less work: another rounding, another overshoot.
        assert levels.max() <= 8
        assert levels.mean() < 0.2


def test_shares_are_not_rounded_and_an_overshoot_is_cut_off() -> None:
    edge = torch.tensor([[[[0.0, 0.0, 1.0, 1.0]]]])
    free = resized(edge, (1, 16), "bicubic")
    assert free.min() < 0 < 1 < free.max()
    kept = resized(edge, (1, 16), "bicubic", (0, 1))
    torch.testing.assert_close(kept, free.clamp(0, 1))
    assert kept.unique().numel() > 4


def test_the_given_images_are_not_changed() -> None:
    x = torch.rand(1, 1, 4, 4) * 255
    before = x.clone()
    for size in ((4, 8), (8, 4), (8, 8), (4, 4)):
        resized(x, size, "bicubic", (0, 255), whole=True)
    assert torch.equal(x, before)
