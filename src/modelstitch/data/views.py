"""Show one batch of images the way a model wants to see it."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from modelstitch.errors import SpecError
from modelstitch.specs import View

# Rec. 601, what image libraries use to turn colour into grey.
_LUMA = (0.299, 0.587, 0.114)


def show(images: Tensor, view: View, rate: int | None = None) -> Tensor:
    r"""Return ``images`` at the view's size and channels, as ``(x - mean) / std`` of values in 0-1; sounds see :func:`play`.

    Args:
        images: (N, C, H, W), uint8 in 0-255 or floating in 0-1; of any shape where the view sets nothing; tokens (N, T) in int64
            stay as they are.
        view: what the model wants; fields that are None change nothing.
        rate: samples a second, where the examples are sounds (N, C, L).

    Returns:
        (N, C', H', W') in float32.

    Raises:
        SpecError: data that are no images, channels that cannot be made from those at hand, or mean and std of
            another length.

    Example:
        >>> show(torch.full((1, 1, 2, 2), 255, dtype=torch.uint8), View(channels=3)).shape
        torch.Size([1, 3, 2, 2])
    """
    if rate is not None:
        return play(images, view, rate)
    if (images.ndim != 4 and view != View()) or view.rate is not None or view.flat:
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


def play(sounds: Tensor, view: View, rate: int) -> Tensor:
    """Return sounds at the rate that a model wants, as ``(x - mean) / std``.

    Args:
        sounds: (N, C, L) from -1 to 1.
        view: what the model wants: ``rate``, one channel, mean and std, and whether it takes (N, L).
        rate: of the sounds, in samples a second.

    Returns:
        (N, C', L') in float32, or (N, L').

    Raises:
        SpecError: a size, or channels that cannot be made.

    Example:
        >>> play(torch.zeros(2, 1, 800), View(rate=4000, flat=True), 8000).shape
        torch.Size([2, 400])
    """
    if view.size is not None or view.channels not in (None, 1, sounds.shape[1]):
        raise SpecError(
            f"cannot play sounds of {sounds.shape[1]} channels as {view}: expected a rate, one channel, or a view that sets neither"
        )
    x = sounds.float()
    if view.channels == 1 or view.flat:
        x = x.mean(1, keepdim=True)
    if view.rate is not None:
        x = resampled(x, rate, view.rate)
    if view.mean is not None and view.std is not None:
        mean, std = x.new_tensor(view.mean), x.new_tensor(view.std)
        x = (x - mean[:, None]) / std[:, None]
    return x[:, 0] if view.flat else x


def resampled(x: Tensor, rate: int, wanted: int) -> Tensor:
    """Return ``x`` (..., L), at ``rate`` samples a second, at another rate (polyphase filter, on the CPU).

    Example:
        >>> resampled(torch.zeros(3, 441), 44100, 16000).shape
        torch.Size([3, 160])
    """
    if rate == wanted:
        return x
    from scipy.signal import resample_poly

    shared = math.gcd(rate, wanted)
    found = resample_poly(x.cpu().numpy(), wanted // shared, rate // shared, axis=-1)
    return torch.from_numpy(found).float().to(x.device)


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
