"""What arrives, from data sets and from lines: as the monitor takes it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from modelstitch.adoption.folder.contract import Contract
from modelstitch.adoption.folder.spec_file import FolderSpec
from modelstitch.adoption.monitor.arrivals import Arrivals, numbered
from modelstitch.adoption.monitor.stream import StreamItem, letters_of
from modelstitch.adoption.pilot.both import both_networks, inputs_as_given
from modelstitch.adoption.pilot.new_data import NewData, read_new, shuffled
from modelstitch.adoption.pilot.own_examples import input_digests
from modelstitch.data.partly_labelled import PartlyLabelled
from modelstitch.data.parts import Data
from modelstitch.errors import DataError
from modelstitch.models.network import Network
from modelstitch.tasks import CLASSIFICATION


def arrivals_of(
    given: Any, folder: Path, spec: FolderSpec, receiver: Network | None, own: Collection[str] = ()
) -> Arrivals:
    """Return the examples of a data set as they arrive.

    They come in a fixed random order: data sets lie sorted, such as a folder of each class, and that order
    would look like a change.

    Args:
        given: a source's name, ``Data``, or ``(x, y)`` with -1 or None where there is no label.
        folder, spec: of the candidate.
        receiver: None where it is not at hand.
        own: digests of the examples of the candidate's run that are left out, since they are no stream.

    Raises:
        DataError: data that cannot be read or do not fit, several examples of one group, or no example
            that is new.
    """
    new = read_new(given, spec, folder, own)
    _expect_apart(new)
    # Given again, the data have the same examples with the same numbers.
    ids = numbered(new.ids, {})
    rows = shuffled(ids, 0)
    ids = tuple(ids[row] for row in rows)
    part = new.data.heldout
    classes = bool(spec.contract.classes)
    if not classes and not bool(new.labelled.all()):
        raise DataError("expected a target for each example of a task without classes, got some without")
    labels = tuple(int(part.labels[row]) if classes and bool(new.labelled[row]) else None for row in rows)
    return Arrivals(
        ids=ids,
        rows=tuple(rows),
        inputs=inputs_as_given(spec.contract, new.data),
        labels=labels,
        targets=None if classes else part.targets,
        task=new.data.task,
        original=_original(folder, receiver, new.data),
        of_run=new.of_run,
    )


def arrivals_of_items(
    items: Sequence[StreamItem],
    folder: Path,
    spec: FolderSpec,
    receiver: Network | None,
    times: dict[str, int],
    own: Collection[str] = (),
) -> Arrivals:
    """Return lines of a stream as they arrive.

    Args:
        items: the lines.
        folder, spec: of the candidate.
        receiver: None where it is not at hand.
        times: how often each input without an id came in this call; it is carried on here.
        own: digests of the examples of the candidate's run that are left out.

    Raises:
        DataError: a label that is no class of the candidate.
    """
    contract = spec.contract
    given = len(items)
    items = [item for item in items if not item.inputs or input_digests(contract, item.inputs)[0] not in own]
    with_inputs = [item for item in items if item.inputs]
    inputs = {
        one.name: torch.cat([item.inputs[one.name] for item in with_inputs])
        for one in contract.inputs
        if with_inputs
    }
    rows: list[int | None] = []
    ids: list[str] = []
    for item in items:
        rows.append(sum(row is not None for row in rows) if item.inputs else None)
        # An id that the stream gives is one example; equal inputs without an id are told apart.
        ids.append(item.id if item.id is not None else numbered([_digest(item)], times)[0])
    return Arrivals(
        ids=tuple(ids),
        rows=tuple(rows),
        inputs=inputs,
        labels=tuple(_label(item.label, contract) for item in items),
        task=CLASSIFICATION if contract.task == CLASSIFICATION.name else None,
        original=None if receiver is None else _of_items(folder, receiver, spec, with_inputs),
        of_run=given - len(items),
    )


def _of_items(
    folder: Path, receiver: Network, spec: FolderSpec, items: Sequence[StreamItem]
) -> Callable[[Tensor], Tensor] | None:
    """Return what the receiver says of the examples among the lines; None where there is none."""
    contract = spec.contract
    if contract.task != CLASSIFICATION.name:
        raise DataError(
            f"expected a data set beside --receiver for the task {contract.task}, got a stream of lines, "
            "which hold no targets"
        )
    if not items:
        return None
    inputs = {one.name: torch.cat([item.inputs[one.name] for item in items]) for one in contract.inputs}
    texts = [item.texts for item in items if item.texts is not None]
    if len(texts) < len(items) and contract.texts is not None:
        raise DataError(
            "expected the text of each example, as text, beside --receiver, which makes tokens and masks of "
            "its own, got tokens"
        )
    n, as_texts = len(items), len(texts) == len(items)
    samples = inputs.pop("samples", None)
    x = letters_of(texts) if as_texts else inputs.pop(contract.inputs[0].name)
    examples = PartlyLabelled(
        x,
        (None,) * n,
        tuple(f"row {row}" for row in range(n)),
        "the stream",
        kwargs={} if as_texts else inputs,
        samples=samples,
        rate=contract.rate,
        is_text=as_texts,
    )
    return _original(folder, receiver, examples.as_data(contract.classes))


def _original(folder: Path, receiver: Network | None, data: Data) -> Callable[[Tensor], Tensor] | None:
    return None if receiver is None else both_networks(folder, receiver, data).original


def _label(label: str | None, contract: Contract) -> int | None:
    if label is None:
        return None
    classes = contract.classes
    if contract.task != CLASSIFICATION.name:
        raise DataError(
            f"expected no label in a stream of lines for the task {contract.task}: give a data set instead"
        )
    if label in classes:
        return classes.index(label)
    raise DataError(f"expected a label among {', '.join(classes[:5])} ({len(classes)}), got {label!r}")


def _digest(item: StreamItem) -> str:
    from hashlib import sha256

    values = b"".join(value.numpy().tobytes() for value in item.inputs.values())
    return sha256(values).hexdigest()


def _expect_apart(new: NewData) -> None:
    """Raise where data name groups, such as patients, and one of them has several examples."""
    named = [group for group in new.groups if group is not None]
    if len(set(named)) < len(named):
        raise DataError(
            f"expected examples that do not depend on each other, got {len(named)} of {len(set(named))} "
            f"groups in the data {new.data.name}: give one of each group"
        )
