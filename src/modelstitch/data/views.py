"""Bring a batch to the size, channels, rate and normalisation that a model takes."""

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
    r"""Return ``images`` at the view's size and channels, as ``(x - mean) / std`` of values in its range.

    Bytes are brought to the range, by default 0 to 1; that floating values lie in it,
    :func:`modelstitch.data.ranges.expect_in_range` checks once for all examples. Sounds go through
    :func:`play`.

    Args:
        images: (N, C, H, W), uint8 in 0-255 or floating; of any shape if the view sets nothing; tokens (N, T)
            in int64 stay as they are.
        view: of the model; fields that are None change nothing.
        rate: samples a second, if the examples are sounds (N, C, L).

    Returns:
        (N, C', H', W') in float32.

    Raises:
        SpecError: data that are not images, whole numbers that are not bytes, channels that cannot be
            converted, or mean and std of another length.

    Example:
        >>> show(torch.full((1, 1, 2, 2), 255, dtype=torch.uint8), View(channels=3)).shape
        torch.Size([1, 3, 2, 2])
    """
    if rate is not None:
        return play(images, view, rate)
    if (images.ndim != 4 and view != View()) or view.rate is not None or view.flat:
        raise SpecError(
            f"cannot show data of shape {tuple(images.shape)} as {view}: expected images (N, C, H, W), or a "
            "view that sets nothing"
        )
    if images.dtype == torch.int64 and images.ndim == 2:
        return images
    _expect_bytes_or_floating(images)
    x = _from_bytes(images, view) if images.dtype == torch.uint8 else images.float()
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
            wanted = "1 value" if x.shape[1] == 1 else f"1 or {x.shape[1]} values"
            colour = f", or channels={len(view.mean)} (--channels) to show grey as colour"
            raise SpecError(
                f"expected {wanted} of mean and std for images of {x.shape[1]} channels, got {len(view.mean)}"
                f"{colour if x.shape[1] == 1 else ''}"
            )
        mean, std = x.new_tensor(view.mean), x.new_tensor(view.std)
        x = (x - mean[:, None, None]) / std[:, None, None]
    return x


def _expect_bytes_or_floating(images: Tensor) -> None:
    if images.dtype != torch.uint8 and not images.is_floating_point():
        raise SpecError(
            f"cannot show images in {images.dtype} of shape {tuple(images.shape)}: expected bytes in uint8, "
            "or floating values"
        )


def _from_bytes(images: Tensor, view: View) -> Tensor:
    """Return bytes as floating values in the view's range."""
    low, high = view.range or (0.0, 1.0)
    x = images.float().div_(255 / (high - low))
    return x if low == 0 else x.add_(low)


def play(sounds: Tensor, view: View, rate: int) -> Tensor:
    """Return sounds at the view's rate, as ``(x - mean) / std``.

    Args:
        sounds: (N, C, L) from -1 to 1.
        view: of the model: ``rate``, one channel, mean and std, and whether it takes (N, L).
        rate: of the sounds, in samples a second.

    Returns:
        (N, C', L') in float32, or (N, L').

    Raises:
        SpecError: samples that are not floating, a size, or channels that cannot be converted.

    Example:
        >>> play(torch.zeros(2, 1, 800), View(rate=4000, flat=True), 8000).shape
        torch.Size([2, 400])
    """
    if view.size is not None or view.channels not in (None, 1, sounds.shape[1]):
        raise SpecError(
            f"cannot play sounds of {sounds.shape[1]} channels as {view}: expected a rate, one channel, or a "
            "view that sets neither"
        )
    if not sounds.is_floating_point():
        raise SpecError(f"cannot play sounds in {sounds.dtype}: expected floating values from -1 to 1")
    x = sounds.float()
    if view.channels == 1 or view.flat:
        x = x.mean(1, keepdim=True)
    if view.rate is not None:
        x = resampled(x, rate, view.rate)
    if view.mean is not None and view.std is not None:
        mean, std = x.new_tensor(view.mean), x.new_tensor(view.std)
        x = (x - mean[:, None]) / std[:, None]
    return x[:, 0] if view.flat else x


def resampled(x: Tensor, rate: int, new_rate: int) -> Tensor:
    """Resample ``x`` (..., L) from ``rate`` to ``new_rate`` samples a second (polyphase filter, on the CPU).

    Example:
        >>> resampled(torch.zeros(3, 441), 44100, 16000).shape
        torch.Size([3, 160])
    """
    if rate == new_rate:
        return x
    from scipy.signal import resample_poly

    shared = math.gcd(rate, new_rate)
    y = resample_poly(x.cpu().numpy(), new_rate // shared, rate // shared, axis=-1)
    return torch.from_numpy(y).float().to(x.device)


def in_precision(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Return floating inputs in ``dtype``; tokens stay as they are.

    Example:
        >>> in_precision(torch.zeros(1), torch.float64).dtype
        torch.float64
        >>> in_precision(torch.zeros(1, dtype=torch.int64), torch.float64).dtype
        torch.int64
    """
    return x.to(dtype) if x.is_floating_point() else x


def _resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    if size[1] == 1 < size[0]:
        # PyTorch's anti-aliasing repeats the first row of images of one column; images of one row are right.
        return _resize(x.mT, size[::-1]).mT
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False, antialias=True)
