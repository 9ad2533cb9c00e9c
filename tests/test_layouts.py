from __future__ import annotations

import pytest
import torch
from torch import nn

from modelstitch.errors import StitchError
from modelstitch.layouts import as_map2d, channels_last, recognise


@pytest.mark.parametrize(
    ("shape", "layout"),
    [
        ((7,), "vector"),
        ((5, 7), "tokens"),
        ((4, 8, 9), "map2d"),
        ((4, 2, 8, 9), "map3d"),
        ((4, 2, 8, 9, 3), "5-d"),
        ((), "0-d"),
    ],
)
def test_the_number_of_axes_names_the_layout(shape: tuple[int, ...], layout: str) -> None:
    assert recognise(shape) == layout


@pytest.mark.parametrize(("shape", "read"), [((4, 8, 9), (4, 8, 9)), ((7,), (7, 1, 1))])
def test_maps_and_vectors_read_as_maps(shape: tuple[int, ...], read: tuple[int, int, int]) -> None:
    assert as_map2d(shape, "here") == read


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((5, 7), r"cannot stitch at sender cut 'a': expected .* got layout tokens of shape \(5, 7\)"),
        ((4, 2, 8, 9), r"got layout map3d of shape \(4, 2, 8, 9\); choose another cut"),
    ],
)
def test_other_layouts_are_refused_by_name(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(StitchError, match=message):
        as_map2d(shape, "sender cut 'a'")


def test_channels_last_changes_how_weights_are_stored_and_no_value() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4, 2))
    weight = module.get_parameter("0.weight")
    before = weight.detach().clone()
    assert not weight.is_contiguous(memory_format=torch.channels_last)
    assert channels_last(module) is module
    assert module.get_parameter("0.weight") is weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(weight, before)
