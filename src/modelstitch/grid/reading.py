"""How a network's outputs are read: which is scored, and whether it holds logits or probabilities."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from modelstitch.cutting.capture import run_eagerly
from modelstitch.data.parts import Data
from modelstitch.errors import ModelError
from modelstitch.grid.inputs import ExampleBatch, NetworkInputs
from modelstitch.models.network import Network
from modelstitch.specs import OUTPUT_SCALES
from modelstitch.tasks import OutputReading
from modelstitch.tasks.outputs import choose, named_outputs, pick, shown
from modelstitch.tasks.scales import expect_scale, last_operation, looks_like, needs_history, scale_of

_LOGITS = "logits"
_MORE_EXAMPLES, _POSITIONS = 64, 8
"""Examples on which a scale is confirmed; fewer where each has many outputs."""


def reading_of(network: Network, data: Data, inputs: NetworkInputs, few: ExampleBatch) -> OutputReading:
    """Return how the outputs of a network are read, as it was asked for or as a few examples show it.

    Args:
        network: the model.
        data: the examples, with the task.
        inputs: the same as the network takes them.
        few: some of the training part.

    Raises:
        ModelError: it is not clear which output is scored, or what it holds.
    """
    task = data.task
    output = _run(network, few)
    exact, takes = sizes_of_outputs(network, data)
    try:
        part = choose(
            output,
            task,
            len(few.x),
            exact=exact,
            takes=takes,
            asked=None if network.output is None else str(network.output),
        )
        outputs = pick(output, part, task)
        every = named_outputs(output)
        among = tuple(shown(name, tensor) for name, tensor in every.items()) if len(every) > 1 else ()
        reading = OutputReading(task, part, among=among)
        if task.logits is not None:
            return replace(reading, scale=_scale(network, reading, inputs, few, outputs))
        if network.output_scale is not None:
            raise ModelError(
                f"expected no scale of outputs with the task {task.name}, whose loss and score take outputs "
                f"as they are, got {network.output_scale}"
            )
        if not task.has_classes:
            return reading
        # The task's own functions take what the network gives; evidence reads class scores as logits.
        seen = looks_like(task.read(_more(network, reading, inputs)))
        return replace(reading, answer_scale=seen if seen in OUTPUT_SCALES else _LOGITS)
    except ModelError as error:
        raise ModelError(f"model {network.name} cannot be scored: {error}") from error


def sizes_of_outputs(network: Network, data: Data) -> tuple[Callable[[int], bool], Callable[[int], bool]]:
    """Return whether a number of outputs is exactly what is needed, and whether it can be scored."""
    if data.scored_by is not None:
        targets, needs = data.train.targets, data.scored_by.needs
        least, may_be_more = needs(targets) if needs else (0, True)
        return (lambda n: n == least and not may_be_more), partial(data.scored_by.takes, targets=targets)
    if network.classes is not None:
        n_names = len(network.classes)
        return (lambda n: n == n_names), (lambda n: n == n_names)
    n_finest = len(data.classes if data.finest is None else data.finest.classes)
    n_numbers = n_finest if data.numbers is None else max(data.numbers) + 1
    n_known = n_numbers if data.unscored is None else data.unscored.of
    coarse = len(data.classes) if data.finest is not None else n_numbers
    return (lambda n: n in (n_numbers, n_known, coarse)), (lambda n: n >= n_numbers or n == coarse)


def _scale(
    network: Network, reading: OutputReading, inputs: NetworkInputs, few: ExampleBatch, outputs: Tensor
) -> str:
    """Return the scale of the output that is scored.

    Raises:
        ModelError: values do not tell it, or cannot be on the scale that was given.
    """
    if network.output_scale is not None:
        expect_scale(outputs, network.output_scale)
        return network.output_scale
    if not needs_history(outputs):
        return _LOGITS
    assert reading.task.logits is not None
    more = _more(network, reading, inputs)
    scale = scale_of(more, reading.task.logits, _last_operation(network, reading, few))
    if scale is None:
        raise ModelError(
            f"its outputs lie from {float(more.min()):.3g} to {float(more.max()):.3g}, and what made them "
            "does not say whether they are logits or probabilities: say which with --sender-output-scale or "
            f"--receiver-output-scale, or output_scale=... of its ModelSpec: {', '.join(OUTPUT_SCALES)}"
        )
    return scale


def _run(network: Network, batch: ExampleBatch) -> Any:
    return run_eagerly(network.module, batch.x, network.name, batch.kwargs)


def _more(network: Network, reading: OutputReading, inputs: NetworkInputs) -> Tensor:
    """Return the output that is scored of more training examples."""
    n = min(_POSITIONS if reading.task.by_position else _MORE_EXAMPLES, len(inputs.given["train"]))
    return reading.part_of(_run(network, inputs.batch("train", torch.arange(n))))


def _last_operation(network: Network, reading: OutputReading, few: ExampleBatch) -> str | None:
    """Return what made the output that is scored; None where autograd does not reach it."""
    x = few.x.detach().clone()
    if x.is_floating_point():
        x.requires_grad_()
    try:
        with torch.enable_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what a forward does with values that have a history
            return last_operation(reading.part_of(network.module(x, **few.kwargs)))
    except RuntimeError:  # an operation without a backward pass
        return None
