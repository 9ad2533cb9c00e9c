"""Recognise how a representation is laid out, from its shape alone."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

from modelstitch.errors import StitchError

M = TypeVar("M", bound=nn.Module)

LAYOUTS = {1: "vector", 2: "tokens", 3: "map2d", 4: "map3d"}


def channels_last(module: M) -> M:
    """Store the convolution weights of ``module`` with channels last, in place; no value changes.

    Convolutions on a CPU and on tensor cores are faster so.
    """
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return module


def recognise(shape: tuple[int, ...]) -> str:
    """Name the layout of a representation of ``shape`` (batch axis left out).

    One axis reads as ``vector (D)``, two as ``tokens (T, D)``, three as ``map2d (C, H, W)``, four as ``map3d``.

    Example:
        >>> recognise((64, 8, 8))
        'map2d'
    """
    return LAYOUTS.get(len(shape), f"{len(shape)}-d")


def as_map2d(shape: tuple[int, ...], where: str) -> tuple[int, int, int]:
    """Read ``shape`` as channels, height, width; a vector is a map of one position.

    Args:
        shape: shape of one representation, batch axis left out.
        where: what the representation is, for the error.

    Raises:
        StitchError: the layout is neither ``map2d`` nor ``vector``.

    Example:
        >>> as_map2d((128,), "sender cut 'head.1'")
        (128, 1, 1)
    """
    if len(shape) == 3:
        return shape[0], shape[1], shape[2]
    if len(shape) == 1:
        return shape[0], 1, 1
    raise StitchError(
        f"cannot stitch at {where}: expected a 2-D map (C, H, W) or a vector (D), "
        f"got layout {recognise(shape)} of shape {shape}; choose another cut"
    )
