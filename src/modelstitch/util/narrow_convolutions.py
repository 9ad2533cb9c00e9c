"""Gradients of narrow 1 x 1 convolutions, which a kernel of torch gets wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

_FEWEST_CHANNELS = 8


@contextlib.contextmanager
def right_gradients(weights: Iterable[Tensor]) -> Iterator[None]:
    """Train weights inside the block without the kernel that gets the gradients of narrow ones wrong.

    On a processor with AVX2 alone, oneDNN in torch 2.13 gives a wrong gradient for the weight of a
    convolution of 1 x 1 with a stride, fewer than 8 input channels and channels in the last place in memory,
    and writes past its own memory. Where such a weight may be among those that are trained, torch's own
    kernels are used inside the block, for the whole process. They are slower.

    Args:
        weights: that are trained; a weight alone does not say its stride.

    Example:
        >>> with right_gradients([torch.ones(8, 4, 1, 1)]):
        ...     torch.backends.mkldnn.enabled
        False
    """
    onednn: Any = torch.backends.mkldnn  # its properties have no types
    before = onednn.enabled
    if any(map(_is_narrow, weights)):
        onednn.enabled = False
    try:
        yield
    finally:
        onednn.enabled = before


def _is_narrow(weight: Tensor) -> bool:
    return (
        weight.device.type == "cpu"
        and weight.ndim == 4
        and weight.shape[1] < _FEWEST_CHANNELS
        and tuple(weight.shape[2:]) == (1, 1)
    )
