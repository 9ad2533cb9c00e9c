"""Data that the caller holds: tensors, arrays, or any map-style Dataset."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence, Sized
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from modelstitch.data.absent import present_classes
from modelstitch.data.given_inputs import stack_given, tensor_of
from modelstitch.data.parts import Data, DataPart
from modelstitch.data.splitting import choose, hold_out_third, third_held_out
from modelstitch.data.together import alike, joined, numbered
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec

_IMAGE_KEYS = ("image", "img", "pixel_values", "x")
_LABEL_KEYS = ("label", "labels", "fine_label", "y")


def from_whole(
    whole: DataPart,
    *,
    classes: tuple[str, ...] | None,
    name: str,
    spec: DataSpec,
    groups: Sequence[Hashable] | None = None,
) -> Data:
    """Divide one part into a training part and a held-out third, stratified and seeded.

    Exact copies come into one part, and examples of one of the ``groups``.
    """
    if len(whole) < 2:
        raise DataError(f"data {name}: expected at least 2 examples, got {len(whole)}")
    kept = joined(alike(whole), None if groups is None else numbered(groups))
    train, heldout = (whole.take(rows) for rows in hold_out_third(whole.labels, spec.seed, together=kept))
    return from_parts(train, heldout, classes, name, third_held_out(spec.seed), spec)


def from_parts(
    train: DataPart,
    heldout: DataPart,
    classes: tuple[str, ...] | None,
    name: str,
    division: str,
    spec: DataSpec,
) -> Data:
    """Make checked data from two parts, within the limits of ``spec``; unnamed classes are numbered.

    Classes without a training example are left out, see :func:`present_classes`.
    """
    present = present_classes(
        train.take(choose(train.labels, spec.limit, spec.seed)),
        heldout.take(choose(heldout.labels, spec.heldout_limit, spec.seed)),
        classes,
        name,
    )
    return Data(
        present.train,
        present.heldout,
        present.classes,
        name,
        division,
        numbers=present.numbers,
        unscored=present.unscored,
    )


def as_part(given: Any, name: str) -> DataPart:
    """Read ``(x, y)``, or a map-style Dataset of ``(image, label)`` pairs or of dictionaries with both.

    Raises:
        DataError: anything else, images of different shapes or in another number than labels, or labels that
            are not whole numbers.
    """
    if isinstance(given, tuple | list) and len(given) == 2:
        images, labels = (
            tensor_of(given[0], "images", f"data {name}"),
            tensor_of(given[1], "labels", f"data {name}"),
        )
    elif isinstance(given, Sized) and (isinstance(given, Dataset) or hasattr(given, "column_names")):
        images, labels = _stacked(given, name)
    else:
        raise DataError(
            f"data {name}: expected (x, y) or a map-style Dataset with a length, got {type(given).__name__}"
        )
    if labels.is_floating_point() or labels.ndim != 1:
        raise DataError(
            f"data {name}: expected labels as whole numbers of shape (N,), "
            f"got {labels.dtype} of shape {tuple(labels.shape)}"
        )
    if images.ndim == 0 or len(images) != len(labels):
        raise DataError(
            f"data {name}: expected as many labels as images, got {len(labels)} labels and images of shape "
            f"{tuple(images.shape)}"
        )
    return DataPart(images.float() if images.dtype == torch.float64 else images, labels.long())


def is_array(value: Any) -> bool:
    """Tell whether ``value`` is an array or a tensor."""
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _stacked(dataset: Any, name: str) -> tuple[Tensor, Tensor]:
    """Return the images (N, ...) and the labels of a Dataset."""
    pairs = [_pair(dataset[index], name) for index in range(len(dataset))]
    if not pairs:
        raise DataError(f"data {name}: expected at least one example, got an empty Dataset")
    for index, pair in enumerate(pairs):
        if not isinstance(pair, tuple | list) or len(pair) < 2:
            raise DataError(
                f"data {name}: expected pairs (image, label), got {type(pair).__name__} as example {index}"
            )
    images = stack_given([pair[0] for pair in pairs], f"data {name}")
    numbers = [pair[1].tolist() if isinstance(pair[1], Tensor) else pair[1] for pair in pairs]
    labels = tensor_of(numbers, "labels", f"data {name}")
    # Some sets give each label as an array of one number.
    return images, labels.flatten() if labels.numel() == len(pairs) else labels


def _pair(example: Any, name: str) -> Any:
    """Return the image and the label of an example that is a dictionary; any other as it is."""
    if not isinstance(example, Mapping):
        return example
    keys = [next((key for key in names if key in example), None) for names in (_IMAGE_KEYS, _LABEL_KEYS)]
    if None in keys:
        raise DataError(
            f"data {name}: expected examples with an image and a label, got a dictionary with "
            f"{', '.join(map(str, example))}"
        )
    return tuple(example[key] for key in keys)
