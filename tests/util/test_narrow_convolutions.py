"""Gradients of narrow convolutions with a stride are those of float64, in every place of memory."""

from __future__ import annotations

import contextlib

import pytest
import torch
import torch.nn.functional as F

from modelstitch.util.narrow_convolutions import right_gradients


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6, 7, 8, 12])
@pytest.mark.parametrize("stride", [1, 2])
def test_the_gradient_is_that_of_double_precision(channels: int, stride: int) -> None:
    drawn = torch.Generator().manual_seed(channels)
    x, weight = (torch.randn(shape, generator=drawn) for shape in ((16, channels, 8, 8), (8, channels, 1, 1)))
    up = torch.randn(16, 8, 8 // stride, 8 // stride, generator=drawn)
    found = []
    for dtype, memory in (
        (torch.float64, torch.contiguous_format),
        (torch.float32, torch.channels_last),
    ):
        own = weight.to(dtype).contiguous(memory_format=memory).requires_grad_()
        with right_gradients([own]):
            y = F.conv2d(x.to(dtype).contiguous(memory_format=memory), own, stride=stride)
            (gradient,) = torch.autograd.grad(y, own, up.to(dtype))
        found.append(gradient.double())
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-4)


def test_wide_weights_keep_the_fast_kernels_and_all_is_put_back() -> None:
    before = torch.backends.mkldnn.enabled
    others = [torch.ones(8), torch.ones(8, 8, 1, 1), torch.ones(8, 4, 3, 3), torch.ones(8, 4)]
    with right_gradients(others):
        assert torch.backends.mkldnn.enabled is before
    with contextlib.suppress(KeyError), right_gradients([*others, torch.ones(8, 7, 1, 1)]):
        assert not torch.backends.mkldnn.enabled
        raise KeyError
    assert torch.backends.mkldnn.enabled is before
