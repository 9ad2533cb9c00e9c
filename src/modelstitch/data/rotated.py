"""Images turned by quarter turns, so that every image has two labels: its class, and by how much it was turned."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import torch
from torch import Tensor

from modelstitch.data.label_sets import LabelSet
from modelstitch.data.parts import Data, DataPart
from modelstitch.errors import DataError

_TURNS = 4


def rotated(data: Data, seed: int = 0) -> Data:
    """Turn every image by 0, 90, 180 or 270 degrees, and label it by class and rotation.

    How much an image is turned depends on its pixels and the seed alone, so that it is turned alike in any choice of examples.

    K classes become 4 K: that of class c turned by r quarters is 4 c + r. Coarser label sets: ``class`` (K labels), ``rotation``
    (4) and ``turned`` (2, upright or not). A mirror image of a turned image is turned otherwise, so such networks must not be
    trained on mirrored images.

    Args:
        data: images (N, C, S, S).
        seed: chooses which image is turned by how much.

    Raises:
        DataError: no square images.

    Source: Gidaris et al. 2018 (rotations as labels).

    Example:
        >>> from modelstitch.data.load import load_data
        >>> from modelstitch.specs import DataSpec
        >>> data = rotated(load_data(DataSpec(source="digits")))
        >>> len(data.classes), [(each.name, len(each.classes)) for each in data.label_sets]
        (40, [('class', 10), ('rotation', 4), ('turned', 2), ('parity', 2)])
    """
    shape = tuple(data.train.images.shape[1:])
    if len(shape) != 3 or shape[1] != shape[2]:
        raise DataError(f"data {data.name}: expected square images to turn, got examples of shape {shape}")
    if data.finest is not None:
        raise DataError(
            f"data {data.name}: expected rotations before a coarser label set is chosen, got labels "
            f"{data.finest.by.name!r}"
        )
    n = len(data.classes)
    sets = (
        LabelSet("class", data.classes, tuple(c for c in range(n) for _ in range(_TURNS))),
        LabelSet("rotation", tuple(f"{90 * r} degrees" for r in range(_TURNS)), tuple(range(_TURNS)) * n),
        LabelSet("turned", ("upright", "turned"), (0, 1, 1, 1) * n),
        *(
            replace(each, label_of=tuple(label for label in each.label_of for _ in range(_TURNS)))
            for each in data.label_sets
        ),
    )
    return replace(
        data,
        train=_turned(data.train, seed),
        heldout=_turned(data.heldout, seed),
        classes=tuple(f"{name}, {90 * r} degrees" for name in data.classes for r in range(_TURNS)),
        division=f"{data.division}; each image turned by 0, 90, 180 or 270 degrees, seed {seed}",
        label_sets=sets,
    )


def _turned(split: DataPart, seed: int) -> DataPart:
    turns = torch.tensor([_quarters(image, seed) for image in split.images.cpu()], device=split.labels.device)
    images = split.images.clone()
    for turn in range(1, _TURNS):
        chosen = (turns == turn).to(images.device)
        images[chosen] = images[chosen].rot90(turn, (2, 3))
    return replace(split, images=images, labels=split.labels * _TURNS + turns)


def _quarters(image: Tensor, seed: int) -> int:
    """Return a number of quarter turns that depends on the image and the seed alone, not on which others were chosen."""
    digest = hashlib.blake2b(image.contiguous().view(torch.uint8).numpy().tobytes(), key=str(seed).encode())
    return digest.digest()[0] % _TURNS
