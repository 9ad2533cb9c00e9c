from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modelstitch.models.zoo.augment import draw, pad


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(4, 8), st.integers(4, 8), st.integers(0, 3))
def test_padding_against_numpy(n: int, channels: int, height: int, width: int, translate: int) -> None:
    images = torch.rand(n, channels, height, width, generator=torch.Generator().manual_seed(n))
    before = images.clone()
    edges = [(0, 0), (0, 0), (translate, translate), (translate, translate)]
    expected = np.pad(images.numpy(), edges, mode="reflect").transpose(0, 2, 3, 1)
    padded = pad(images, translate)
    assert np.array_equal(padded.numpy(), expected)
    assert padded.is_contiguous()
    assert torch.equal(images, before)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2), st.booleans(), st.integers(0, 99), st.integers(1, 6))
def test_all_channels_of_an_image_move_together_and_images_apart(
    translate: int, flip: bool, seed: int, n: int
) -> None:
    plane = torch.arange(12.0).view(1, 1, 3, 4)
    images = torch.cat([plane, plane + 100], 1).expand(n, -1, -1, -1)
    drawn = draw(
        pad(images, translate), torch.arange(n), translate, flip, torch.Generator().manual_seed(seed)
    )
    assert torch.equal(drawn[:, 1], drawn[:, 0] + 100)
    alike = {tuple(each.flatten().tolist()) for each in drawn}
    assert len(alike) <= n
    if translate == 0 and not flip:
        assert torch.equal(drawn, images)


def test_what_is_drawn_is_the_window_that_its_chances_name() -> None:
    """The same generator read by hand: rows first, then columns, then the mirror."""
    images = torch.rand(20, 2, 5, 6, generator=torch.Generator().manual_seed(0))
    drawn = draw(pad(images, 2), torch.arange(20), 2, True, torch.Generator().manual_seed(9))
    generator = torch.Generator().manual_seed(9)
    shifts = torch.randint(0, 5, (2, 20, 1), generator=generator).squeeze(-1)
    mirrored = torch.rand(20, 1, generator=generator).squeeze(-1) < 0.5
    padded = np.pad(images.numpy(), [(0, 0), (0, 0), (2, 2), (2, 2)], mode="reflect")
    for index in range(20):
        row, column = int(shifts[0, index]), int(shifts[1, index])
        window = padded[index, :, row : row + 5, column : column + 6]
        expected = window[:, :, ::-1] if mirrored[index] else window
        assert np.array_equal(drawn[index].numpy(), expected)


def test_shifts_and_mirrors_are_equally_likely() -> None:
    padded = pad(torch.arange(25.0).view(1, 1, 5, 5), 1)
    n = 3600
    drawn = draw(padded, torch.zeros(n, dtype=torch.int64), 1, True, torch.Generator().manual_seed(0))
    _, counts = drawn.unique(dim=0, return_counts=True)
    assert len(counts) == 9 * 2
    # 200 expected of each, standard deviation 14.
    assert counts.min() > 140
    assert counts.max() < 260


@pytest.mark.parametrize("flip", [True, False])
def test_the_generator_is_the_only_chance(flip: bool) -> None:
    padded = pad(torch.rand(8, 1, 6, 6, generator=torch.Generator().manual_seed(0)), 2)
    state = torch.random.get_rng_state()

    def drawn(seed: int) -> torch.Tensor:
        return draw(padded, torch.arange(8), 2, flip, torch.Generator().manual_seed(seed))

    first = drawn(0)
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.rand(3)
    assert torch.equal(drawn(0), first)
    assert not torch.equal(drawn(1), first)


def test_images_come_in_the_order_asked_for_and_as_often() -> None:
    images = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 1, 3, 3)
    indices = torch.tensor([3, 0, 3, 1])
    drawn = draw(pad(images, 1), indices, 1, True, torch.Generator().manual_seed(0))
    assert drawn[:, 0, 0, 0].tolist() == [3, 0, 3, 1]
    assert (drawn == drawn[:, :, :1, :1]).all()
