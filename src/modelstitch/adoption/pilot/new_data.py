"""New examples for a pilot: those that neither fitted nor chose the candidate, in a fixed random order."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from modelstitch.adoption.division import divide_heldout
from modelstitch.adoption.folder.spec_file import FolderSpec
from modelstitch.data.digests import digests
from modelstitch.data.from_arrays import data_from
from modelstitch.data.load import find_source, load_data
from modelstitch.data.partly_labelled import new_examples
from modelstitch.data.parts import Data, DataPart
from modelstitch.data.splitting import third_held_out
from modelstitch.errors import DataError, InputError
from modelstitch.specs import TOKEN_TASKS, DataSpec
from modelstitch.tasks import Task

IN_MEMORY = "in memory"

_KEPT = ("task", "labels", "seconds", "tokenizer", "length", "seed", "rotations")
"""Options of the run's data that new data are read with, too."""


@dataclass(frozen=True, eq=False)
class NewData:
    """New examples as the held-out part of a data set.

    Attributes:
        data: its held-out part has the examples; its training part stands for their kind alone.
        labelled: (n,) whether the label, or target, of each is known.
        places: where each lies.
        ids: a digest of the input of each.
        groups: the group of each, such as a patient; None where it is one of its own.
        of_run: how many were left out, since they fitted or chose the candidate.
    """

    data: Data
    labelled: Tensor
    places: tuple[str, ...]
    ids: tuple[str, ...]
    groups: tuple[str | None, ...]
    of_run: int

    def __len__(self) -> int:
        return len(self.ids)


def read_new(given: Any, spec: FolderSpec, group_column: str | None = None) -> NewData:
    """Read new examples for a candidate.

    Data in one part are taken whole, of data in two parts the held-out one. Examples of the run that fitted
    or chose the candidate are left out where the run's data are given.

    Args:
        given: a source's name, ``Data``, or ``(x, y)`` with -1 or None where there is no label.
        spec: of the candidate.
        group_column: the column of groups, such as patients; None for that of the run's data.

    Raises:
        DataError: data that cannot be read or do not fit the candidate, or no example that is new.
    """
    own = _spec_like(given, spec, group_column)
    classification = spec.contract.task == "classification" and own.labels is None and not own.rotations
    if classification:
        partly = new_examples(given, own)
        data, places, groups = partly.as_data(spec.contract.classes), partly.places, partly.groups
        labelled = torch.tensor([label is not None for label in partly.labels])
    else:
        data, places = _with_targets(given, own)
        if data.task.name == "regression":
            data = replace(data, scored_by=_task_of_run(given, spec))
        labelled = torch.ones(len(data.heldout), dtype=torch.bool)
        numbers = data.heldout.groups
        groups = None if numbers is None else tuple(map(str, numbers.tolist()))
    expect_fit(data, spec)
    taken = [one.name for one in spec.contract.inputs]
    ids = [value.hex() for value in digests(data.heldout, taken)]
    known = _of_run(given, spec, taken)
    rows = torch.tensor([row for row, one in enumerate(ids) if one not in known], dtype=torch.int64)
    if not len(rows):
        raise DataError(
            f"data {data.name}: expected new examples, got {len(ids)} that fitted or chose the candidate"
        )
    chosen = rows.tolist()
    return NewData(
        data=replace(data, heldout=data.heldout.take(rows)),
        labelled=labelled[rows],
        places=tuple(places[row] for row in chosen),
        ids=tuple(ids[row] for row in chosen),
        groups=tuple(None if groups is None else groups[row] for row in chosen),
        of_run=len(ids) - len(rows),
    )


def shuffled(ids: Sequence[str], seed: int) -> list[int]:
    """Return the order in which examples are taken: that of SHA-256 over seed and digest.

    Args:
        ids: digests of the inputs.
        seed: another seed is another order.

    Returns:
        Indices of distinct examples; a later copy of an example is left out.

    Example:
        >>> sorted(shuffled(["a", "b", "a"], 0))
        [0, 1]
    """
    first = {one: row for row, one in reversed(list(enumerate(ids)))}
    order = sorted(first, key=lambda one: hashlib.sha256(f"{seed}:{one}".encode()).digest())
    return [first[one] for one in order]


def _spec_like(given: Any, spec: FolderSpec, group_column: str | None) -> DataSpec:
    """Return how new data are read: as the run's, where their source has such options."""
    of_run = DataSpec(**spec.sources["data"])
    source = str(given) if isinstance(given, str) else IN_MEMORY
    read = DataSpec(source=source, **{name: getattr(of_run, name) for name in _KEPT})
    if not isinstance(given, str):
        return read
    try:
        kind = find_source(read)
    except DataError:
        return read  # a folder of files without classes, which no row of the table has
    if kind.is_image_files:
        read = replace(read, crop=of_run.crop, channels=of_run.channels)
    if kind.has_columns:
        read = replace(read, label_column=of_run.label_column, input_column=of_run.input_column)
    group_column = group_column or (of_run.group_column if kind.has_columns else None)
    return replace(read, group_column=group_column)


def _with_targets(given: Any, spec: DataSpec) -> tuple[Data, tuple[str, ...]]:
    """Return data of another task, whose new examples all have their targets."""
    if isinstance(given, tuple):
        x, y = (*given, None)[:2]
        if y is None and spec.task not in TOKEN_TASKS:
            raise DataError(
                f"expected the target of every new example with the task {spec.task}, got none: labels may "
                "come later with classification alone"
            )
        data = data_from(x, y, task=spec.task)
    else:
        data = given if isinstance(given, Data) else load_data(spec)
    if data.task.together:
        raise DataError(
            f"expected a task that scores each example by itself, got {data.task.name}, which scores "
            "examples against each other: no pilot is possible"
        )
    parts = [("held-out", data.heldout)]
    if data.division.startswith(third_held_out(spec.seed)):
        parts.insert(0, ("train", data.train))
    places = tuple(f"{name} {row}" for name, part in parts for row in range(len(part)))
    return replace(data, heldout=_joined([part for _, part in parts])), places


def _joined(parts: Sequence[DataPart]) -> DataPart:
    joined = {name: torch.cat([part.tensors[name] for part in parts]) for name in parts[0].tensors}
    return DataPart(
        joined.pop("images"),
        joined.pop("labels"),
        joined.pop("targets", None),
        samples=joined.pop("samples", None),
        groups=joined.pop("groups", None),
        kwargs=joined,
    )


def expect_fit(data: Data, spec: FolderSpec) -> None:
    """Raise unless rate, task and label set are the candidate's; inputs are checked where they are run."""
    contract = spec.contract
    for what, own, other in (("rate", contract.rate, data.rate), ("task", contract.task, data.task.name)):
        if own != other:
            raise DataError(
                f"data {data.name} do not fit the candidate: expected the {what} {own or 'none'}, got "
                f"{other or 'none'}"
            )
    possible = [data.classes, *([] if data.finest is None else [data.finest.classes])]
    if contract.classes and contract.classes not in possible:
        raise DataError(
            f"data {data.name} do not fit the candidate: expected the label set "
            f"{', '.join(contract.classes[:5])} ({len(contract.classes)}), got {', '.join(data.classes[:5])} "
            f"({len(data.classes)})"
        )


def run_data(given: Any, spec: FolderSpec) -> Data | None:
    """Return the data of the run where they are the given ones, and still what they were."""
    of_run = DataSpec(**spec.sources["data"])
    if isinstance(given, Data):
        run = given
    elif isinstance(given, str) and _same_source(given, of_run.source):
        run = load_data(of_run)
    else:
        return None
    return run if run.digest == spec.digests["data"] else None


def _same_source(one: str, other: str) -> bool:
    """Tell whether two names are those of one source, or of one file."""
    return one == other or (Path(one).exists() and Path(one).resolve() == Path(other).resolve())


def _task_of_run(given: Any, spec: FolderSpec) -> Task:
    """Return the task of the run, whose unit is the variance of the targets that the stitch was fitted on.

    Raises:
        DataError: the data of the run cannot be read again.
    """
    run = run_data(given, spec)
    if run is None and spec.sources["data"]["source"] == IN_MEMORY:
        raise DataError(
            "expected the data of the run, which say the unit of the score of a regression, got a candidate "
            "whose run was given data in memory: run and export it with a source that can be read again"
        )
    if run is None:
        try:
            run = load_data(DataSpec(**spec.sources["data"]))
        except InputError as error:
            raise DataError(
                f"cannot read the data of the run, which say the unit of the score: {error}"
            ) from error
    if run.digest != spec.digests["data"]:
        raise DataError(
            f"the data of the run ({run.name}) have changed, and they say the unit of the score: restore them"
        )
    return run.task


def _of_run(given: Any, spec: FolderSpec, taken: Sequence[str]) -> set[str]:
    """Return digests of the examples that fitted or chose the candidate, where its own data are given."""
    run = run_data(given, spec)
    if run is None:
        return set()
    chosen = divide_heldout(run, spec.division["seed"]).choose
    parts = (run.train, run.heldout.take(chosen))
    return {value.hex() for part in parts for value in digests(part, taken)}
