"""NumPy archives: ``x`` and ``y``, or ``x_train``, ``y_train``, ``x_test`` and ``y_test``."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from modelstitch.data.from_arrays import data_from
from modelstitch.data.in_memory import as_part, from_parts, from_whole
from modelstitch.data.parts import Data, DataPart
from modelstitch.errors import DataError, first_line
from modelstitch.specs import DataSpec

_CHANNELS = (1, 3, 4)


@dataclass(frozen=True)
class _Arrays:
    """The arrays of one part: inputs ``x``, targets ``y`` (None without any) and further inputs."""

    x: Tensor
    y: np.ndarray | None
    kwargs: dict[str, Tensor] = field(default_factory=dict)


def recognises(source: str) -> bool:
    """Tell whether ``source`` ends in ``.npz``."""
    return Path(source).suffix == ".npz"


def load(spec: DataSpec) -> Data:
    """Load an ``.npz``; nothing pickled inside it is opened.

    ``x`` is (N, C, H, W), (N, H, W, C) with 1, 3 or 4 channels, (N, H, W) for grey images in uint8, (N, C, T)
    for series, (N, D), or tokens (N, T) in whole numbers. ``y`` is (N,) whole numbers from 0 on, and
    ``classes``, if it is there, names them. Further arrays with a value for each example, such as
    ``attention_mask`` (``attention_mask_train`` and ``attention_mask_test``), are further inputs of the
    models that take them. For tasks other than classification see :func:`data_from`.

    Raises:
        DataError: no such file or arrays, or arrays that cannot be used.
    """
    path = Path(spec.source)
    arrays = _read(path)
    where, name = f"data {str(path)!r}", path.stem
    has_parts = _names(spec, "_train") | _names(spec, "_test") <= arrays.keys()
    if not has_parts and not _names(spec, "") <= arrays.keys():
        raise DataError(
            f"{where}: expected arrays x and y, or x_train, y_train, x_test and y_test; got {sorted(arrays)}"
        )
    parts = [_part(arrays, ending, where) for ending in (("_train", "_test") if has_parts else ("",))]
    if spec.task == "classification":
        return _of_classes(parts, arrays.get("classes"), name, spec)
    for ending, part in zip(("_train", "_test") if has_parts else ("",), parts, strict=True):
        _expect_by_example(arrays, ending, len(part.x), where)
    return data_from(
        parts[0].x,
        parts[0].y,
        task=spec.task,
        kwargs=parts[0].kwargs,
        heldout=(parts[1].x, parts[1].y, parts[1].kwargs) if has_parts else None,
        name=name,
        limit=spec.limit,
        heldout_limit=spec.heldout_limit,
        seed=spec.seed,
    )


def _read(path: Path) -> dict[str, np.ndarray]:
    if not path.exists():
        raise DataError(f"no data file {str(path)!r}")
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("one array alone (.npy), expected an archive of several (.npz)")
            return {name: _in_native_order(archive[name]) for name in archive.files}
    except (OSError, ValueError, MemoryError, zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise DataError(f"cannot read {str(path)!r}: {first_line(error)}") from error


def _in_native_order(array: np.ndarray) -> np.ndarray:
    """Return an array in this machine's byte order."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _names(spec: DataSpec, ending: str) -> set[str]:
    """Return the arrays that a part needs; next-token takes its targets from ``x``."""
    return {f"x{ending}"} if spec.task == "next-token" else {f"x{ending}", f"y{ending}"}


def _part(arrays: dict[str, np.ndarray], ending: str, where: str) -> _Arrays:
    x = _features_first(arrays[f"x{ending}"], where)
    own = {name.removesuffix(ending): array for name, array in arrays.items() if name.endswith(ending)}
    kwargs = {
        name: torch.from_numpy(np.ascontiguousarray(array))
        for name, array in own.items()
        if name not in ("x", "y", "classes") and _is_numbers(array) and len(array) == len(x)
    }
    return _Arrays(x, own.get("y"), kwargs)


def _is_numbers(array: np.ndarray) -> bool:
    return array.ndim > 0 and array.dtype.kind in "fiub"


def _expect_by_example(arrays: dict[str, np.ndarray], ending: str, n_examples: int, where: str) -> None:
    """Refuse further numbers that are not given for each example: a task may rely on them."""
    for name, array in arrays.items():
        is_further = name.endswith(ending) and name not in ("x", "y", "classes", f"x{ending}", f"y{ending}")
        if is_further and _is_numbers(array) and len(array) != n_examples:
            raise DataError(
                f"{where}: expected a value of {name} for each of {n_examples} examples, got {len(array)}"
            )


def _of_classes(parts: list[_Arrays], names: np.ndarray | None, name: str, spec: DataSpec) -> Data:
    classes = None if names is None else tuple(map(str, names.tolist()))
    labelled = [_labelled(part, name) for part in parts]
    if len(parts) == 1:
        return from_whole(labelled[0], classes=classes, name=name, spec=spec)
    return from_parts(labelled[0], labelled[1], classes, name, "x_train and x_test as given", spec)


def _labelled(part: _Arrays, name: str) -> DataPart:
    assert part.y is not None
    return replace(as_part((part.x, part.y.reshape(-1)), name), kwargs=part.kwargs)


def _features_first(x: np.ndarray, where: str) -> Tensor:
    if x.dtype.kind not in "fui":
        raise DataError(f"{where}: expected x as an array of numbers, got {x.dtype}")
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        wrong = np.flatnonzero(~np.isfinite(x).all(tuple(range(1, x.ndim))))
        raise DataError(
            f"{where}: {len(wrong)} examples of x hold NaN or infinity, the first is number {wrong[0]} of "
            "the array; expected finite values"
        )
    if x.dtype.kind in "ui" and x.dtype != np.uint8:
        if x.ndim != 2:
            raise DataError(
                f"{where}: expected x in uint8 (0-255) or floating, or tokens (N, T) in whole numbers, got "
                f"{x.dtype} of shape {x.shape}"
            )
        return torch.from_numpy(x.astype(np.int64))
    if x.ndim == 4 and x.shape[-1] in _CHANNELS and x.shape[1] not in _CHANNELS:
        x = np.moveaxis(x, -1, 1)
    if x.ndim == 3 and x.dtype == np.uint8:
        x = x[:, None]
    return torch.from_numpy(np.ascontiguousarray(x))
