"""Show one batch of images the way a model wants to see it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from modelstitch.errors import SpecError
from modelstitch.specs import View

# Rec. 601, what image libraries use to turn colour into grey.
_LUMA = (0.299, 0.587, 0.114)


def show(images: Tensor, view: View) -> Tensor:
    r"""Return ``images`` at the view's size and channels, as ``(x - mean) / std`` of values in 0-1.

    Args:
        images: (N, C, H, W), uint8 in 0-255 or floating in 0-1; of any shape where the view sets nothing; tokens (N, T) in int64
            stay as they are.
        view: what the model wants; fields that are None change nothing.

    Returns:
        (N, C', H', W') in float32.

    Raises:
        SpecError: data that are no images, channels that cannot be made from those at hand, or mean and std of
            another length.

    Example:
        >>> show(torch.full((1, 1, 2, 2), 255, dtype=torch.uint8), View(channels=3)).shape
        torch.Size([1, 3, 2, 2])
    """
    if images.ndim != 4 and view != View():
        raise SpecError(
            f"cannot show data of shape {tuple(images.shape)} as {view}: expected images (N, C, H, W), or a view "
            "that sets nothing"
        )
    if images.dtype == torch.int64:
        return images
    x = images.float().div_(255) if images.dtype == torch.uint8 else images.float()
    if view.channels is not None and view.channels != x.shape[1]:
        if x.shape[1] == 1:
            x = x.expand(-1, view.channels, -1, -1)
        elif x.shape[1] == 3 and view.channels == 1:
            x = (x * x.new_tensor(_LUMA)[:, None, None]).sum(1, keepdim=True)
        else:
            raise SpecError(
                f"cannot show images of {x.shape[1]} channels as {view.channels}: expected 1 -> any or 3 -> 1"
            )
    if view.size is not None and view.size != tuple(x.shape[2:]):
        x = _resize(x, view.size)
    if view.mean is not None and view.std is not None:
        if len(view.mean) not in (1, x.shape[1]):
            raise SpecError(
                f"expected 1 or {x.shape[1]} values of mean and std for images of {x.shape[1]} channels, "
                f"got {len(view.mean)}"
            )
        mean, std = x.new_tensor(view.mean), x.new_tensor(view.std)
        x = (x - mean[:, None, None]) / std[:, None, None]
    return x


def in_precision(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Return what a model is shown in ``dtype``; tokens, which are no numbers to calculate with, stay as they are.

    Example:
        >>> in_precision(torch.zeros(1), torch.float64).dtype, in_precision(torch.zeros(1, dtype=torch.int64), torch.float64).dtype
        (torch.float64, torch.int64)
    """
    return x.to(dtype) if x.is_floating_point() else x


def _resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    if size[1] == 1 < size[0]:
        # PyTorch's anti-aliasing repeats the first row in images of one column; in images of one row it does not.
        return _resize(x.mT, size[::-1]).mT
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False, antialias=True)
