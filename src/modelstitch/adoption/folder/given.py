"""The examples of a data set as a candidate takes them, and what it answers to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from modelstitch.adoption.folder.contract import Contract
from modelstitch.data.parts import Data
from modelstitch.data.texts import are_pairs, reader
from modelstitch.errors import DataError
from modelstitch.specs import View
from modelstitch.tasks.scales import as_logits

_BATCH = 256

TensorsOfExamples = Mapping[str, Tensor]
"""(n, ...) by name."""


def expect_fits(contract: Contract, data: Data) -> None:
    """Raise unless rate, task and label set of a data set are those of a candidate.

    Raises:
        DataError: one of them is another.
    """
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


def inputs_from(contract: Contract, data: Data, rows: Tensor) -> dict[str, Tensor]:
    """Return the inputs of a candidate for some held-out examples of a data set, by name.

    Args:
        contract: of the candidate.
        data: whose held-out part is read.
        rows: (n,) indices of its examples.

    Raises:
        DataError: an input that the data do not give, or another shape, type or range.
    """
    part = data.heldout.take(rows)
    if data.is_text:
        known: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in contract.preprocessing.items()
        }
        view = replace(View(**known), length=contract.inputs[0].shape[0])
        tokens, further = reader(view, [], are_pairs(part.images))(part.images)
        part = replace(part, images=tokens, kwargs=further)
    full = torch.full((len(part),), part.images.shape[-1], dtype=torch.int64)
    there = {"samples": full if part.samples is None else part.samples, **part.kwargs, "x": part.images}
    names = [one.name for one in contract.inputs]
    missing = [name for name in names if name not in there]
    if missing:
        raise DataError(
            f"data {data.name} do not fit the candidate: expected its inputs {', '.join(names)}, got none "
            f"for {', '.join(missing)}"
        )
    given = {name: there[name].cpu() for name in names}
    try:
        contract.expect(given)
    except DataError as error:
        raise DataError(f"data {data.name} do not fit the candidate: {error}") from error
    return given


def scores_of(run: Mapping[str, Tensor], contract: Contract, data: Data, rows: Tensor) -> Tensor:
    """Return the score (n,) of each of some held-out examples from a candidate's outputs for them.

    Args:
        run: (n, ...) outputs by name.
        contract: of the candidate.
        data, rows: the examples.
    """
    first = run[contract.outputs[0].name]
    targets = data.heldout.mapped(lambda value: value.cpu()).targets_for(data.task, rows)
    return data.task.scored(as_logits(first, contract.scale), targets).double()
