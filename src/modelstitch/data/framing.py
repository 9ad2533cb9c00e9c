"""Bring images to the size that a model takes, by the steps of its view."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from modelstitch.data.resizing import resized
from modelstitch.specs import View
from modelstitch.specs.framing import Change, changes

Bounds = tuple[float, float]


def framed(
    x: Tensor, view: View, bounds: Bounds | None = None, *, whole: bool = False
) -> tuple[Tensor, tuple[int, int]]:
    """Return images at the size of a view, and the size that zeros bring standardised values to.

    Args:
        x: (N, C, H, W) floating.
        view: of the model.
        bounds: lowest and highest value of an image; what a filter overshoots is cut off. None if unknown.
        whole: whether values are whole levels, and stay so when an image is scaled.

    Returns:
        (N, C, H', W'), and height and width with the border of the step ``pad``, H' and W' without one.

    Raises:
        SpecError: a step that leaves no pixel, or a border smaller than the image.

    Example:
        >>> import torch
        >>> view = View(framing=("shorter 4", "crop 2x2"))
        >>> framed(torch.zeros(1, 3, 8, 16), view)[0].shape
        torch.Size([1, 3, 2, 2])
    """
    steps = view.framing or (() if view.size is None else (f"resize {view.size[0]}x{view.size[1]}",))
    size = x.shape[2], x.shape[3]
    for change in changes(steps, size):
        size = change.size
        if change.kind == "resize":
            x = resized(x, size, view.interpolation or "bilinear", bounds, whole=whole)
        elif change.kind == "middle":
            x = _middle(x, change, 0.0 if bounds is None else bounds[0])
    return x, size


def bordered(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Return images (N, C, H, W) with zeros below and to the right, up to ``size``."""
    return F.pad(x, (0, size[1] - x.shape[3], 0, size[0] - x.shape[2])) if size != tuple(x.shape[2:]) else x


def _middle(x: Tensor, change: Change, black: float) -> Tensor:
    """Take the middle; beyond the edge is black, a pixel more below and to the right where it is odd."""
    down, across = (max(0, wanted - own) for wanted, own in zip(change.size, x.shape[2:], strict=True))
    if down or across:
        x = F.pad(x, (across // 2, (across + 1) // 2, down // 2, (down + 1) // 2), value=black)
    first = [(own - wanted) / 2 for own, wanted in zip(x.shape[2:], change.size, strict=True)]
    top, left = (round(place) if change.rounded else int(place) for place in first)
    return x[:, :, top : top + change.size[0], left : left + change.size[1]]
