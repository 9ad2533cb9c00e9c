"""Numbers of two handwritten digits: grey images of 10 x 20 pixels, made from the digits of scikit-learn."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from modelstitch.data.in_memory import from_parts
from modelstitch.data.label_sets import LabelSet
from modelstitch.data.parts import Data, DataPart
from modelstitch.data.sources import digits
from modelstitch.specs import DataSpec

N_TRAIN, N_HELDOUT = 6000, 1500
"""Images of each part."""

SIDE = 10
"""Pixels of one digit's half of an image."""

MOST_DEGREES, MOST_PIXELS = 45.0, 1.5
"""How far a digit is turned and moved, at most."""


def recognises(source: str) -> bool:
    """Tell whether ``source`` is ``numbers``."""
    return source == "numbers"


def load(spec: DataSpec) -> Data:
    """Draw images of the numbers 00 to 99; the label sets are ``tens`` and ``units``.

    Each image shows two scans side by side. Each scan is turned by up to 45 degrees and moved by up to 1.5
    pixels. The scans of held-out images stand in no training image. Everything is drawn with ``spec.seed``.
    """
    scans = digits.load(DataSpec(source="digits", seed=spec.seed))
    parts = [
        _drawn(part, n, torch.Generator().manual_seed(2 * spec.seed + number))
        for number, (part, n) in enumerate(((scans.train, N_TRAIN), (scans.heldout, N_HELDOUT)))
    ]
    names = tuple(f"{number:02d}" for number in range(100))
    division = f"drawn from two parts of the digits, seed {spec.seed}: {scans.division}"
    data = from_parts(parts[0], parts[1], names, "numbers", division, spec)
    return data.with_label_sets(
        [
            LabelSet("tens", scans.classes, tuple(number // 10 for number in range(100))),
            LabelSet("units", scans.classes, tuple(number % 10 for number in range(100))),
        ]
    )


def _drawn(scans: DataPart, n: int, generator: torch.Generator) -> DataPart:
    left, right = (torch.randint(len(scans), (n,), generator=generator) for _ in range(2))
    images = torch.cat([_placed(scans.images[some], generator) for some in (left, right)], 3)
    # Bytes, so that the last bit of a processor's arithmetic makes no other data.
    pixels = (255 * images).round().clamp(0, 255).to(torch.uint8)
    return DataPart(pixels, 10 * scans.labels[left] + scans.labels[right])


def _placed(scans: Tensor, generator: torch.Generator) -> Tensor:
    """Return scans (N, 1, 8, 8), each turned and moved at random, on squares (N, 1, SIDE, SIDE)."""
    n, _, _, side = scans.shape
    angle = math.radians(MOST_DEGREES) * (2 * torch.rand(n, generator=generator) - 1)
    moved = MOST_PIXELS * (2 * torch.rand(n, 2, generator=generator) - 1)
    scale = SIDE / side
    cos, sin = scale * angle.cos(), scale * angle.sin()
    # Coordinates in a scan go from -1 to 1.
    rows = torch.stack([cos, -sin, moved[:, 0] * 2 / side, sin, cos, moved[:, 1] * 2 / side], 1)
    grid = F.affine_grid(rows.view(n, 2, 3), [n, 1, SIDE, SIDE], align_corners=False)
    return F.grid_sample(scans, grid, align_corners=False)
