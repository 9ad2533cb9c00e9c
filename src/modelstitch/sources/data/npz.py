"""NumPy archives: ``x`` and ``y``, or ``x_train``, ``y_train``, ``x_test`` and ``y_test``."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from modelstitch.errors import DataError
from modelstitch.sources.data.labelled import Data
from modelstitch.sources.data.tensors import as_split, from_arrays, from_parts
from modelstitch.specs import DataSpec

_CHANNELS = (1, 3, 4)


def load(path: Path, spec: DataSpec) -> Data:
    """Load an ``.npz``; nothing pickled inside it is opened.

    ``x`` is (N, C, H, W), (N, H, W, C) with 1, 3 or 4 channels, (N, H, W) for grey images in uint8, (N, C, T) for series, or
    (N, D); ``y`` is (N,) whole numbers from 0 on. ``classes``, where it is there, holds their names.

    Raises:
        DataError: no such arrays, or arrays that cannot be used.
    """
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("one array alone (.npy), expected an archive of several (.npz)")
            arrays = {name: _native(archive[name]) for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, zlib.error) as error:
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"cannot read {str(path)!r}: {first_line}") from error
    classes = tuple(map(str, arrays["classes"].tolist())) if "classes" in arrays else None
    name = path.stem
    if {"x_train", "y_train", "x_test", "y_test"} <= arrays.keys():
        train, heldout = (
            as_split((_features_first(arrays[f"x_{part}"]), arrays[f"y_{part}"].reshape(-1)), name)
            for part in ("train", "test")
        )
        return from_parts(train, heldout, classes, name, "x_train and x_test as given", spec)
    if not {"x", "y"} <= arrays.keys():
        raise DataError(
            f"data {str(path)!r}: expected arrays x and y, or x_train, y_train, x_test and y_test; got {sorted(arrays)}"
        )
    whole = as_split((_features_first(arrays["x"]), arrays["y"].reshape(-1)), name)
    return from_arrays(whole.images, whole.labels, classes=classes, name=name, spec=spec)


def _native(array: np.ndarray) -> np.ndarray:
    """Return an array in this machine's order of bytes."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _features_first(x: np.ndarray) -> Tensor:
    if x.dtype.kind not in "fui":
        raise DataError(f"expected x as an array of numbers, got {x.dtype}")
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        wrong = np.flatnonzero(~np.isfinite(x).all(tuple(range(1, x.ndim))))
        raise DataError(
            f"{len(wrong)} examples of x hold NaN or infinity, the first is number {wrong[0]} of the array; expected finite values"
        )
    if x.dtype.kind in "ui" and x.dtype != np.uint8:
        raise DataError(f"expected x in uint8 (0-255) or floating, got {x.dtype}")
    if x.ndim == 4 and x.shape[-1] in _CHANNELS and x.shape[1] not in _CHANNELS:
        x = np.moveaxis(x, -1, 1)
    if x.ndim == 3 and x.dtype == np.uint8:
        x = x[:, None]
    return torch.from_numpy(np.ascontiguousarray(x))
