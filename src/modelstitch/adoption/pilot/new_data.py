"""New examples for a candidate: those that are not its own run's, in a fixed random order."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from modelstitch.adoption.folder.spec_file import FolderSpec
from modelstitch.adoption.pilot.both import inputs_as_given
from modelstitch.adoption.pilot.own_examples import input_digests, run_data
from modelstitch.data.digests import digests
from modelstitch.data.from_arrays import data_from
from modelstitch.data.load import find_source, load_data
from modelstitch.data.partly_labelled import new_examples
from modelstitch.data.partly_targeted import TARGETS_MAY_BE_MISSING, partly_targeted
from modelstitch.data.parts import Data, DataPart
from modelstitch.data.splitting import third_held_out
from modelstitch.errors import DataError
from modelstitch.specs import IN_MEMORY, TASKS, TOKEN_TASKS, DataSpec
from modelstitch.tasks import Task

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
        of_run: how many were left out, since they are the candidate's own.
    """

    data: Data
    labelled: Tensor
    places: tuple[str, ...]
    ids: tuple[str, ...]
    groups: tuple[str | None, ...]
    of_run: int

    def __len__(self) -> int:
        return len(self.ids)


def read_new(
    given: Any, spec: FolderSpec, folder: Path, own: Collection[str] = (), group_column: str | None = None
) -> NewData:
    """Read new examples for a candidate.

    Data in one part are taken whole, of data in two parts the held-out one.

    Args:
        given: a source's name, ``Data``, or ``(x, y)`` with -1 or None where there is no label.
        spec, folder: of the candidate.
        own: :func:`input_digests` of the examples of its run that are left out.
        group_column: the column of groups, such as patients; None for that of the run's data.

    Raises:
        DataError: data that cannot be read or do not fit the candidate, or no example that is new.
    """
    read_as = _spec_like(given, spec, group_column)
    classification = (
        spec.contract.task == "classification" and read_as.labels is None and not read_as.rotations
    )
    if classification:
        partly = new_examples(given, read_as)
        data, places, groups = partly.as_data(spec.contract.classes), partly.places, partly.groups
        labelled = torch.tensor([label is not None for label in partly.labels])
    else:
        width = (1, *spec.contract.outputs[0].shape)[-1]
        targeted = partly_targeted(given, read_as, width, lambda: _task_of_run(given, spec, folder))
        if targeted is not None:
            data, places, labelled = targeted.data, targeted.places, targeted.known
        else:
            data, places = _with_targets(given, read_as)
            if data.task.name == "regression":
                data = replace(data, scored_by=_task_of_run(given, spec, folder))
            labelled = torch.ones(len(data.heldout), dtype=torch.bool)
        numbers = data.heldout.groups
        groups = None if numbers is None else tuple(map(str, numbers.tolist()))
    expect_fit(data, spec)
    taken = [one.name for one in spec.contract.inputs]
    ids = [value.hex() for value in digests(data.heldout, taken)]
    compared = input_digests(spec.contract, inputs_as_given(spec.contract, data))
    rows = torch.tensor([row for row, one in enumerate(compared) if one not in own], dtype=torch.int64)
    if not len(rows):
        raise DataError(f"data {data.name}: expected new examples, got {len(ids)} of the candidate's own run")
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
    kept = {name: getattr(of_run, name) for name in _KEPT}
    if spec.contract.task in TASKS:  # data in memory have theirs in no option
        kept["task"] = spec.contract.task
    read = DataSpec(source=source, **kept)
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
                f"expected the target of every new example with the task {spec.task}, got none: targets may "
                f"come later with {', '.join(('classification', *TARGETS_MAY_BE_MISSING))} alone"
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
    rate = data.rate if data.rate in (contract.rate, contract.run_rate) else contract.run_rate
    for what, own, other in (("rate", rate, data.rate), ("task", contract.task, data.task.name)):
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


def _task_of_run(given: Any, spec: FolderSpec, folder: Path) -> Task:
    """Return the task of the run, whose unit is the variance of the targets that the stitch was fitted on.

    Raises:
        DataError: the data of the run cannot be read again.
    """
    run = run_data(given, spec, folder)
    if run is not None:
        return run.task
    source = spec.sources["data"]["source"]
    if source == IN_MEMORY:
        raise DataError(
            "expected the data of the run, which say the unit of the score of a regression, got a candidate "
            "whose run was given data in memory: run and export it with a source that can be read again"
        )
    raise DataError(
        f"expected the data of the run ({source}), which say the unit of the score of a regression, got none "
        "with the content that they had, from here or from beside the candidate: put them back"
    )
