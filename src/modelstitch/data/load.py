"""Where labelled examples come from: digits, CIFAR, Parquet, image folders, NumPy archives, or what the caller holds already."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from modelstitch.data.in_memory import as_split, from_arrays, from_parts
from modelstitch.data.parts import Data
from modelstitch.data.rotated import rotated
from modelstitch.errors import DataError, expect_one_of
from modelstitch.specs import TOKEN_TASKS, DataSpec
from modelstitch.tasks import RETRIEVAL

_OF_CLASSES = ("digits", "cifar10", "cifar100")

_SOURCES = (
    "digits",
    "cifar10",
    "cifar100",
    "FOLDER of Parquet files, of images, of sounds or of texts",
    "FILE.parquet",
    "FILE.npz",
    "hf:NAME_OR_FOLDER",
    "torchvision:NAME(root=...)",
)


def load_data(spec: DataSpec) -> Data:
    """Load the data that ``spec`` names, turned and labelled as it says.

    Raises:
        DataError: an unknown source or label set, or data that cannot be used.

    Example:
        >>> data = load_data(DataSpec(source="digits"))
        >>> len(data.train), len(data.heldout), len(data.classes)
        (1198, 599, 10)
    """
    data = _load(spec)
    if spec.task == "retrieval" and data.scored_by is None:
        data = replace(data, scored_by=RETRIEVAL)
    if spec.rotations:
        data = rotated(data, spec.seed)
    return data if spec.labels is None else data.by(spec.labels)


def _load(spec: DataSpec) -> Data:
    if spec.crop is not None and (spec.source in _OF_CLASSES or spec.source.endswith(".npz")):
        raise DataError(
            f"expected crop with image files alone, got {spec.crop} with data {spec.source!r}, whose images have one size"
        )
    if spec.channels is not None and (
        spec.source in _OF_CLASSES
        or spec.source.endswith(".npz")
        or spec.source.startswith(("hf:", "torchvision:"))
    ):
        raise DataError(
            f"expected a number of channels (--data-channels) with image files alone, got {spec.channels} with data {spec.source!r}; "
            "--channels says what the models want"
        )
    if spec.task in TOKEN_TASKS and Path(spec.source).suffix != ".npz" and spec.source not in _OF_CLASSES:
        from modelstitch.data import running_texts

        return running_texts.load(spec)
    if spec.task not in ("classification", "retrieval") and Path(spec.source).suffix != ".npz":
        wanted = (
            "texts or a .npz file of tokens" if spec.task in TOKEN_TASKS else "a .npz file with what it wants"
        )
        raise DataError(
            f"expected {wanted} for the task {spec.task}, got data {spec.source!r}, which has classes"
        )
    if spec.source == "digits":
        from modelstitch.data.sources import digits

        return digits.load(spec)
    prefix, colon, rest = spec.source.partition(":")
    if colon and prefix in ("hf", "torchvision"):
        from modelstitch.data import hub_sets
        from modelstitch.util.calls import parse_call

        target, arguments = parse_call(rest)
        return hub_sets.load(prefix, target, arguments, spec)
    path = Path(spec.source)
    if path.suffix in (".parquet", ".npz") and not path.exists():
        raise DataError(f"no data file {spec.source!r}")
    if path.suffix == ".npz":
        from modelstitch.data.sources import npz

        return npz.load(path, spec)
    if path.exists() or spec.source in _OF_CLASSES:
        from modelstitch.data import class_folders
        from modelstitch.data.sources import cifar, parquet
        from modelstitch.data.sources.image_folder import IMAGES
        from modelstitch.data.sources.text_folder import TEXTS
        from modelstitch.data.sources.wav_folder import SOUNDS

        name = cifar.which(path) if path.exists() else spec.source
        if name is not None:
            return cifar.load(name, path if path.exists() else None, spec)
        of_tables = path.is_dir() and any([*path.glob("*.parquet"), *path.glob("data/*.parquet")])
        kinds = () if of_tables else (IMAGES, SOUNDS, TEXTS)
        for kind in kinds:
            if class_folders.holds(path, kind):
                return class_folders.load(path, spec, kind)
        if path.is_dir() or path.suffix == ".parquet":
            return parquet.load(path, spec)
    if path.is_file() and path.suffix == ".txt":
        raise DataError(
            f"cannot read data {spec.source!r} for the task {spec.task}: one text has no classes; expected a folder with one folder of "
            f"texts a class, or the task {' or '.join(TOKEN_TASKS)}"
        )
    if path.exists() or "/" in spec.source:
        raise DataError(
            f"cannot read data {spec.source!r}: expected a .parquet or .npz file, an official CIFAR archive, or a folder with "
            "train*.parquet and test*.parquet or with one folder of images, of sounds (.wav) or of texts (.txt) a class"
            f"{'' if path.exists() else '; no such file or folder'}"
        )
    expect_one_of("data", spec.source, _SOURCES, DataError)
    raise AssertionError("unreachable")


def as_data(given: Any, spec: DataSpec | None = None) -> Data:
    """Read data as callers from Python hold it.

    Args:
        given: ``Data``, a ``DataSpec``, a source's name, ``(x, y)``, a Dataset, or a pair ``(train, heldout)`` of these
            last two. One part alone is split, stratified and seeded.
        spec: limits and seed for data that is not a spec itself.

    Raises:
        DataError: none of these, or data that cannot be used.
    """
    if isinstance(given, Data):
        return given
    if isinstance(given, DataSpec):
        return load_data(given)
    if isinstance(given, str | Path):
        return load_data(DataSpec(source=str(given)))
    spec = spec or DataSpec(source="in memory")
    if isinstance(given, tuple | list) and len(given) == 2 and not _is_array(given[0]):
        train, heldout = (as_split(part, "in memory") for part in given)
        return from_parts(train, heldout, None, "in memory", "two parts as given", spec)
    whole = as_split(given, "in memory")
    return from_arrays(whole, classes=None, name="in memory", spec=spec)


def _is_array(each: Any) -> bool:
    return hasattr(each, "shape") and hasattr(each, "dtype")
