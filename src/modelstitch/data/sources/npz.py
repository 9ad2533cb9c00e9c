"""NumPy archives: ``x`` and ``y``, or ``x_train``, ``y_train``, ``x_test`` and ``y_test``."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from modelstitch.data.from_arrays import data_from
from modelstitch.data.in_memory import as_split, from_arrays, from_parts
from modelstitch.data.parts import Data, DataPart
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec

_CHANNELS = (1, 3, 4)


def load(path: Path, spec: DataSpec) -> Data:
    """Load an ``.npz``; nothing pickled inside it is opened.

    ``x`` is (N, C, H, W), (N, H, W, C) with 1, 3 or 4 channels, (N, H, W) for grey images in uint8, (N, C, T) for series, or
    (N, D), or tokens (N, T) in whole numbers; ``y`` is (N,) whole numbers from 0 on. ``classes``, where it is there, holds their names. Further arrays
    with a value for each example, such as ``attention_mask`` (``attention_mask_train`` and ``attention_mask_test``), are further inputs of
    the models that take them. Of other tasks than classification see :func:`data_from`.

    Raises:
        DataError: no such arrays, or arrays that cannot be used.
    """
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("one array alone (.npy), expected an archive of several (.npz)")
            arrays = {name: _native(archive[name]) for name in archive.files}
    except (OSError, ValueError, MemoryError, zipfile.BadZipFile, EOFError, zlib.error) as error:
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"cannot read {str(path)!r}: {first_line}") from error
    classes = tuple(map(str, arrays["classes"].tolist())) if "classes" in arrays else None
    name, where = path.stem, f"data {str(path)!r}"
    wanted = spec.task != "next-token"
    if _named("_train", wanted) <= arrays.keys() and _named("_test", wanted) <= arrays.keys():
        if spec.task != "classification":
            train_x, train_y, more = _whole_part(arrays, "_train", where)
            held = _whole_part(arrays, "_test", where)
            return _of_task(train_x, train_y, more, held, name, spec)
        train, heldout = (_labelled(arrays, f"_{part}", name, where) for part in ("train", "test"))
        return from_parts(train, heldout, classes, name, "x_train and x_test as given", spec)
    if spec.task != "classification" and _named("", wanted) <= arrays.keys():
        x, y, more = _whole_part(arrays, "", where)
        return _of_task(x, y, more, None, name, spec)
    if not {"x", "y"} <= arrays.keys():
        raise DataError(
            f"data {str(path)!r}: expected arrays x and y, or x_train, y_train, x_test and y_test; got {sorted(arrays)}"
        )
    return from_arrays(_labelled(arrays, "", name, where), classes=classes, name=name, spec=spec)


def _named(end: str, wanted: bool) -> set[str]:
    return {f"x{end}", *([f"y{end}"] if wanted else [])}


def _part(
    arrays: dict[str, np.ndarray], end: str, where: str
) -> tuple[Tensor, np.ndarray | None, dict[str, Tensor]]:
    """Return x, y (None where there is none) and the further inputs of one part."""
    x = _features_first(arrays[f"x{end}"], where)
    own = {name.removesuffix(end): array for name, array in arrays.items() if name.endswith(end)}
    more = {
        name: torch.from_numpy(np.ascontiguousarray(array))
        for name, array in own.items()
        if name not in ("x", "y", "classes")
        and array.ndim
        and len(array) == len(x)
        and array.dtype.kind in "fiub"
    }
    return x, own.get("y"), more


def _whole_part(
    arrays: dict[str, np.ndarray], end: str, where: str
) -> tuple[Tensor, np.ndarray | None, dict[str, Tensor]]:
    """Return a part as :func:`_part` does, and refuse numbers that are not given for each example: a task may count on them."""
    x, y, more = _part(arrays, end, where)
    for name, array in arrays.items():
        own = name.endswith(end) and name not in ("x", "y", "classes", f"x{end}", f"y{end}")
        if own and array.ndim and array.dtype.kind in "fiub" and len(array) != len(x):
            raise DataError(
                f"{where}: expected a value of {name} for each of {len(x)} examples, got {len(array)}"
            )
    return x, y, more


def _labelled(arrays: dict[str, np.ndarray], end: str, name: str, where: str) -> DataPart:
    x, y, more = _part(arrays, end, where)
    assert y is not None
    return replace(as_split((x, y.reshape(-1)), name), more=more)


def _of_task(
    x: Tensor,
    y: np.ndarray | None,
    more: dict[str, Tensor],
    heldout: tuple[Tensor, np.ndarray | None, dict[str, Tensor]] | None,
    name: str,
    spec: DataSpec,
) -> Data:
    return data_from(
        x,
        y,
        task=spec.task,
        more=more,
        heldout=heldout,
        name=name,
        limit=spec.limit,
        heldout_limit=spec.heldout_limit,
        seed=spec.seed,
    )


def _native(array: np.ndarray) -> np.ndarray:
    """Return an array in this machine's order of bytes."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _features_first(x: np.ndarray, where: str) -> Tensor:
    if x.dtype.kind not in "fui":
        raise DataError(f"{where}: expected x as an array of numbers, got {x.dtype}")
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        wrong = np.flatnonzero(~np.isfinite(x).all(tuple(range(1, x.ndim))))
        raise DataError(
            f"{where}: {len(wrong)} examples of x hold NaN or infinity, the first is number {wrong[0]} of the array; expected finite values"
        )
    if x.dtype.kind in "ui" and x.dtype != np.uint8:
        if x.ndim != 2:
            raise DataError(
                f"{where}: expected x in uint8 (0-255) or floating, or tokens (N, T) in whole numbers, got {x.dtype} of shape {x.shape}"
            )
        return torch.from_numpy(x.astype(np.int64))
    if x.ndim == 4 and x.shape[-1] in _CHANNELS and x.shape[1] not in _CHANNELS:
        x = np.moveaxis(x, -1, 1)
    if x.ndim == 3 and x.dtype == np.uint8:
        x = x[:, None]
    return torch.from_numpy(np.ascontiguousarray(x))
