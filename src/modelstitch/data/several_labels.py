"""The same examples by several label sets, for one run of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelstitch.data.load import as_data
from modelstitch.errors import SpecError, expect_one_of
from modelstitch.specs import DataSpec

FINEST = "finest"
"""The name of the labels that the data come with."""


def by_each(data: Any, names: Sequence[str]) -> dict[str, Any]:
    """Return the data by each of several label sets, by name; all are checked before any is used.

    Args:
        data: as for :func:`modelstitch.compare`, by its finest labels.
        names: of label sets, or ``finest``; at least two.

    Raises:
        SpecError: fewer than two names, one twice, or one that the data do not have.
        DataError: data that cannot be read, or that are scored by another task than classification.

    Example:
        >>> {name: one.labels for name, one in by_each("digits", ["parity", "finest"]).items()}
        {'parity': 'parity', 'finest': None}
    """
    _expect_several(names)
    if isinstance(data, str | Path):
        data = DataSpec(source=str(data))
    if isinstance(data, DataSpec) and data.labels is not None:
        raise SpecError(
            f"expected data by their finest labels beside several label sets, got labels {data.labels!r}"
        )
    if isinstance(data, DataSpec):
        replace(data, labels=names[0])  # refuses another task before anything is read
    known = as_data(data)
    own = {label_set.name for label_set in known.label_sets}
    for name in names:
        expect_one_of(f"label set of data {known.name}", name, [*own, FINEST], SpecError)
    coarse = [name for name in names if name != FINEST or name in own]
    if isinstance(data, DataSpec):
        return {name: replace(data, labels=name if name in coarse else None) for name in names}
    return {name: known.by(name) if name in coarse else known for name in names}


def run_folders(out: str | Path | None, names: Iterable[str]) -> dict[str, Path | None]:
    """Return the run folder of each label set within ``out``, called by its name; None without ``out``.

    Raises:
        SpecError: a name that is no name of a folder.
    """
    folders: dict[str, Path | None] = {}
    for name in names:
        if out is not None and (name in ("", "..") or Path(name).name != name):
            raise SpecError(f"expected label sets whose names can be names of folders, got {name!r}")
        folders[name] = None if out is None else Path(out) / name
    return folders


def _expect_several(names: Sequence[str]) -> None:
    if len(names) < 2:
        raise SpecError(
            f"expected at least two label sets, got {', '.join(names) or 'none'}: one alone is the labels of "
            "the data (DataSpec.labels, --labels)"
        )
    if len(set(names)) < len(names):
        raise SpecError(f"expected label sets without repeats, got {', '.join(names)}")
