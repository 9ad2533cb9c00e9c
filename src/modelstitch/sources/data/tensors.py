"""Data that the caller holds already: tensors, or any map-style Dataset."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from modelstitch.errors import DataError
from modelstitch.sources.data.labelled import Data, Split
from modelstitch.sources.data.splitting import choose, divide
from modelstitch.specs import DataSpec

HELDOUT_SHARE = 1 / 3


def from_arrays(
    images: Tensor, labels: Tensor, *, classes: tuple[str, ...] | None, name: str, spec: DataSpec
) -> Data:
    """Divide one set of examples into a training part and a held-out third, stratified and seeded."""
    if len(labels) < 2:
        raise DataError(f"data {name}: expected at least 2 examples, got {len(labels)}")
    fit, heldout = divide(labels, HELDOUT_SHARE, spec.seed)
    division = f"stratified split of one part, a third held out, seed {spec.seed}"
    whole = Split(images, labels)
    return from_parts(whole.take(fit), whole.take(heldout), classes, name, division, spec)


def from_parts(
    train: Split,
    heldout: Split,
    classes: tuple[str, ...] | None,
    name: str,
    division: str,
    spec: DataSpec,
) -> Data:
    """Make checked data of two given parts, after the limits of ``spec``."""
    if classes is None:
        highest = max(int(split.labels.max()) for split in (train, heldout) if len(split))
        classes = tuple(str(label) for label in range(highest + 1))
    return Data(
        train.take(choose(train.labels, spec.limit, spec.seed)),
        heldout.take(choose(heldout.labels, spec.heldout_limit, spec.seed)),
        classes,
        name,
        division,
    )


def as_split(part: Any, name: str) -> Split:
    """Read ``(x, y)`` or a map-style Dataset of ``(image, label)`` pairs.

    Raises:
        DataError: anything else, images of different shapes, or labels that are not whole numbers.
    """
    if isinstance(part, tuple | list) and len(part) == 2:
        images, labels = (torch.as_tensor(np.asarray(each)) for each in part)
    elif isinstance(part, Dataset) and isinstance(part, Sized):
        pairs = [part[index] for index in range(len(part))]
        if not pairs:
            raise DataError(f"data {name}: expected at least one example, got an empty Dataset")
        stacked = [_image(image) for image, *_ in pairs]
        shapes = {tuple(image.shape) for image in stacked}
        if len(shapes) > 1:
            raise DataError(f"data {name}: expected images of one shape, got {sorted(shapes)[:3]}")
        images, labels = torch.stack(stacked), torch.as_tensor([int(pair[1]) for pair in pairs])
    else:
        raise DataError(
            f"data {name}: expected (x, y) or a map-style Dataset with a length, got {type(part).__name__}"
        )
    if labels.is_floating_point() or labels.ndim != 1:
        raise DataError(
            f"data {name}: expected labels as whole numbers of shape (N,), "
            f"got {labels.dtype} of shape {tuple(labels.shape)}"
        )
    if images.dtype == torch.float64:
        images = images.float()
    return Split(images, labels.long())


def _image(image: Any) -> Tensor:
    if isinstance(image, Tensor):
        return image
    array = np.asarray(image)
    if array.ndim == 2:
        array = array[:, :, None]
    # What Pillow gives is height, width, channels.
    return torch.from_numpy(array.copy()).permute(2, 0, 1)
