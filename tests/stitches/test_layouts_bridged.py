"""Every family after every bridge: any layout into any other, and fits that see what the stitch does."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from modelstitch.cutting.layouts import Layout
from modelstitch.specs import StitchSpec
from modelstitch.stitches import Stitch, build
from tests.cutting.test_layouts import LAYOUTS

FAMILIES = st.sampled_from(["pooled", "affine", "conv(3)", "lowrank(2)", "orthogonal", "mlp(3)"])


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def made(family: str, provided: Layout, expected: Layout, seed: int = 0) -> Stitch:
    return build(StitchSpec.parse(family), provided, expected, torch.Generator().manual_seed(seed)).double()


def through_features(stitch: Stitch, x: Tensor) -> Tensor:
    weight, bias = stitch.get_parameter("weight").flatten(1), stitch.get_parameter("bias")
    return stitch.features(x) @ weight.T + bias


@settings(deadline=None, max_examples=80)
@given(FAMILIES, LAYOUTS, LAYOUTS)
def test_any_layout_becomes_any_other(family: str, provided: Layout, expected: Layout) -> None:
    stitch = made(family, provided, expected)
    assert stitch(normal(2, *provided.shape)).shape == (2, *expected.shape)


@settings(deadline=None, max_examples=80)
@given(st.sampled_from(["pooled", "affine", "conv(3)"]), LAYOUTS, LAYOUTS)
def test_what_a_fit_sees_is_what_the_stitch_does(family: str, provided: Layout, expected: Layout) -> None:
    stitch = made(family, provided, expected)
    x = normal(2, *provided.shape)
    rows = through_features(stitch, x)
    n = expected.extra
    assert rows.shape[1] == stitch.targets(normal(2, *expected.shape)).shape[1]
    extra = rows[:, :n].transpose(1, 2) if n else None
    sizes = [
        had if rule.startswith("nearest") else wanted
        for rule, had, wanted in zip(
            stitch.bridge.rules, stitch.provided[1:], stitch.expected[1:], strict=True
        )
    ]
    grid = rows[:, n:].transpose(1, 2).unflatten(2, sizes)
    whole = expected.from_grid(stitch.bridge.enlarge(grid), extra)
    torch.testing.assert_close(stitch(x), whole, rtol=1e-9, atol=1e-9)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(["pooled", "affine", "conv(3)"]), LAYOUTS, LAYOUTS)
def test_least_squares_minimises_the_whole_error_extra_tokens_and_all(
    family: str, provided: Layout, expected: Layout
) -> None:
    first, second = (made(family, provided, expected, seed) for seed in (0, 1))
    if not expected.extra and any(rule.startswith("nearest") for rule in first.bridge.rules):
        return  # repeated positions are counted once, which tests/test_canonical.py is about
    x, e = normal(3, *provided.shape), normal(3, *expected.shape, seed=1)
    seen = [(through_features(each, x) - each.targets(e)).square().sum() for each in (first, second)]
    whole = [(each(x) - e).square().sum() for each in (first, second)]
    torch.testing.assert_close(whole[0] - whole[1], seen[0] - seen[1], rtol=1e-8, atol=1e-8)


def test_a_class_token_goes_through_beside_the_patches() -> None:
    provided = Layout("tokens", (17, 3), extra=1, grid=(4, 4))
    expected = Layout("tokens", (5, 2), extra=1, grid=(2, 2))
    stitch = made("affine", provided, expected)
    assert stitch.n_parameters == 3 * 2 + 2  # no weight for each position of a patch
    x = normal(1, 17, 3)
    alone = stitch(x)[:, 0]
    moved = x.clone()
    moved[:, 1:] += 1
    assert torch.equal(stitch(moved)[:, 0], alone)
    weight, bias = stitch.get_parameter("weight").flatten(1), stitch.get_parameter("bias")
    torch.testing.assert_close(alone, x[:, 0] @ weight.T + bias)
    patches = x[:, 1:].reshape(1, 2, 2, 2, 2, 3).mean((2, 4)).reshape(1, 4, 3)
    torch.testing.assert_close(stitch(x)[:, 1:], patches @ weight.T + bias)


@pytest.mark.parametrize(
    ("provided", "expected", "label"),
    [
        (Layout("map2d", (4, 8, 8)), Layout("map2d", (4, 4, 4)), "stride 2"),
        (
            Layout("map2d", (4, 8, 8)),
            Layout("tokens", (17, 6), extra=1, grid=(4, 4)),
            "map2d to tokens+1 4x4, stride 2, extra tokens from the mean",
        ),
        (
            Layout("tokens", (17, 6), extra=1, grid=(4, 4)),
            Layout("map2d", (4, 8, 8)),
            "tokens+1 4x4 to map2d, nearest x2, extra tokens dropped",
        ),
        (
            Layout("tokens", (17, 6), extra=1, grid=(4, 4)),
            Layout("tokens", (10, 6), extra=1, grid=(3, 3)),
            "tokens+1 4x4 to tokens+1 3x3, pool 4->3",
        ),
        (
            Layout("tokens", (10, 6)),
            Layout("tokens", (15, 6)),
            "tokens to tokens, height same, width linear 10->15",
        ),
        (Layout("map2d", (4, 8, 8)), Layout("vector", (6,)), "pool 8->1"),
        (Layout("vector", (6,)), Layout("map2d", (4, 8, 8)), "nearest x8"),
        (
            Layout("map2d", (4, 8, 20)),
            Layout("map1d", (4, 10)),
            "map2d to map1d, height stride 8, width stride 2",
        ),
    ],
)
def test_a_bridge_says_what_it_does_and_what_it_loses(provided: Layout, expected: Layout, label: str) -> None:
    assert build(StitchSpec(), provided, expected).bridge_label == label


def test_a_kernel_passes_class_tokens_alone_and_holds_the_affine_stitch() -> None:
    layout = Layout("tokens", (17, 3), extra=1, grid=(4, 4))
    affine, conv = made("affine", layout, layout), made("conv(3)", layout, layout)
    weight = torch.zeros_like(conv.get_parameter("weight"))
    weight[:, :, 1:2, 1:2] = affine.get_parameter("weight").detach()
    conv.get_parameter("weight").data = weight
    conv.get_parameter("bias").data = affine.get_parameter("bias").detach()
    x = normal(2, 17, 3)
    torch.testing.assert_close(conv(x), affine(x))


def test_a_kernel_has_no_weights_where_there_is_one_position() -> None:
    signal = Layout("map1d", (3, 8))
    assert tuple(build(StitchSpec.parse("conv(3)"), signal, signal).get_parameter("weight").shape) == (
        3,
        3,
        1,
        3,
    )


def test_an_identity_stitch_needs_one_layout_and_not_only_one_shape() -> None:
    from modelstitch.errors import StitchError

    with pytest.raises(StitchError, match="got layout map2d -> map2d last"):
        build(
            StitchSpec(family="identity"), Layout("map2d", (4, 4, 4)), Layout("map2d", (4, 4, 4), last=True)
        )
    tokens = Layout("tokens", (17, 6), extra=1, grid=(4, 4))
    stitch = build(StitchSpec(family="identity"), tokens, tokens)
    x = torch.randn(2, 17, 6)
    assert torch.equal(stitch(x), x)
