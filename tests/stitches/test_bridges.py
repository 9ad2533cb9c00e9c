from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from modelstitch.stitches.bridges import plan

sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))
few = st.integers(1, 5)
volumes = st.tuples(few, few, few)


@pytest.mark.parametrize(
    ("provided", "expected", "label", "stride"),
    [
        ((8, 8), (8, 8), "same", (1, 1)),
        ((32, 32), (4, 4), "stride 8", (8, 8)),
        ((4, 4), (32, 32), "nearest x8", (1, 1)),
        ((7, 7), (5, 5), "pool 7->5", (1, 1)),
        ((5, 5), (7, 7), "linear 5->7", (1, 1)),
        ((8, 4), (4, 8), "height stride 2, width nearest x2", (2, 1)),
        ((1, 1), (6, 6), "nearest x6", (1, 1)),
        ((6, 6), (1, 1), "stride 6", (6, 6)),
    ],
)
def test_rules(
    provided: tuple[int, int], expected: tuple[int, int], label: str, stride: tuple[int, int]
) -> None:
    bridge = plan(provided, expected)
    assert (bridge.label, bridge.stride) == (label, stride)


@settings(deadline=None, max_examples=60)
@given(sizes, sizes)
def test_any_size_becomes_any_other(provided: tuple[int, int], expected: tuple[int, int]) -> None:
    bridge = plan(provided, expected)
    x = torch.randn(2, 3, *provided, generator=torch.Generator().manual_seed(0))
    weight = torch.randn(4, 3, *bridge.stride, generator=torch.Generator().manual_seed(1))
    y = bridge.enlarge(F.conv2d(bridge.reduce(x), weight, stride=bridge.stride))
    assert y.shape == (2, 4, *expected)


@settings(deadline=None, max_examples=60)
@given(sizes, sizes)
def test_a_constant_stays_that_constant(provided: tuple[int, int], expected: tuple[int, int]) -> None:
    bridge = plan(provided, expected)
    x = torch.full((1, 2, *provided), 3.0)
    # The mean over a patch is what a strided convolution with equal weights does.
    reduced = F.avg_pool2d(bridge.reduce(x), bridge.stride)
    torch.testing.assert_close(bridge.enlarge(reduced), torch.full((1, 2, *expected), 3.0))


@settings(deadline=None, max_examples=60)
@given(sizes, sizes)
def test_enlarging_after_the_transformation_is_the_papers_order(
    small: tuple[int, int], extra: tuple[int, int]
) -> None:
    """Up, then 1 x 1 (the paper) equals 1 x 1, then up (ours), with bias."""
    large = (small[0] + extra[0], small[1] + extra[1])
    bridge = plan(small, large)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, *small, generator=generator)
    weight = torch.randn(5, 3, 1, 1, generator=generator)
    bias = torch.randn(5, generator=generator)
    ours = bridge.enlarge(F.conv2d(x, weight, bias))
    papers = F.conv2d(bridge.enlarge(x), weight, bias)
    torch.testing.assert_close(ours, papers, rtol=1e-4, atol=1e-5)


@settings(deadline=None, max_examples=60)
@given(volumes, volumes)
def test_any_volume_becomes_any_other_and_a_constant_stays(
    provided: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    bridge = plan(provided, expected)
    reduced = F.avg_pool3d(bridge.reduce(torch.full((1, 2, *provided), 3.0)), bridge.stride)
    torch.testing.assert_close(bridge.enlarge(reduced), torch.full((1, 2, *expected), 3.0))


@settings(deadline=None, max_examples=40)
@given(sizes, sizes)
def test_a_volume_one_deep_is_a_map(provided: tuple[int, int], expected: tuple[int, int]) -> None:
    flat, deep = plan(provided, expected), plan((1, *provided), (1, *expected))
    x, y = torch.randn(2, 3, *provided), torch.randn(2, 3, *expected)
    torch.testing.assert_close(deep.features(x[:, :, None], (0, 0, 0)), flat.features(x))
    torch.testing.assert_close(deep.features(x[:, :, None], (0, 1, 1)), flat.features(x, (1, 1)))
    torch.testing.assert_close(deep.targets(y[:, :, None]), flat.targets(y))
    torch.testing.assert_close(deep.reduce(x[:, :, None])[:, :, 0], flat.reduce(x))


@settings(deadline=None, max_examples=40)
@given(volumes, volumes)
def test_a_volume_is_enlarged_as_a_slow_oracle_says(small: tuple[int, ...], extra: tuple[int, ...]) -> None:
    """Resize axis by axis in NumPy: repeat to a multiple, else interpolate between middles of equal cells."""
    large = tuple(one + more for one, more in zip(small, extra, strict=True))
    x = torch.randn(1, 2, *small, dtype=torch.float64)
    expected = x.numpy()
    for axis, (had, wanted) in enumerate(zip(small, large, strict=True), start=2):
        if wanted % had == 0:
            expected = expected.repeat(wanted // had, axis)
            continue
        places = (np.arange(wanted) + 0.5) / wanted
        known = (np.arange(had) + 0.5) / had
        rows = np.moveaxis(expected, axis, -1).reshape(-1, had)
        lines = np.stack([np.interp(places, known, row) for row in rows])
        moved = (*(length for at, length in enumerate(expected.shape) if at != axis), wanted)
        expected = np.moveaxis(lines.reshape(moved), -1, axis)
    np.testing.assert_allclose(plan(small, large).enlarge(x).numpy(), expected, rtol=1e-9, atol=1e-9)


def test_the_rules_of_a_volume_are_named_by_its_axes() -> None:
    assert plan((8, 8, 8), (4, 4, 4)).label == "stride 2"
    assert plan((16, 8, 8), (1, 8, 12)).label == "depth stride 16, height same, width linear 8->12"


def test_nearest_repeats_each_position() -> None:
    x = torch.arange(4.0).view(1, 1, 2, 2)
    expected = x.repeat_interleave(3, 2).repeat_interleave(3, 3)
    assert torch.equal(plan((2, 2), (6, 6)).enlarge(x), expected)
