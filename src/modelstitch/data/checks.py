"""Checks of a part and of a whole data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from modelstitch.errors import DataError

if TYPE_CHECKING:
    from modelstitch.data.parts import Data, DataPart

FEW = 10
"""Fewer examples than these may be alike, or fill a small part of a range, by chance."""

_INTEGER_ADVICE = (
    (torch.bool, "give floating values, or 255 times these in uint8"),
    (torch.uint16, "of images of 16 bits give x / 65535 as floating values"),
)
"""What to do with images in types that are not read."""


def check_part(part: DataPart, n_classes: int, where: str) -> None:
    """Raise unless inputs, labels and every further tensor of a part can be used.

    Raises:
        DataError: no examples, or shapes, types, values or labels that cannot be used.
    """
    if len(part) == 0 or len(part.images) != len(part.labels):
        raise DataError(
            f"{where}: expected as many labels as images and at least one, "
            f"got {len(part.images)} images and {len(part.labels)} labels"
        )
    _check_inputs(part, where)
    _check_labels(part, n_classes, where)
    for name, value in part.tensors.items():
        if value.ndim == 0 or len(value) != len(part):
            raise DataError(
                f"{where}: expected {name} of each of {len(part)} examples, got shape {tuple(value.shape)}"
            )
        if value.is_floating_point() and not value.isfinite().all():
            wrong = (~value.isfinite()).reshape(len(value), -1).any(1).nonzero().flatten()
            of = "" if name == "images" else f" in {name}"
            raise DataError(
                f"{where}: {len(wrong)} examples hold NaN or infinity{of}, the first is number "
                f"{int(wrong[0])}; expected finite values"
            )


def _check_inputs(part: DataPart, where: str) -> None:
    images = part.images
    is_tokens = images.dtype == torch.int64 and images.ndim == 2
    if images.ndim < 2 or not (images.is_floating_point() or images.dtype == torch.uint8 or is_tokens):
        advice = dict(_INTEGER_ADVICE).get(images.dtype, "give bytes in uint8, or floating values")
        raise DataError(
            f"{where}: expected images (N, ...) in uint8 (0-255) or floating (0-1), or tokens (N, T) in "
            f"int64; got {images.dtype} of shape {tuple(images.shape)}"
            + ("" if images.is_floating_point() else f": {advice}")
        )
    if is_tokens and int(images.min()) < 0:
        raise DataError(f"{where}: expected tokens from 0 on, got {int(images.min())}")


def _check_labels(part: DataPart, n_classes: int, where: str) -> None:
    labels = part.labels
    if labels.ndim != 1 or labels.dtype != torch.int64:
        raise DataError(
            f"{where}: expected labels (N,) in torch.int64, got {labels.dtype} of shape {tuple(labels.shape)}"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= n_classes:
        raise DataError(
            f"{where}: label {low if low < 0 else high} is outside the {n_classes} classes, expected 0 to "
            f"{n_classes - 1}"
        )


def check_data(data: Data) -> None:
    """Raise unless both parts can be used and fit each other, the classes and the label sets.

    Raises:
        DataError: they do not.
    """
    train, heldout = data.train, data.heldout
    for part, name in ((train, "training"), (heldout, "held-out")):
        check_part(part, len(data.classes), f"data {data.name}, {name} part")
    if len(train) >= FEW and train.images.min() == train.images.max():
        raise DataError(
            f"data {data.name}, training part: all {len(train)} examples hold nothing but the value "
            f"{float(train.images.min()):g}; expected inputs that differ"
        )
    _check_alike(data)
    absent = sorted(set(range(len(data.classes))) - set(train.labels.unique().tolist()))
    if absent:
        names = ", ".join(repr(data.classes[label]) for label in absent[:5])
        raise DataError(
            f"data {data.name}: {len(absent)} of {len(data.classes)} classes have no training example "
            f"({names}); expected at least one of each: give more examples or fewer classes"
        )
    n_classes = len(data.classes if data.finest is None else data.finest.classes)
    for label_set in data.label_sets:
        if len(label_set.label_of) != n_classes:
            raise DataError(
                f"data {data.name}: expected label set {label_set.name!r} to give a label for each of "
                f"{n_classes} classes, got {len(label_set.label_of)}"
            )


def _check_alike(data: Data) -> None:
    """Raise unless the tensors of both parts have the same shape per example."""
    of_train, of_heldout = (
        {name: tuple(value.shape[1:]) for name, value in part.tensors.items()}
        for part in (data.train, data.heldout)
    )
    if of_train["images"] != of_heldout["images"]:
        raise DataError(
            f"data {data.name}: expected examples of one shape, got {of_train['images']} in the training "
            f"part and {of_heldout['images']} in the held-out part"
            f"{_hint(data.train.images, data.heldout.images)}"
        )
    _check_scale(data)
    for name in sorted(of_train.keys() | of_heldout.keys()):
        shapes = of_train.get(name, "nothing"), of_heldout.get(name, "nothing")
        if shapes[0] != shapes[1]:
            raise DataError(
                f"data {data.name}: expected {name} of the same shape in both parts, got {shapes[0]} in the "
                f"training part and {shapes[1]} in the held-out part"
            )


def _hint(train: Tensor, heldout: Tensor) -> str:
    """Return how grey and coloured pictures, or pictures of two sizes, are brought together."""
    if train.dtype != torch.uint8 or train.ndim != 4 or heldout.ndim != 4:
        return ""
    if {train.shape[1], heldout.shape[1]} == {1, 3}:
        return "; one is grey and one coloured: give a number of channels for both (--data-channels 3, or 1)"
    return "; give a size to crop pictures to (--crop)" if train.shape[2:] != heldout.shape[2:] else ""


def _check_scale(data: Data) -> None:
    """Raise where one part has bytes and the other floating values, or floating images of another scale."""
    train, heldout = data.train.images, data.heldout.images
    types = [train.dtype, heldout.dtype]
    if torch.uint8 in types and types[0] != types[1]:
        raise DataError(
            f"data {data.name}: expected both parts in one type, got {types[0]} in the training part and "
            f"{types[1]} in the held-out part: bytes are divided by 255, floating values are read as they are"
        )
    if train.ndim != 4 or not train.is_floating_point() or min(len(train), len(heldout)) < FEW:
        return
    (low, high), (held_low, held_high) = extent(train), extent(heldout)
    width = high - low
    if low - width <= held_low and held_high <= high + width and held_high - held_low >= width / 10:
        return
    raise DataError(
        f"data {data.name}: expected both parts on one scale, got values from {low:g} to {high:g} in the "
        f"training part and from {held_low:g} to {held_high:g} in the held-out part"
    )


def extent(values: Tensor) -> tuple[float, float]:
    """Return the lowest and the highest value.

    Example:
        >>> extent(torch.tensor([[3, 1], [2, 2]]))
        (1.0, 3.0)
    """
    low, high = values.aminmax()
    return float(low), float(high)
