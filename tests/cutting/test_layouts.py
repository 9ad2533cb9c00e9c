from __future__ import annotations

import math
import random
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from modelstitch.cutting.layouts import Layout, channels_last, parse, recognise, stitchable
from modelstitch.errors import StitchError

small = st.integers(1, 4)


def built(kind: str, shape: tuple[int, ...], **options: Any) -> Layout:
    """Build a layout, and restore the global random state, from which the checks of types draw."""
    state = random.getstate()
    layout = Layout(kind, shape, **options)
    random.setstate(state)
    return layout


LOOPS = [0, 6, 3, 9, 1, 7, 4, 10, 2, 8, 5, 11]  # of 3 x 4: w2:1 w2 h3

LAYOUTS = st.one_of(
    st.builds(lambda d: built("vector", (d,)), small),
    st.builds(lambda c, n: built("map1d", (c, n)), small, st.integers(1, 8)),
    st.builds(lambda c, h, w: built("map2d", (c, h, w)), small, st.integers(1, 6), st.integers(1, 6)),
    st.builds(
        lambda c, h, w: built("map2d", (h, w, c), last=True), small, st.integers(1, 6), st.integers(1, 6)
    ),
    st.builds(
        lambda c, grid, last: built("map3d", (*grid, c) if last else (c, *grid), last=last),
        small,
        st.tuples(small, small, small),
        st.booleans(),
    ),
    st.builds(
        lambda d, grid, e: built("tokens", (math.prod(grid) + e, d), extra=e, grid=grid),
        small,
        st.tuples(small, small, small),
        st.integers(0, 2),
    ),
    st.builds(
        lambda d, grid, order, first: built(
            "tokens",
            (d, 4, 3) if first else (4, 3, d),
            extra=12 - math.prod(grid),
            grid=grid,
            order=tuple(order[: math.prod(grid)]),
            first=first,
        ),
        small,
        st.sampled_from([(3, 4), (2, 5), (2, 2, 3), (1, 12)]),
        st.one_of(st.permutations(range(12)), st.sampled_from([LOOPS, [*range(1, 12), 0], [*range(12)]])),
        st.booleans(),
    ),
    st.builds(
        lambda d, t, e: built("tokens", (t + e, d), extra=e), small, st.integers(1, 8), st.integers(0, 2)
    ),
    st.builds(
        lambda d, h, w, e: built("tokens", (h * w + e, d), extra=e, grid=(h, w)),
        small,
        st.integers(1, 5),
        st.integers(1, 5),
        st.integers(0, 2),
    ),
)


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
    assert str(recognise(shape)) == layout


@pytest.mark.parametrize(
    ("n", "extra", "picture", "text"),
    [
        (196, 0, (224, 224), "tokens 14x14"),
        (197, 1, (224, 224), "tokens+1 14x14"),
        (201, 5, (224, 224), "tokens+5 14x14"),
        (128, 0, (32, 64), "tokens 8x16"),
        (128, 0, (32, 32), "tokens"),  # no square number: a sequence
        (17, 0, (32, 32), "tokens"),  # nothing tells that one of them is extra
        (16, 0, None, "tokens"),  # no picture, no grid
    ],
)
def test_tokens_of_a_picture_lie_on_a_grid(
    n: int, extra: int, picture: tuple[int, int] | None, text: str
) -> None:
    assert str(recognise((n, 8), extra=extra, picture=picture)) == text


def test_where_the_features_are_decides_between_layouts_of_one_shape() -> None:
    assert str(recognise((6, 20), last=False)) == "map1d"
    assert str(recognise((20, 6), last=True)) == "tokens"
    assert str(recognise((7, 7, 96), last=True)) == "map2d last"
    assert recognise((7, 7, 96), last=True).n_features == 96
    assert recognise((7, 8, 96), last=True).positions == (7, 8)
    assert recognise((6, 20), last=False).positions == (1, 20)


@given(LAYOUTS)
def test_features_first_and_the_grid_lose_nothing(layout: Layout) -> None:
    x = torch.randn(3, *layout.shape)
    first = layout.features_first(x)
    assert tuple(first.shape[1:]) == layout.features_first_shape
    assert first.shape[1] == layout.n_features
    assert torch.equal(layout.features_back(first), x)
    grid, extra = layout.to_grid(x)
    assert tuple(grid.shape) == (3, layout.n_features, *layout.positions)
    assert torch.equal(layout.from_grid(grid, extra), x)
    if layout.order is not None:
        assert torch.equal(grid.flatten(2), first.flatten(2)[:, :, list(layout.order)])
    assert parse(str(layout), layout.shape) == layout


def test_tokens_on_a_grid_lie_row_by_row_behind_the_extra_ones() -> None:
    layout = Layout("tokens", (7, 2), extra=1, grid=(2, 3))
    x = torch.arange(14.0).reshape(1, 7, 2)
    grid, extra = layout.to_grid(x)
    assert extra is not None
    assert extra[0, :, 0].tolist() == [0, 1]
    assert grid[0, 0].tolist() == [[2, 4, 6], [8, 10, 12]]
    made = layout.from_grid(grid)
    assert made[0, 0].tolist() == [7, 8]  # the mean over positions


@pytest.mark.parametrize(
    ("text", "shape", "message"),
    [
        ("token", (5, 7), "unknown layout 'token'.*did you mean 'tokens'"),
        ("tokens+", (5, 7), "expected a layout such as tokens"),
        ("map2d", (5, 7), r"expected 3 axes for the layout map2d, got shape \(5, 7\)"),
        ("vector", (5, 7), r"expected 1 axis for the layout vector"),
        ("tokens+5", (5, 7), "expected fewer extra tokens than the 5 tokens, got 5"),
        ("tokens+1 3x3", (5, 7), "expected 4 tokens on the grid, got 3 x 3"),
        ("tokens 2x2x2", (5, 7), "expected 5 tokens on the grid, got 2 x 2 x 2"),
        ("tokens 2x2x2x2", (16, 7), "expected a layout such as tokens"),
        ("tokens 2x3 as w2 h2", (6, 7), "expected loops that visit each place of 2x3 once, got 'w2 h2'"),
        ("tokens 2x3 as d2 w3", (6, 7), "expected an order such as .* loops over h and w, .* got 'as d2 w3'"),
        ("tokens 2x2 order 0-2/2", (4, 7), "expected an order of 4 different tokens, got 3 different ones"),
        ("tokens+1 2x2 from 3", (5, 7), "expected an order of tokens from 0 to 4, got 3 to 6"),
        ("map2d first", (5, 7, 7), "expected features first to be said of tokens alone"),
        ("map1d last", (5, 7), "expected features last for map2d and map3d alone"),
        ("map2d+1", (5, 7, 7), "expected extra tokens and a grid for the layout tokens alone"),
    ],
)
def test_a_layout_that_does_not_fit_is_refused(text: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(StitchError, match=message):
        parse(text, shape)


@pytest.mark.parametrize("shape", [(), (4, 2, 8, 9, 3)])
def test_other_layouts_are_refused_by_name(shape: tuple[int, ...]) -> None:
    with pytest.raises(
        StitchError, match=r"cannot stitch at sender cut 'a': .* got layout .*; choose another cut"
    ):
        stitchable(recognise(shape), "sender cut 'a'")


def test_channels_last_changes_how_weights_are_stored_and_no_value() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4, 2), nn.Conv3d(1, 2, 3))
    weight = module.get_parameter("0.weight")
    before = weight.detach().clone()
    assert not weight.is_contiguous(memory_format=torch.channels_last)
    assert channels_last(module) is module
    assert module.get_parameter("0.weight") is weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(weight, before)
