"""Sets of the packages datasets and torchvision by name: ``hf:NAME_OR_FOLDER`` and ``torchvision:NAME(root="...")``."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from modelstitch.data.in_memory import as_split, from_arrays, from_parts
from modelstitch.data.parts import Data, DataPart
from modelstitch.data.splitting import HELDOUT_NAMES, choose
from modelstitch.data.texts import encoded, filled_up
from modelstitch.errors import DataError, MissingExtraError, expect_one_of
from modelstitch.specs import DataSpec

PREFIXES = {"hf": ("datasets", "datasets"), "torchvision": ("torchvision.datasets", "torchvision")}
"""By what stands before the colon: the module, and the extra that brings it."""

_LABELS = ("label", "labels", "fine_label")


def load(prefix: str, target: str, arguments: Mapping[str, Any], spec: DataSpec) -> Data:
    """Load a set by name.

    Args:
        prefix: ``hf`` or ``torchvision``.
        target: name of the set; of ``hf`` also a folder that ``save_to_disk`` wrote.
        arguments: what the package's own loader takes, such as ``revision`` or ``root``.
        spec: limits and seed.

    Raises:
        MissingExtraError: the package is not installed.
        DataError: no such set, or one without images (or texts) and labels.
    """
    package = _imported(prefix, target)
    if prefix == "torchvision":
        with _loading(prefix, target):
            return _of_torchvision(package, target, arguments, spec)
    return _of_rows(_rows(package, target, arguments), target, spec)


def texts(target: str, arguments: Mapping[str, Any]) -> tuple[list[list[str]], str]:
    """Load the column of texts alone of a set of the package datasets, of one part or of two, and say how they came about.

    Raises: as :func:`load`.
    """
    found = _rows(_imported("hf", target), target, arguments)
    parts, division = [found], "one part"
    if isinstance(found, Mapping):
        train, part = _parts(found, Path(target).name)
        parts, division = [found[train], found[part]], f"the parts train and {part}"
    chosen = []
    for rows in parts:
        name = _text_column(rows)
        if name is None:
            raise DataError(
                f"data {Path(target).name}: expected a column of texts, got {', '.join(rows.column_names)}"
            )
        chosen.append([text for text in rows[name] if (text or "").strip()])
        if not chosen[-1]:
            raise DataError(f"data {Path(target).name}: expected a text in some row, got none")
    return chosen, division


def _rows(package: ModuleType, target: str, arguments: Mapping[str, Any]) -> Any:
    folder = Path(target).expanduser()
    with _loading("hf", target):
        if folder.is_dir():
            return package.load_from_disk(str(folder))
        return package.load_dataset(target, **arguments)


@contextmanager
def _loading(prefix: str, target: str) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except (OSError, ValueError, TypeError, RuntimeError, KeyError, ImportError) as error:
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise DataError(f"cannot load data '{prefix}:{target}': {first_line}") from error


def _parts(found: Mapping[str, Any], name: str) -> tuple[str, str]:
    part = next((each for each in HELDOUT_NAMES if each in found), None)
    if "train" not in found or part is None:
        raise DataError(
            f"data {name}: expected the parts train and test (or validation), got {', '.join(found)}"
        )
    return "train", part


def _text_column(rows: Any) -> str | None:
    return next((each for each in ("text", "sentence", "content") if each in rows.column_names), None)


def _of_rows(found: Any, target: str, spec: DataSpec) -> Data:
    """Read a set of the package datasets: its part ``train``, and ``test`` or ``validation``, where it has several."""
    name = Path(target).name
    if not isinstance(found, Mapping):
        whole, classes, is_text = _read(found, None, name)
        return replace(from_arrays(whole, classes=classes, name=name, spec=spec), is_text=is_text)
    _, part = _parts(found, name)
    train, classes, is_text = _read(found["train"], spec.limit, name, spec.seed)
    heldout, _, _ = _read(found[part], spec.heldout_limit, name, spec.seed)
    if is_text:
        letters = filled_up([train.images, heldout.images])
        train, heldout = replace(train, images=letters[0]), replace(heldout, images=letters[1])
    data = from_parts(
        train, heldout, classes, name, f"the parts train and {part}", DataSpec(source=spec.source)
    )
    return replace(data, is_text=is_text)


def _read(
    rows: Any, limit: int | None, name: str, seed: int = 0
) -> tuple[DataPart, tuple[str, ...] | None, bool]:
    """Return the chosen rows, the names of the classes, and whether they are texts."""
    label = next((each for each in _LABELS if each in rows.column_names), None)
    if label is None:
        raise DataError(f"data {name}: expected a column of labels, got {', '.join(rows.column_names)}")
    names = getattr(rows.features[label], "names", None)
    labels = torch.tensor(list(rows[label]))
    chosen = rows.select(choose(labels, limit, seed).tolist())
    classes = None if names is None else tuple(map(str, names))
    text = _text_column(rows)
    if text is None:
        return as_split(chosen, name), classes, False
    texts = [str(each) for each in chosen[text]]
    if not all(each.strip() for each in texts):
        raise DataError(
            f"data {name}: row {next(i for i, each in enumerate(texts) if not each.strip())} holds no text"
        )
    return DataPart(encoded(texts), torch.tensor(list(chosen[label]))), classes, True


def _of_torchvision(package: ModuleType, target: str, arguments: Mapping[str, Any], spec: DataSpec) -> Data:
    """Build a set of torchvision: its training and its test part where it has both."""
    expect_one_of("data of torchvision", target, list(getattr(package, "__all__", ())), DataError)
    build = getattr(package, target)
    own = dict(arguments)
    try:
        parts = [build(**own, train=part) for part in (True, False)]
    except TypeError:
        whole = as_split(build(**own), target)
        return from_arrays(whole, classes=None, name=target, spec=spec)
    classes = getattr(parts[0], "classes", None)
    train, heldout = (as_split(part, target) for part in parts)
    named = None if classes is None else tuple(map(str, classes))
    return from_parts(train, heldout, named, target, "the training and the test part", spec)


def _imported(prefix: str, target: str) -> ModuleType:
    module, extra = PREFIXES[prefix]
    try:
        return importlib.import_module(module)
    except (ImportError, RuntimeError) as error:
        raise MissingExtraError(
            f"data '{prefix}:{target}' needs the package {extra}, which cannot be imported ({str(error).splitlines()[0]}): "
            f'pip install "modelstitch[{extra}]"'
        ) from error
