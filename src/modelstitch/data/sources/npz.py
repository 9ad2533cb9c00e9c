"""NumPy archives: ``x`` and ``y``, or ``x_train``, ``y_train``, ``x_test`` and ``y_test``."""

from __future__ import annotations

import itertools
import zipfile
import zlib
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from modelstitch.data.columns import (
    IMAGE_NAMES,
    Column,
    Holds,
    Wish,
    choose_inputs,
    choose_label,
    label_candidates,
)
from modelstitch.data.from_arrays import data_from
from modelstitch.data.given_inputs import in_single
from modelstitch.data.heldout import choose_heldout, division_of
from modelstitch.data.in_memory import as_parts, from_parts, from_whole
from modelstitch.data.labels import are_absent
from modelstitch.data.parts import Data
from modelstitch.data.splitting import HELDOUT_NAMES
from modelstitch.data.together import expect_apart, group_values, numbered_by_part
from modelstitch.errors import DataError, expect_one_of, first_line
from modelstitch.specs import DataSpec
from modelstitch.util.places import neighbours

_CHANNELS = (1, 3, 4)
_WORDS = "x_train and x_{} as given"


@dataclass(frozen=True)
class _Names:
    """Names of the arrays of inputs and of targets, without the part's ending; None without targets."""

    x: str
    y: str | None


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
    for series, (N, D), or tokens (N, T) in whole numbers. ``y`` is (N,) whole numbers from 0 on, or names,
    and ``classes``, if it is there, names the numbers. ``input_column`` and ``label_column`` of the spec say
    other names than ``x`` and ``y``; arrays called image or label are found without them, and so is the only
    array that may be inputs. ``train_images`` is read as ``images_train``. Further arrays with
    a value for each example, such as ``attention_mask`` (``attention_mask_train`` and
    ``attention_mask_test``), are further inputs of the models that take them. For tasks other than
    classification see :func:`data_from`.

    Raises:
        DataError: no such file or arrays, several that could be the labels, or arrays that cannot be used.
    """
    path = Path(spec.source)
    arrays = _read(path)
    where, name = f"data {str(path)!r}", path.stem
    endings, without, names = _chosen(arrays, spec, where)
    # Groups are no further inputs.
    groups = [f"{name}{ending}" for name in (spec.group_column, spec.within_column) for ending in endings]
    further = {name: array for name, array in arrays.items() if name not in groups}
    parts = [_part(further, ending, names, where) for ending in endings]
    division = division_of(None if len(parts) == 1 else endings[1][1:], spec.seed, _WORDS, without)
    together = _groups(arrays, endings, spec.group_column, "group column", parts, where)
    if spec.group_column is not None and together is not None:
        if len(together) > 1:
            expect_apart(together, spec.group_column, name)
        division += f"; each group of {spec.group_column!r} in one part"
    if spec.task == "classification":
        return _of_classes(parts, arrays.get("classes"), name, division, spec, together)
    for ending, part in zip(endings, parts, strict=True):
        _expect_by_example(further, ending, names, len(part.x), where)
    data = data_from(
        parts[0].x,
        parts[0].y,
        task=spec.task,
        kwargs=parts[0].kwargs,
        heldout=(parts[1].x, parts[1].y, parts[1].kwargs) if len(parts) > 1 else None,
        groups=_chained(_groups(arrays, endings, spec.within_column, "within column", parts, where)),
        keep_together=_chained(together),
        name=name,
        limit=spec.limit,
        heldout_limit=spec.heldout_limit,
        seed=spec.seed,
    )
    return replace(data, division=division)


class UnfinishedLabels(NamedTuple):
    """Examples of which some or all have no label.

    Attributes:
        x: (N, ...) inputs.
        y: as it is in the file; None without any.
        labels: y as :func:`modelstitch.data.partly_labelled.names_of` takes it; None without any.
        kwargs: (N, ...) further inputs by name.
        ending: of the arrays.
        groups: of each example; None where no array of groups is asked for.
    """

    x: Tensor
    y: np.ndarray | None
    labels: list[Any] | None
    kwargs: dict[str, Tensor]
    ending: str
    groups: tuple[str, ...] | None


def partly_labelled(spec: DataSpec) -> UnfinishedLabels:
    """Read examples of which some or all have no label; the names of ``classes`` stand for numbers.

    Raises:
        DataError: no such file or arrays, or arrays that cannot be used.
    """
    path = Path(spec.source)
    arrays, where = _read(path), f"data {str(path)!r}"
    asked = spec.input_column[0] if spec.input_column else "x"
    endings = ["", *(f"_{part}" for part in HELDOUT_NAMES)]
    ending = next((ending for ending in endings if f"{asked}{ending}" in arrays), None)
    if ending is None:
        raise DataError(
            f"{where}: expected an array {asked}, or {asked}_test of new examples; got {sorted(arrays)}"
        )
    names = _Names(asked, spec.label_column or "y")
    further = {name: array for name, array in arrays.items() if name != f"{spec.group_column}{ending}"}
    part = _part(further, ending, names, where)
    groups = None
    if spec.group_column is not None:
        (values,) = _groups(arrays, [ending], spec.group_column, "group column", [part], where) or [[]]
        groups = tuple(map(str, values))
    if part.x.ndim < 2:
        raise DataError(f"{where}: expected {asked} as an array (N, ...), got shape {tuple(part.x.shape)}")
    labels: list[Any] | None = None if part.y is None else part.y.tolist()
    classes = arrays.get("classes") if spec.task == "classification" else None
    if labels is not None and classes is not None and part.y is not None and part.y.dtype.kind in "iu":
        known = list(map(str, classes.tolist()))
        wrong = [label for label in labels if not -1 <= label < len(known)]
        if wrong:
            raise DataError(f"{where}: label {wrong[0]} is outside the {len(known)} classes")
        labels = ["" if label == -1 else known[label] for label in labels]
    return UnfinishedLabels(part.x, part.y, labels, part.kwargs, ending, groups)


def _groups(
    arrays: dict[str, np.ndarray],
    endings: list[str],
    name: str | None,
    what: str,
    parts: list[_Arrays],
    where: str,
) -> list[list[Hashable]] | None:
    """Return the values of an array of groups, part by part; None where none is asked for.

    Raises:
        DataError: no such array, or values that are no groups.
    """
    if name is None:
        return None
    values = []
    for ending, part in zip(endings, parts, strict=True):
        expect_one_of(what, f"{name}{ending}", list(arrays), DataError)
        said = f"groups in the array '{name}{ending}' of {where}"
        values.append(group_values(arrays[f"{name}{ending}"], len(part.x), said))
    return values


def _chained(values: list[list[Hashable]] | None) -> list[Hashable] | None:
    return None if values is None else list(itertools.chain(*values))


def _chosen(
    arrays: dict[str, np.ndarray], spec: DataSpec, where: str
) -> tuple[list[str], tuple[str, ...], _Names]:
    """Return the endings of the parts that are read, the parts without targets, and the names of the arrays.

    Raises:
        DataError: no such arrays, or several that could be the labels.
    """
    in_parts = any(name.endswith("_train") for name in arrays) and ("x_train" in arrays or "x" not in arrays)
    ending = "_train" if in_parts else ""
    own = {name.removesuffix(ending): array for name, array in arrays.items() if name.endswith(ending)}
    names = _names(own, spec, where, _listed(arrays))
    if not in_parts:
        return [ending], (), names

    def has_targets(part: str) -> bool:
        y = arrays.get(f"{names.y}_{part}")
        return names.y is None or (y is not None and not (spec.task == "classification" and are_absent(y)))

    present = [part for part in HELDOUT_NAMES if f"{names.x}_{part}" in arrays]
    part, without = choose_heldout(present, has_targets)
    return ([ending] if part is None else [ending, f"_{part}"]), without, names


def _listed(arrays: dict[str, np.ndarray]) -> str:
    """Return the names of all arrays, then each with its type and shape."""
    named = [f"{name} is {array.dtype} of shape {array.shape}" for name, array in sorted(arrays.items())]
    return f"{sorted(arrays)}" + (f" ({', '.join(named)})" if named else "")


def _names(arrays: dict[str, np.ndarray], spec: DataSpec, where: str, given: str) -> _Names:
    """Return which arrays of a part are inputs and targets, by the names without the part's ending.

    Raises:
        DataError: it lacks them, or several could be the labels.
    """
    wish, of_classes = Wish.of(spec), spec.task == "classification"
    beside = ("classes", spec.group_column, spec.within_column)
    columns = [Column(name, _held(array)) for name, array in arrays.items() if name not in beside]
    for what, asked in (("input column", wish.inputs), ("label column", (wish.label,) if wish.label else ())):
        for name in asked:
            expect_one_of(what, name, [column.name for column in columns], DataError)
    if len(wish.inputs) > 1:
        raise DataError(
            f"{where}: expected one input column in a .npz file, which holds no texts, got "
            f"{' and '.join(wish.inputs)}"
        )
    x: str | None = "x" if "x" in arrays else None
    every = [column for column in columns if column.holds == "arrays"]
    named = [column for column in every if column.plain in IMAGE_NAMES]
    dense = named or (every if len(every) == 1 else [])  # the only one that may be inputs
    if wish.inputs or (x is None and dense):
        x = wish.inputs[0] if wish.inputs else choose_inputs(dense, wish, where).columns[0].name
    possible = [column for column in label_candidates(columns) if column.name != x]
    y = wish.label or ("y" if "y" in arrays else None)
    if of_classes and wish.label is None and possible:
        y = choose_label(possible, wish, where).name
    if x is None or (y is None and spec.task != "next-token"):
        raise DataError(
            f"{where}: expected arrays x and y, or x_train, y_train, x_test and y_test; got {given}; other "
            "names: --input-column and --label-column"
        )
    return _Names(x, y)


def _held(array: np.ndarray) -> Holds:
    """Return what an array holds, as a column."""
    if array.ndim > 1 and array.shape[1:] != (1,):
        return "arrays"
    kinds: dict[str, Holds] = {
        "b": "truth values",
        "i": "whole numbers",
        "u": "whole numbers",
        "f": "real numbers",
        "U": "texts",
        "S": "texts",
    }
    return kinds.get(array.dtype.kind, "other values")


def _read(path: Path) -> dict[str, np.ndarray]:
    if not path.exists():
        raise DataError(f"no data file {str(path)!r}{neighbours(path)}")
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("one array alone (.npy), expected an archive of several (.npz)")
            return _parts_last({name: _in_native_order(_opened(archive, name)) for name in archive.files})
    except (OSError, ValueError, MemoryError, zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise DataError(f"cannot read {str(path)!r}: {first_line(error)}") from error


def _opened(archive: Any, name: str) -> np.ndarray:
    """Return one array of an archive.

    Raises:
        ValueError: it holds Python objects, which only a pickle could bring back.
    """
    try:
        array: np.ndarray = archive[name]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise ValueError(
            f"the array {name!r} holds Python objects, which are never opened; store texts as texts "
            f"({name}.astype(str)), and numbers as numbers"
        ) from error
    return array


def _parts_last(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return arrays called ``train_images`` as ``images_train``, which is the same in another order."""
    if any(name.endswith("_train") for name in arrays) or not any(
        name.startswith("train_") for name in arrays
    ):
        return arrays
    parts = ("train", *HELDOUT_NAMES)
    turned = {
        name: f"{rest}_{part}" if rest and part in parts else name
        for name in arrays
        for part, _, rest in (name.partition("_"),)
    }
    return {turned[name]: array for name, array in arrays.items()}


def _in_native_order(array: np.ndarray) -> np.ndarray:
    """Return an array in this machine's byte order."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _part(arrays: dict[str, np.ndarray], ending: str, names: _Names, where: str) -> _Arrays:
    x = _features_first(arrays[f"{names.x}{ending}"], where)
    own = {name.removesuffix(ending): array for name, array in arrays.items() if name.endswith(ending)}
    kwargs = {
        name: torch.from_numpy(np.ascontiguousarray(array))
        for name, array in own.items()
        if name not in (names.x, names.y, "classes") and _is_numbers(array) and len(array) == len(x)
    }
    return _Arrays(x, None if names.y is None else own.get(names.y), kwargs)


def _is_numbers(array: np.ndarray) -> bool:
    return array.ndim > 0 and array.dtype.kind in "fiub"


def _expect_by_example(
    arrays: dict[str, np.ndarray], ending: str, names: _Names, n_examples: int, where: str
) -> None:
    """Refuse further numbers that are not given for each example: a task may rely on them."""
    known = (names.x, names.y, "classes", f"{names.x}{ending}", f"{names.y}{ending}")
    for name, array in arrays.items():
        is_further = name.endswith(ending) and name not in known
        if is_further and _is_numbers(array) and len(array) != n_examples:
            raise DataError(
                f"{where}: expected a value of {name} for each of {n_examples} examples, got {len(array)}"
            )


def _of_classes(
    parts: list[_Arrays],
    names: np.ndarray | None,
    name: str,
    division: str,
    spec: DataSpec,
    together: list[list[Hashable]] | None,
) -> Data:
    classes = None if names is None else tuple(map(str, names.tolist()))
    read = as_parts([(part.x, part.y) for part in parts], name, spec, classes)
    labelled = [replace(one, kwargs=own.kwargs) for one, own in zip(read.parts, parts, strict=True)]
    if len(parts) == 1:
        groups = None if together is None else together[0]
        data = from_whole(labelled[0], classes=read.classes, name=name, spec=spec, groups=groups)
    else:
        if together is not None:
            numbers = numbered_by_part(together)
            labelled = [replace(part, groups=of) for part, of in zip(labelled, numbers, strict=True)]
        data = from_parts(labelled[0], labelled[1], read.classes, name, division, spec)
    return replace(data, division=division)


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
    return in_single(torch.from_numpy(np.ascontiguousarray(x)))
