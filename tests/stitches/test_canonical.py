"""What a fit sees of a stitch, its canonical features and targets, against the stitch's own forward pass."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from modelstitch.specs import StitchSpec
from modelstitch.stitches import Stitch, build
from modelstitch.stitches.bridges import plan

sides = st.integers(1, 8)
shapes = st.one_of(st.tuples(st.integers(1, 3)), st.tuples(st.integers(1, 3), sides, sides))
families = st.sampled_from(["pooled", "affine", "conv(3)", "conv(5)"])


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def fitted_size(stitch: Stitch) -> tuple[int, int]:
    """Height and width at which a fit compares: multiples up are compared before they are repeated."""
    (_, *had), (_, *wanted) = stitch.provided, stitch.expected
    height, width = (a if b % a == 0 else b for a, b in zip(had, wanted, strict=True))
    return height, width


def through_features(stitch: Stitch, x: Tensor) -> Tensor:
    weight, bias = stitch.get_parameter("weight").flatten(1), stitch.get_parameter("bias")
    return stitch.features(x) @ weight.T + bias


@settings(deadline=None, max_examples=40)
@given(families, shapes, shapes)
def test_a_stitch_is_its_weight_times_its_features_then_repeated(
    family: str, provided: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    stitch = build(StitchSpec.parse(family), provided, expected, torch.Generator().manual_seed(0)).double()
    x = normal(2, *provided)
    rows = through_features(stitch, x)
    height, width = fitted_size(stitch)
    assert rows.shape == (2, height * width, stitch.expected[0])
    grid = rows.transpose(1, 2).reshape(2, -1, height, width)
    repeated = grid.repeat_interleave(stitch.expected[1] // height, 2).repeat_interleave(
        stitch.expected[2] // width, 3
    )
    torch.testing.assert_close(stitch(x), repeated.reshape(2, *expected), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(
        stitch.bridge.enlarge(grid), repeated.reshape(2, *stitch.expected), rtol=1e-12, atol=1e-12
    )


@settings(deadline=None, max_examples=40)
@given(families, shapes, shapes)
def test_the_error_on_targets_is_the_error_of_the_stitch_up_to_a_constant(
    family: str, provided: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    first, second = (
        build(StitchSpec.parse(family), provided, expected, torch.Generator().manual_seed(seed)).double()
        for seed in (0, 1)
    )
    x, e = normal(3, *provided), normal(3, *expected, seed=1)
    height, width = fitted_size(first)
    copies = first.expected[1] * first.expected[2] / (height * width)
    seen = [(through_features(each, x) - each.targets(e)).square().sum() for each in (first, second)]
    whole = [(each(x) - e).square().sum() for each in (first, second)]
    torch.testing.assert_close(whole[0] - whole[1], copies * (seen[0] - seen[1]), rtol=1e-8, atol=1e-8)
    assert (whole[0] >= copies * seen[0] * (1 - 1e-9)).item()


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 3), st.tuples(sides, sides), st.tuples(st.integers(1, 4), st.integers(1, 4)))
def test_targets_of_repeated_positions_are_the_means_of_their_blocks(
    channels: int, small: tuple[int, int], times: tuple[int, int]
) -> None:
    (height, width), (down, across) = small, times
    e = normal(2, channels, height * down, width * across)
    blocks = e.reshape(2, channels, height, down, width, across).mean((3, 5))
    found = plan(small, (height * down, width * across)).targets(e)
    torch.testing.assert_close(found, blocks.flatten(2).transpose(1, 2), rtol=1e-12, atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.tuples(sides, sides), st.tuples(sides, sides))
def test_targets_are_what_is_expected_where_nothing_is_repeated(
    provided: tuple[int, int], expected: tuple[int, int]
) -> None:
    bridge = plan(provided, expected)
    e = normal(2, 3, *expected)
    kept = all(wanted % had or wanted == had for had, wanted in zip(provided, expected, strict=True))
    same = bridge.targets(e).shape[1] == e[0, 0].numel() and torch.equal(
        bridge.targets(e), e.flatten(2).transpose(1, 2)
    )
    assert same == kept


def test_features_of_a_strided_patch_come_in_the_order_of_a_convolutions_weight() -> None:
    x = normal(2, 3, 6, 8)
    bridge = plan((6, 8), (3, 2))
    assert bridge.kernel() == (2, 4)
    torch.testing.assert_close(bridge.features(x), F.unfold(x, (2, 4), stride=(2, 4)).transpose(1, 2))
    padded = F.unfold(x, (4, 6), stride=(2, 4), padding=1).transpose(1, 2)
    torch.testing.assert_close(bridge.features(x, reach=(1, 1)), padded)


def test_features_of_a_pooled_bridge_are_means_of_patches() -> None:
    x = normal(2, 3, 6, 8)
    patches = x.reshape(2, 3, 3, 2, 2, 4).mean((3, 5))
    found = plan((6, 8), (3, 2), down="pool").features(x)
    torch.testing.assert_close(found, patches.flatten(2).transpose(1, 2), rtol=1e-12, atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.tuples(sides, sides), st.tuples(sides, sides))
def test_interpolated_positions_lie_on_the_lines_between_their_neighbours(
    small: tuple[int, int], extra: tuple[int, int]
) -> None:
    """Positions are the middles of equal cells of the unit square, on both sides of the bridge."""
    large = (small[0] + extra[0], small[1] + extra[1])
    y = normal(2, 3, *small)
    expected = y.numpy()
    for axis, (had, wanted) in enumerate(zip(small, large, strict=True), start=2):
        middles = (np.arange(wanted) + 0.5) / wanted
        known = (np.arange(had) + 0.5) / had
        if wanted % had == 0:
            expected = expected.repeat(wanted // had, axis)
        else:
            weights = np.stack([np.interp(middles, known, unit) for unit in np.eye(had)])
            expected = np.moveaxis(np.moveaxis(expected, axis, -1) @ weights, -1, axis)
    np.testing.assert_allclose(plan(small, large).enlarge(y).numpy(), expected, rtol=1e-9, atol=1e-9)
