"""Data that the caller holds already: tensors, or any map-style Dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from modelstitch.data.parts import Data, DataPart
from modelstitch.data.splitting import choose, hold_out_third, third_held_out
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec


def from_arrays(whole: DataPart, *, classes: tuple[str, ...] | None, name: str, spec: DataSpec) -> Data:
    """Divide one set of examples into a training part and a held-out third, stratified and seeded."""
    if len(whole) < 2:
        raise DataError(f"data {name}: expected at least 2 examples, got {len(whole)}")
    train, heldout = (whole.take(rows) for rows in hold_out_third(whole.labels, spec.seed))
    return from_parts(train, heldout, classes, name, third_held_out(spec.seed), spec)


def from_parts(
    train: DataPart,
    heldout: DataPart,
    classes: tuple[str, ...] | None,
    name: str,
    division: str,
    spec: DataSpec,
) -> Data:
    """Make checked data of two given parts, after the limits of ``spec``."""
    if classes is None:
        highest = max((int(split.labels.max()) for split in (train, heldout) if len(split)), default=0)
        if highest >= len(train) > 0:
            raise DataError(
                f"data {name}: label {highest} with {len(train)} training examples leaves classes without one; "
                "expected labels from 0 on, each at least once"
            )
        classes = tuple(str(label) for label in range(highest + 1))
    return Data(
        train.take(choose(train.labels, spec.limit, spec.seed)),
        heldout.take(choose(heldout.labels, spec.heldout_limit, spec.seed)),
        classes,
        name,
        division,
    )


def as_split(part: Any, name: str) -> DataPart:
    """Read ``(x, y)``, or a map-style Dataset of ``(image, label)`` pairs or of dictionaries with both, as the package datasets has them.

    Raises:
        DataError: anything else, images of different shapes or in another number than labels, or labels that are not
            whole numbers.
    """
    if isinstance(part, tuple | list) and len(part) == 2:
        images, labels = _tensor(part[0], "images", name), _tensor(part[1], "labels", name)
    elif isinstance(part, Sized) and (isinstance(part, Dataset) or hasattr(part, "column_names")):
        pairs = [_pair(part[index], name) for index in range(len(part))]  # type: ignore[index]
        if not pairs:
            raise DataError(f"data {name}: expected at least one example, got an empty Dataset")
        for index, pair in enumerate(pairs):
            if not isinstance(pair, tuple | list) or len(pair) < 2:
                raise DataError(
                    f"data {name}: expected pairs (image, label), got {type(pair).__name__} as example {index}"
                )
        stacked = [_image(pair[0], name) for pair in pairs]
        shapes = {tuple(image.shape) for image in stacked}
        if len(shapes) > 1:
            raise DataError(f"data {name}: expected images of one shape, got {sorted(shapes)[:3]}")
        numbers = [pair[1].tolist() if isinstance(pair[1], Tensor) else pair[1] for pair in pairs]
        images, labels = torch.stack(stacked), _tensor(numbers, "labels", name)
        if labels.numel() == len(pairs):
            labels = labels.flatten()  # some sets give each label as an array of one
    else:
        raise DataError(
            f"data {name}: expected (x, y) or a map-style Dataset with a length, got {type(part).__name__}"
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
    if images.dtype == torch.float64:
        images = images.float()
    return DataPart(images, labels.long())


def _pair(example: Any, name: str) -> Any:
    """Return the image and the label of an example that is a dictionary; any other as it is."""
    if not isinstance(example, Mapping):
        return example
    found = [
        next((key for key in names if key in example), None)
        for names in (("image", "img", "pixel_values", "x"), ("label", "labels", "fine_label", "y"))
    ]
    if None in found:
        raise DataError(
            f"data {name}: expected examples with an image and a label, got a dictionary with {', '.join(map(str, example))}"
        )
    return tuple(example[key] for key in found)


def _tensor(given: Any, what: str, name: str) -> Tensor:
    if isinstance(given, Tensor):
        return given.detach()
    try:
        # Copied only where torch cannot take the array as it is: read-only, or stored backwards.
        return torch.from_numpy(np.require(given, requirements=["C", "W"]))
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"data {name}: expected {what} as an array of numbers: {error}") from error


def _image(image: Any, name: str) -> Tensor:
    x = _tensor(image, "images", name)
    if isinstance(image, Tensor) or x.ndim not in (2, 3):
        return x
    # What Pillow gives is height, width, channels.
    return x.unsqueeze(0) if x.ndim == 2 else x.permute(2, 0, 1)
