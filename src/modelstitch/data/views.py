"""Bring a batch to the size, channels, rate and normalisation that a model takes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from modelstitch.data.framing import bordered, framed
from modelstitch.data.ranges import range_of
from modelstitch.errors import SpecError
from modelstitch.specs import View

# Rec. 601, what image libraries use to turn colour into grey.
_LUMA = (0.299, 0.587, 0.114)

_LEVELS = 255.0
"""Highest level of bytes."""

_OF_TEXTS = {"tokenizer", "length", "most_tokens"}
"""Fields of a view that say nothing of pictures and sounds."""

_EPSILON = 1e-7
"""What transformers adds to the variance of a sound."""


def show(images: Tensor, view: View, rate: int | None = None, samples: Tensor | None = None) -> Tensor:
    r"""Return ``images`` at the view's size and channels, as ``(x - mean) / std`` of values in its range.

    Bytes are brought to the range, by default 0 to 1; that floating values lie in it,
    :func:`modelstitch.data.ranges.expect_in_range` checks once for all examples. Sounds go through
    :func:`play`.

    Args:
        images: (N, C, H, W), uint8 in 0-255 or floating; of any shape if the view sets nothing; tokens (N, T)
            in int64 stay as they are.
        view: of the model; fields that are None change nothing.
        rate: samples a second, if the examples are sounds (N, C, L).
        samples: (N,), of each sound before silence was added to it; by default all are full.

    Returns:
        (N, C', H', W') in float32.

    Raises:
        SpecError: data that are not images, whole numbers that are not bytes, channels that cannot be
            converted, mean and std of another length, or a view that does not hold all that the model's own
            processor does.

    Example:
        >>> show(torch.full((1, 1, 2, 2), 255, dtype=torch.uint8), View(channels=3)).shape
        torch.Size([1, 3, 2, 2])
    """
    if rate is not None:
        return play(images, view, rate, samples)
    is_picture = images.ndim == 4
    if is_picture:
        _expect_read(view, "images")
    says_anything = any(
        value is not None for name, value in vars(view).items() if name not in {*_OF_TEXTS, "unread"}
    )
    if (not is_picture and says_anything) or view.rate is not None or view.flat:
        raise SpecError(
            f"cannot show data of shape {tuple(images.shape)} as a view with {_said(view)}: "
            "expected images (N, C, H, W), or a view that sets nothing"
        )
    if images.dtype == torch.int64 and images.ndim == 2:
        return images
    _expect_bytes_or_floating(images)
    is_bytes = images.dtype == torch.uint8
    x = images.float()
    if view.channels is not None and view.channels != x.shape[1]:
        if x.shape[1] == 1:
            x = x.expand(-1, view.channels, -1, -1)
        elif x.shape[1] == 3 and view.channels == 1:
            x = (x * x.new_tensor(_LUMA)[:, None, None]).sum(1, keepdim=True)
        else:
            raise SpecError(
                f"cannot show images of {x.shape[1]} channels as {view.channels}: expected 1 -> any or 3 -> 1"
                f"{_channels_hint(x)}"
            )
    if not is_picture:
        return _from_levels(x, view) if is_bytes else x
    # Scaled as levels, which Pillow and every image processor keep whole.
    x, size = framed(x, view, (0.0, _LEVELS) if is_bytes else range_of(view), whole=is_bytes)
    if is_bytes:
        x = _from_levels(x, view)
    if view.mean is not None and view.std is not None:
        if len(view.mean) not in (1, x.shape[1]):
            wanted = "1 value" if x.shape[1] == 1 else f"1 or {x.shape[1]} values"
            colour = f", or channels={len(view.mean)} (--channels) to show grey as colour"
            raise SpecError(
                f"expected {wanted} of mean and std for images of {x.shape[1]} channels, got {len(view.mean)}"
                f"{colour if x.shape[1] == 1 else ''}{_channels_hint(x)}"
            )
        mean, std = x.new_tensor(view.mean), x.new_tensor(view.std)
        x = (x - mean[:, None, None]) / std[:, None, None]
    return bordered(x.flip(1) if view.bgr else x, size)


def _channels_hint(x: Tensor) -> str:
    looks_last = x.shape[-1] in (1, 3, 4) and x.shape[1] not in (1, 3, 4)
    return "; they look like (N, H, W, C), give (N, C, H, W)" if looks_last else ""


def _expect_read(view: View, what: str) -> None:
    if view.unread is not None:
        way_out = (
            "say all of it yourself, with size, mean and std (--size, --mean, --std)"
            if what == "images"
            else "give what the processor makes of the sounds as data (.npz)"
        )
        raise SpecError(
            f"cannot show {what} to this model as its own processor would: {view.unread} is not known here; "
            f"{way_out}"
        )


def _expect_bytes_or_floating(images: Tensor) -> None:
    if images.dtype != torch.uint8 and not images.is_floating_point():
        raise SpecError(
            f"cannot show images in {images.dtype} of shape {tuple(images.shape)}: expected bytes in uint8, "
            "or floating values"
        )


def _from_levels(x: Tensor, view: View) -> Tensor:
    """Return levels of bytes as values in the view's range."""
    low, high = view.range or (0.0, 1.0)
    x = x / (_LEVELS / (high - low))
    return x if low == 0 else x.add_(low)


def play(sounds: Tensor, view: View, rate: int, samples: Tensor | None = None) -> Tensor:
    """Return sounds at the view's rate, as ``(x - mean) / std``.

    Args:
        sounds: (N, C, L) from -1 to 1.
        view: of the model: ``rate``, one channel, mean and std, and whether it takes (N, L).
        rate: of the sounds, in samples a second.
        samples: (N,), of each sound before silence was added to it; by default all are full.

    Returns:
        (N, C', L') in float32, or (N, L').

    Raises:
        SpecError: samples that are not floating, a size, channels that cannot be converted, or a view that
            does not hold all that the model's own processor does.

    Example:
        >>> play(torch.zeros(2, 1, 800), View(rate=4000, flat=True), 8000).shape
        torch.Size([2, 400])
    """
    _expect_read(view, "sounds")
    if view.size is not None or view.framing is not None or view.channels not in (None, 1, sounds.shape[1]):
        raise SpecError(
            f"cannot play sounds of {sounds.shape[1]} channels as a view with {_said(view)}: "
            "expected a rate, one channel, or a view that sets neither"
        )
    if not sounds.is_floating_point():
        raise SpecError(f"cannot play sounds in {sounds.dtype}: expected floating values from -1 to 1")
    x = sounds.float()
    if view.channels == 1 or view.flat:
        x = x.mean(1, keepdim=True)
    if view.rate is not None:
        x = resampled(x, rate, view.rate)
    if view.standardised:
        x = _standardised(x, ends(sounds, view, rate, samples) if view.masked else None)
    if view.mean is not None and view.std is not None:
        mean, std = x.new_tensor(view.mean), x.new_tensor(view.std)
        x = (x - mean[:, None]) / std[:, None]
    return x[:, 0] if view.flat else x


def ends(sounds: Tensor, view: View, rate: int, samples: Tensor | None = None) -> Tensor:
    """Return where a model's sounds are sound and not added silence, (N, L) in int64, 1 at sound.

    Args: as for :func:`play`.

    Example:
        >>> ends(torch.zeros(2, 1, 8), View(rate=4000), 8000, torch.tensor([8, 3])).tolist()
        [[1, 1, 1, 1], [1, 1, 0, 0]]
    """
    shared = math.gcd(rate, view.rate or rate)
    up, down = (view.rate or rate) // shared, rate // shared
    length = -(-sounds.shape[-1] * up // down)
    # A length by len() would be a fixed number in an exported graph.
    full = torch.full((sounds.shape[0],), sounds.shape[-1], device=sounds.device)
    own = full if samples is None else samples.to(sounds.device).clamp(1, sounds.shape[-1])
    last = -(-own * up // down)
    return (torch.arange(length, device=sounds.device)[None] < last[:, None]).long()


def _standardised(x: Tensor, mask: Tensor | None) -> Tensor:
    """Return sounds (N, C, L) with mean 0 and variance 1 over what is sound; added silence is 0."""
    if mask is None:
        return (x - x.mean(-1, keepdim=True)) / (x.var(-1, correction=0, keepdim=True) + _EPSILON).sqrt()
    here = mask[:, None].to(x.dtype)
    n = here.sum(-1, keepdim=True)
    centred = x - (x * here).sum(-1, keepdim=True) / n
    variance = (centred.square() * here).sum(-1, keepdim=True) / n
    return centred / (variance + _EPSILON).sqrt() * here


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


def _said(view: View) -> str:
    """Return what a view sets, for errors."""
    return ", ".join(f"{name} {value}" for name, value in vars(view).items() if value is not None)
