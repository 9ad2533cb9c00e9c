from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from modelstitch.errors import StitchError
from modelstitch.specs import StitchSpec
from modelstitch.stitches import Affine, build


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_strided_affine_against_patches_and_einsum() -> None:
    stitch = build(StitchSpec(), (3, 8, 6), (5, 4, 3), generator())
    assert isinstance(stitch, Affine)
    assert stitch.bias is not None
    x = torch.randn(2, 3, 8, 6, generator=generator(1))
    patches = x.reshape(2, 3, 4, 2, 3, 2)
    expected = torch.einsum("ncpaqb,ocab->nopq", patches, stitch.weight) + stitch.bias[:, None, None]
    torch.testing.assert_close(stitch(x), expected)
    assert stitch.n_parameters == 5 * 3 * 2 * 2 + 5


def test_upward_affine_against_repeat_and_einsum() -> None:
    stitch = build(StitchSpec(), (3, 2, 2), (4, 6, 6), generator())
    assert isinstance(stitch, Affine)
    assert stitch.bias is not None
    x = torch.randn(2, 3, 2, 2, generator=generator(1))
    up = x.repeat_interleave(3, 2).repeat_interleave(3, 3)
    expected = torch.einsum("nchw,oc->nohw", up, stitch.weight[:, :, 0, 0]) + stitch.bias[:, None, None]
    torch.testing.assert_close(stitch(x), expected)


shapes = st.one_of(
    st.tuples(st.integers(1, 4)),
    st.tuples(st.integers(1, 4), st.integers(1, 7), st.integers(1, 7)),
)


@settings(deadline=None, max_examples=60)
@given(shapes, shapes, st.sampled_from(["none", "batch"]))
def test_affine_joins_any_two_maps_or_vectors(
    provided: tuple[int, ...], expected: tuple[int, ...], norm: str
) -> None:
    stitch = build(StitchSpec(norm=norm), provided, expected, generator()).eval()  # type: ignore[arg-type]
    assert stitch(torch.zeros(2, *provided)).shape == (2, *expected)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 100))
def test_affine_is_affine(seed: int) -> None:
    stitch = build(StitchSpec(), (3, 6, 6), (4, 4, 9), generator(seed))
    a, b = torch.randn(2, 2, 3, 6, 6, generator=generator(seed + 1))
    mixed = stitch(0.3 * a + 0.7 * b)
    torch.testing.assert_close(mixed, 0.3 * stitch(a) + 0.7 * stitch(b), rtol=1e-4, atol=1e-5)


def test_norm_batch_is_norm_convolution_norm() -> None:
    stitch = build(StitchSpec(norm="batch"), (3, 4, 4), (5, 4, 4), generator())
    assert isinstance(stitch, Affine)
    oracle = nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 5, 1, bias=False), nn.BatchNorm2d(5))
    oracle[1].weight = stitch.weight
    x = torch.randn(6, 3, 4, 4, generator=generator(1)) * 3 + 1
    torch.testing.assert_close(stitch(x), oracle(x))
    torch.testing.assert_close(stitch.eval()(x), oracle.eval()(x))


def test_the_start_is_pytorchs_own_and_depends_on_the_seed_alone() -> None:
    first = build(StitchSpec(), (16, 8, 8), (8, 4, 4), generator(3))
    second = build(StitchSpec(), (16, 8, 8), (8, 4, 4), generator(3))
    other = build(StitchSpec(), (16, 8, 8), (8, 4, 4), generator(4))
    assert isinstance(first, Affine)
    weights = [each.get_parameter("weight") for each in (first, second, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    bound = 1 / (16 * 4) ** 0.5
    assert weights[0].abs().max() <= bound
    assert weights[0].std().item() == pytest.approx(bound / 3**0.5, rel=0.1)


def test_identity_needs_equal_shapes() -> None:
    stitch = build(StitchSpec(family="identity"), (3, 4, 4), (3, 4, 4))
    x = torch.randn(2, 3, 4, 4)
    assert stitch(x) is x or torch.equal(stitch(x), x)
    assert stitch.n_parameters == 0
    with pytest.raises(StitchError, match=r"needs equal shapes, got \(3, 4, 4\) -> \(3, 8, 8\)"):
        build(StitchSpec(family="identity"), (3, 4, 4), (3, 8, 8))


def test_more_axes_than_a_volume_has_are_refused_by_name() -> None:
    with pytest.raises(StitchError, match=r"sender's cut: expected a vector, tokens, .* got layout 5-d"):
        build(StitchSpec(), (2, 3, 17, 8, 8), (3, 4, 4))
