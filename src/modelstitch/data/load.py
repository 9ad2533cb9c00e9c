"""Load data by name, or read what the caller holds already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch

from modelstitch.data.class_folders import flat_files
from modelstitch.data.class_names import read_class_names, renamed
from modelstitch.data.copies import without_copies
from modelstitch.data.heldout import choose_heldout
from modelstitch.data.in_memory import ReadParts, as_parts, from_parts, from_whole, is_array, is_hub_set
from modelstitch.data.label_sets import sets_of
from modelstitch.data.parts import Data
from modelstitch.data.rotated import rotated
from modelstitch.data.running_texts import examples_of
from modelstitch.data.sources.table import CLASS_TASKS, DATA_SOURCES, DataSource
from modelstitch.data.splitting import third_held_out
from modelstitch.errors import DataError
from modelstitch.specs import TASKS, TOKEN_TASKS, DataSpec
from modelstitch.tasks import RETRIEVAL
from modelstitch.util.arguments import checked
from modelstitch.util.places import neighbours


@checked()
def load_data(spec: DataSpec) -> Data:
    """Load the data that ``spec`` names, rotated and labelled as it says.

    Raises:
        DataError: an unknown source or label set, or data that cannot be used.

    Example:
        >>> data = load_data(DataSpec(source="digits"))
        >>> len(data.train), len(data.heldout), len(data.classes)
        (1198, 599, 10)
    """
    source = find_source(spec)
    _check_image_options(source, spec)
    _check_groups(source, spec)
    _check_columns(source, spec)
    if spec.task in TOKEN_TASKS and source.has_texts:
        data = examples_of(*source.texts(spec), spec)
    else:
        data = source.load(spec)
    _expect_pictures(data, spec)
    if spec.task == "retrieval" and data.scored_by is None:
        data = replace(data, scored_by=RETRIEVAL)
    if spec.data_classes is not None:
        data = renamed(data, read_class_names(spec.data_classes))
    if spec.drop_copies:  # before two near copies are turned apart
        data = without_copies(data)
    if spec.rotations:
        data = rotated(data, spec.seed)
    return data if spec.labels is None else data.by(spec.labels)


def find_source(spec: DataSpec) -> DataSource:
    """Return the row of the table that reads ``spec.source`` for ``spec.task``.

    Raises:
        DataError: no source has this name, or none that has serves the task.
    """
    of_other_tasks = None
    for source in DATA_SOURCES:
        if source.recognises(spec.source):
            if source.serves(spec.task):
                return source
            of_other_tasks = of_other_tasks or source
    names = [name for source in DATA_SOURCES if source.serves(spec.task) for name in source.written]
    expected = f"expected {names[0]}" if len(names) == 1 else f"expected one of {', '.join(names)}"
    if of_other_tasks is not None:
        served = [task for task in TASKS if of_other_tasks.serves(task)]
        raise DataError(
            f"data {spec.source!r} have no targets for the task {spec.task}: {expected}; these data serve "
            f"the tasks {', '.join(served)}"
        )
    raise _unknown(spec, names, expected)


def _unknown(spec: DataSpec, names: list[str], expected: str) -> DataError:
    """Return the error of a source that no row of the table reads: what it is, or what lies beside it."""
    path, near = Path(spec.source), get_close_matches(spec.source, names, n=1, cutoff=0.5)
    if path.is_dir():
        flat = flat_files(path) if spec.task in CLASS_TASKS else None
        if flat is not None:
            return DataError(f"data {spec.source!r}: {flat}")
        content = f"the folder holds {_content(path)}"
    elif path.exists():
        content = f"a file ending in {path.suffix or 'nothing'} is not read"
        content += "; write the table as FILE.parquet" if path.suffix.lower() in _TABLES else ""
    elif "/" in spec.source or (path.suffix and not near):
        return DataError(
            f"cannot read data {spec.source!r}: no such file or folder{neighbours(path)}; {expected}"
        )
    else:
        beside = get_close_matches(spec.source, [one.name for one in Path().iterdir()], n=1, cutoff=0.6)
        meant = near or beside
        hint = f"; did you mean {meant[0]!r}?" if meant else ""
        return DataError(f"unknown data {spec.source!r}: {expected}{hint}")
    return DataError(f"cannot read data {spec.source!r} for the task {spec.task}: {content}; {expected}")


_TABLES = (".csv", ".tsv", ".json", ".jsonl", ".xlsx", ".feather", ".arrow")
"""Endings of tables that are not read."""


def _content(folder: Path) -> str:
    """Return the first names in a folder."""
    inside = sorted(entry.name for entry in folder.iterdir())
    return ", ".join(inside[:5]) + (f", ... ({len(inside)} in all)" if len(inside) > 5 else "") or "nothing"


def _check_groups(source: DataSource, spec: DataSpec) -> None:
    """Refuse columns of groups where nothing would read them."""
    given = {"--group-column": spec.group_column, "--within-column": spec.within_column}
    for option, value in given.items():
        if value is None:
            continue
        possible = [other for other in DATA_SOURCES if _has_groups(other, option)]
        if source not in possible:
            names = ", ".join(name for other in possible for name in other.written)
            raise DataError(
                f"expected {option} with data that have such a column ({names}), got {value!r} with data "
                f"{spec.source!r}"
            )
        if spec.task in TOKEN_TASKS and source.has_texts:
            raise DataError(
                f"expected no {option} for texts with the task {spec.task}, got {value!r}: give both parts "
                "yourself"
            )


def _has_groups(source: DataSource, option: str) -> bool:
    return source.has_targets if option == "--within-column" else source.has_columns


def _check_image_options(source: DataSource, spec: DataSpec) -> None:
    if source.is_image_files:
        return
    if spec.crop is not None:
        raise DataError(
            f"expected crop with image files alone, got {spec.crop} with data {spec.source!r}, "
            "which are not image files"
        )
    if spec.channels is not None:
        raise DataError(
            f"expected a number of channels (--data-channels) with image files alone, got {spec.channels} "
            f"with data {spec.source!r}; --channels sets what the models take"
        )


def _expect_pictures(data: Data, spec: DataSpec) -> None:
    """Raise where a crop or a number of channels was given, and the set holds no pictures."""
    if (spec.crop is None and spec.channels is None) or data.train.images.ndim == 4:
        return
    raise DataError(
        f"expected a crop or a number of channels (--crop, --data-channels) with pictures alone, got data "
        f"{spec.source!r}, which hold {'texts' if data.is_text else 'no pictures'}"
    )


def _check_columns(source: DataSource, spec: DataSpec) -> None:
    """Refuse names of columns where there are none, or where nothing would read them."""
    given = {"--label-column": spec.label_column, "--input-column": ", ".join(spec.input_column) or None}
    for option, value in given.items():
        if value is not None and not source.has_columns:
            raise DataError(
                f"expected {option} with data that have columns ({', '.join(_with_columns())}), got "
                f"{value!r} with "
                f"data {spec.source!r}, which have none"
            )
    if spec.label_column is not None and spec.task in TOKEN_TASKS and source.has_texts:
        raise DataError(
            f"expected no label column for the task {spec.task}, whose targets are the texts' own tokens, "
            f"got {spec.label_column!r}"
        )


def _with_columns() -> list[str]:
    return [name for source in DATA_SOURCES if source.has_columns for name in source.written]


def as_data(given: Any, spec: DataSpec | None = None) -> Data:
    """Read data as callers from Python hold it.

    Args:
        given: ``Data``, a ``DataSpec``, a source's name, ``(x, y)``, a Dataset, or a pair ``(train,
            heldout)`` or a mapping of ``train`` and ``test`` (or ``validation``) to these last two. A single
            part is split, stratified and seeded.
        spec: limits and seed for arrays and Datasets.

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
    if isinstance(given, tuple | list) and len(given) == 2 and not is_array(given[0]):
        if all(is_hub_set(part) for part in given):
            return _of_hub(dict(zip(("train", "test"), given, strict=True)), "two parts as given", spec)
        return _of_parts(as_parts(given, "in memory", spec), "two parts as given", spec)
    if is_hub_set(given):
        return _of_hub(given, "the parts train and {}", spec)
    if isinstance(given, Mapping) and "train" in given:
        part, _ = choose_heldout(given, lambda name: True)
        named = [given["train"], *([] if part is None else [given[part]])]
        return _of_parts(as_parts(named, "in memory", spec), f"the parts train and {part}", spec)
    return _of_parts(as_parts([given], "in memory", spec), "", spec)


def _of_hub(given: Any, words: str, spec: DataSpec) -> Data:
    from modelstitch.data.sources.hugging_face import load_given  # pyarrow takes a while to import

    return load_given(given, words, spec)


def _of_parts(read: ReadParts, division: str, spec: DataSpec) -> Data:
    if len(read.parts) == 1:
        division = third_held_out(spec.seed)
        data = from_whole(read.parts[0], classes=read.classes, name="in memory", spec=spec)
    else:
        train, heldout = read.parts
        data = from_parts(train, heldout, read.classes, "in memory", division, spec)
    data = replace(data, is_text=read.is_text, division="; ".join([division, *read.notes]))
    if not read.further:
        return data
    n_classes = len(data.classes) if data.unscored is None else data.unscored.of
    fine = torch.cat([part.labels for part in read.parts])
    return data.with_label_sets(sets_of(read.further, fine, n_classes))
