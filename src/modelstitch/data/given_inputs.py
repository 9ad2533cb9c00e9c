"""Inputs that a Dataset gives one by one: pictures, arrays or tensors."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Subset

from modelstitch.data.images import UNREADABLE, Stacked, decode, reason, stack
from modelstitch.errors import DataError

_CHANNELS = ((1, 3), (1, 3, 4))
"""Lengths of an axis of channels; one of the first row is taken before one of the second."""


def in_single(x: Tensor) -> Tensor:
    """Return inputs in float64, which is NumPy's own type, in float32; all others as they are.

    Example:
        >>> in_single(torch.zeros(1, dtype=torch.float64)).dtype, in_single(torch.zeros(1).byte()).dtype
        (torch.float32, torch.uint8)
    """
    return x.float() if x.dtype == torch.float64 else x


def stack_given(
    values: Sequence[Any], where: str, crop: int | None = None, channels: int | None = None
) -> Stacked:
    """Stack the inputs of examples, (N, ...).

    Pictures (of Pillow, or encoded as bytes, a path, or a dictionary of both as the package datasets has it)
    go through the one decoder; arrays and tensors are the numbers that they are. A tensor is (C, H, W)
    already; an array of three axes may be (H, W, C) too, one of two axes is grey.

    Args:
        values: one an example, at least one.
        where: the data they belong to, for errors.
        crop, channels: of pictures, see :func:`modelstitch.data.images.decode`.

    Raises:
        DataError: a picture that cannot be decoded (it is named), arrays of different shapes or types, or
            whose axis of channels is not clear, values of different kinds, or a crop of what is no picture.

    Example:
        >>> stack_given([Image.new("P", (4, 2))] * 3, "data D").x.shape
        torch.Size([3, 3, 2, 4])
        >>> stack_given([np.zeros((2, 4, 3))] * 3, "data D").x.shape
        torch.Size([3, 3, 2, 4])
    """
    pictures = [is_picture(value) for value in values]
    if all(pictures):
        decoded = [
            _decoded(value, f"example {row} of {where}", crop, channels, len(values))
            for row, value in enumerate(values)
        ]
        return stack(decoded, [f"example {row}" for row in range(len(values))], where)
    if any(pictures):
        rows = pictures.index(True), pictures.index(False)
        raise DataError(
            f"{where}: expected inputs of one kind, got a picture as example {rows[0]} and "
            f"{type(values[rows[1]]).__name__} as example {rows[1]}"
        )
    _expect_no_options(values[0], where, crop, channels)
    arrays = _stacked(
        [tensor_of(value, "images", where) for value in values], isinstance(values[0], Tensor), where
    )
    return Stacked(arrays, Counter())


def inputs_of(given: Any, where: str, crop: int | None = None, channels: int | None = None) -> Stacked:
    """Return inputs that come all at once: a list of pictures, or an array or a tensor (N, ...).

    Args: as for :func:`stack_given`.

    Raises:
        DataError: pictures that cannot be decoded, no array of numbers, or a crop of what is no picture.

    Example:
        >>> inputs_of([Image.new("P", (4, 2))] * 3, "data D").x.shape
        torch.Size([3, 3, 2, 4])
    """
    is_list = isinstance(given, list | tuple) or (isinstance(given, np.ndarray) and given.dtype.kind == "O")
    if is_list and len(given) and is_picture(given[0]):
        return stack_given(list(given), where, crop, channels)
    _expect_no_options(given, where, crop, channels)
    return Stacked(tensor_of(given, "images", where), Counter())


def _expect_no_options(given: Any, where: str, crop: int | None, channels: int | None) -> None:
    if crop is not None or channels is not None:
        raise DataError(
            f"{where}: expected a crop or a number of channels (--crop, --data-channels) with pictures "
            f"alone, got {type(given).__name__}"
        )


def giving_files(dataset: Any) -> Any | None:
    """Return a folder of torchvision, or a subset of one, that gives its files where it would decode them.

    torchvision's own loader drops what is transparent, cuts off 16 bits at 255, and makes all pictures RGB.

    Returns:
        None for any other Dataset, and for one with a transform, which takes what that loader gives.

    Example:
        >>> giving_files([0, 1]) is None
        True
    """
    if isinstance(dataset, Subset):
        whole = giving_files(dataset.dataset)
        return None if whole is None else Subset(whole, dataset.indices)
    loader = getattr(dataset, "loader", None)
    is_theirs = getattr(loader, "__module__", None) == "torchvision.datasets.folder"
    if not is_theirs or getattr(dataset, "transform", None) is not None:
        return None
    files = copy.copy(dataset)
    files.loader = Path
    return files


def is_picture(value: Any) -> bool:
    """Tell whether a value is a picture of Pillow or an encoded one.

    Example:
        >>> is_picture({"bytes": b"...", "path": None}), is_picture("a text"), is_picture(np.zeros((2, 2)))
        (True, False, False)
    """
    if isinstance(value, Mapping):
        return bool(value) and set(value) <= {"bytes", "path"}
    return isinstance(value, Image.Image | bytes | Path)


def _decoded(value: Any, name: str, crop: int | None, channels: int | None, n_images: int) -> Image.Image:
    try:
        if isinstance(value, Mapping):
            content, path = value.get("bytes"), value.get("path")
            if not content and not path:
                raise ValueError("neither bytes nor a path")
            value = content or Path(str(path))
        return decode(value, crop, channels, n_images)
    except UNREADABLE as error:
        raise DataError(f"cannot decode the image in {name}: {reason(error)}") from error


def tensor_of(given: Any, what: str, where: str) -> Tensor:
    """Return a tensor, an array or a list as a tensor.

    Args:
        given: numbers.
        what, where: what they are and whose, for the error.

    Raises:
        DataError: they are no array of numbers.

    Example:
        >>> tensor_of([[1, 2]], "labels", "data D").shape
        torch.Size([1, 2])
    """
    if isinstance(given, Tensor):
        return given.detach()
    try:
        # Copied only where torch cannot take the array as it is: read-only, or in the other byte order.
        return torch.from_numpy(np.require(given, requirements=["C", "W"]))
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{where}: expected {what} as an array of numbers: {error}") from error


def _stacked(arrays: list[Tensor], are_tensors: bool, where: str) -> Tensor:
    shapes = sorted({tuple(array.shape) for array in arrays})
    if len(shapes) > 1:
        raise DataError(f"{where}: expected images of one shape, got {shapes[:3]}")
    types = sorted({str(array.dtype) for array in arrays if not array.is_floating_point()})
    if types and (len(types) > 1 or any(array.is_floating_point() for array in arrays)):
        types += ["floating values"] * any(array.is_floating_point() for array in arrays)
        raise DataError(f"{where}: expected images of one type, got {' and '.join(types)}")
    x = torch.stack(arrays)
    if are_tensors or x.ndim not in (3, 4):
        return x
    if x.ndim == 3:
        return x.unsqueeze(1)
    return x.movedim(-1, 1) if _channels_last(shapes[0], where) else x


def _channels_last(shape: tuple[int, ...], where: str) -> bool:
    """Tell whether arrays of a shape are (H, W, C) and not (C, H, W).

    Raises:
        DataError: they could be both, or neither.

    Example:
        >>> _channels_last((32, 32, 3), "data D"), _channels_last((1, 28, 28), "data D")
        (True, False)
    """
    for lengths in _CHANNELS:
        first, last = shape[0] in lengths, shape[-1] in lengths
        if first != last:
            return last
        if first:
            break
    raise DataError(
        f"{where}: cannot tell where arrays of shape {shape} have their channels: expected (H, W, C) or "
        "(C, H, W) with 1, 3 or 4 channels; give tensors (C, H, W), which are taken as they are"
    )
