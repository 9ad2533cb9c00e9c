"""Images turned by quarter turns: every image has two labels, its class and its rotation."""

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

    The rotation of an image depends on its pixels and the seed alone, not on which other images were chosen.

    K classes become 4 K: class c turned by r quarters has the label 4 c + r. Label sets: ``class`` (K
    labels), ``rotation`` (4) and ``turned`` (2, upright or not). Mirroring changes the rotation of an image:
    do not train such networks on mirrored images.

    Args:
        data: images (N, C, S, S).
        seed: of the rotations.

    Raises:
        DataError: images that are not square, or labels that were coarsened before.

    Source: Gidaris et al. 2018 (rotations as labels).

    Example:
        >>> from modelstitch.data.load import load_data
        >>> from modelstitch.specs import DataSpec
        >>> data = rotated(load_data(DataSpec(source="digits")))
        >>> len(data.classes), [(s.name, len(s.classes)) for s in data.label_sets]
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
            replace(coarser, label_of=tuple(label for label in coarser.label_of for _ in range(_TURNS)))
            for coarser in data.label_sets
        ),
    )
    return replace(
        data,
        train=_turned(data.train, seed),
        heldout=_turned(data.heldout, seed),
        classes=tuple(f"{name}, {90 * r} degrees" for name in data.classes for r in range(_TURNS)),
        division=f"{data.division}; each image turned by 0, 90, 180 or 270 degrees, seed {seed}",
        label_sets=sets,
        numbers=data.numbers and tuple(_TURNS * number + r for number in data.numbers for r in range(_TURNS)),
    )


def _turned(part: DataPart, seed: int) -> DataPart:
    turns = torch.tensor([_quarters(image, seed) for image in part.images.cpu()], device=part.labels.device)
    images = part.images.clone()
    for turn in range(1, _TURNS):
        chosen = (turns == turn).to(images.device)
        images[chosen] = images[chosen].rot90(turn, (2, 3))
    return replace(part, images=images, labels=part.labels * _TURNS + turns)


def _quarters(image: Tensor, seed: int) -> int:
    """Return a number of quarter turns that depends on the image and the seed alone."""
    digest = hashlib.blake2b(image.contiguous().view(torch.uint8).numpy().tobytes(), key=str(seed).encode())
    return digest.digest()[0] % _TURNS
