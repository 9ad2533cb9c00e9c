"""Scores of the stitched network and of the receiver under small changes of the input."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from modelstitch.data.checks import extent
from modelstitch.evidence.material import Definition, Material, Measurement
from modelstitch.geometry.intervals import wilson

NAME = "robustness"


def shift(images: Tensor, pixels: int = 1) -> Tensor:
    """Shift images (N, C, H, W) down and to the right; the first row and column are repeated."""
    height, width = images.shape[2:]
    padded = F.pad(images.float(), (pixels, 0, pixels, 0), mode="replicate")
    return padded[:, :, :height, :width].to(images.dtype)


def add_noise(images: Tensor, share: float) -> Tensor:
    """Add normal noise: ``share`` of the full scale of an image, of the standard deviation of other data."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(images.shape, generator=generator).to(images.device)
    if images.dtype == torch.uint8:
        return (images.float() + 255 * share * noise).round().clamp(0, 255).to(torch.uint8)
    return images + share * _full_scale(images) * noise.to(images.dtype)


def _full_scale(x: Tensor) -> float:
    """Return 1 for images of 0 to 1, the width of others, and the standard deviation of what is no image."""
    if x.ndim != 4:
        return float(x.std(correction=min(1, x.numel() - 1)))
    low, high = extent(x)
    # Resized images overshoot a little.
    return 1.0 if low >= -0.1 and high <= 1.1 else high - low


def replace_tokens(tokens: Tensor, share: float) -> Tensor:
    """Replace a share of tokens (N, T) by those at the same position of other examples, with a fixed seed."""
    generator = torch.Generator().manual_seed(0)
    others = tokens[torch.randperm(len(tokens), generator=generator).to(tokens.device)]
    chosen = torch.rand(tokens.shape, generator=generator).to(tokens.device) < share
    return torch.where(chosen, others, tokens)


def disturb(x: Tensor, share: float) -> Tensor:
    """Add noise of ``share`` of the range to examples, or replace that share of tokens."""
    return replace_tokens(x, share) if x.dtype == torch.int64 else add_noise(x, share)


CHANGES: dict[str, Callable[[Tensor], Tensor]] = {
    "shift_1": lambda images: shift(images, 1),
    "shift_2": lambda images: shift(images, 2),
    "noise_5": lambda images: disturb(images, 0.05),
    "noise_10": lambda images: disturb(images, 0.10),
}
"""A shift by 1 or 2 pixels (images only); noise of 5 % or 10 % (that share of tokens is replaced)."""

DEFINITIONS = {
    name: definition
    for change in ("clean", *CHANGES)
    for name, definition in (
        (f"score_{change}", Definition("score of the stitched network", "0 to 1", "higher", "", least=1)),
        (f"receiver_score_{change}", Definition("score of the whole receiver", "0 to 1", "", "", least=1)),
    )
}


def measure(material: Material) -> list[Measurement]:
    """Measure scores on changed held-out images."""
    measurements = []
    scored = {"clean": (material.outputs, material.receiver_outputs)}
    for change in CHANGES:
        if change.startswith("noise") or material.is_image:
            scored[change] = material.changed(change)
    for change, pair in scored.items():
        for role, outputs in zip(("", "receiver_"), pair, strict=True):
            right = int((outputs.argmax(1) == material.labels).sum())
            low, high = wilson(right, material.n)
            measurements.append(
                Measurement(
                    kind=NAME,
                    name=f"{role}score_{change}",
                    where="output",
                    value=right / material.n,
                    low=low,
                    high=high,
                    n=material.n,
                )
            )
    return measurements
