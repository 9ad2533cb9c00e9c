"""Which of a network's outputs is scored, where it gives several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from torch import Tensor

from modelstitch.errors import ModelError
from modelstitch.tasks.task import Task, described

WHOLE = ""
"""Name of an output that is the only one."""

_DEEPEST = 4
_SECONDARY = "aux"
"""A name that begins so is an output for training, beside the one that is scored."""


def named_outputs(output: Any) -> dict[str, Tensor]:
    """Return all tensors in an output by name or number, with dots where outputs are nested.

    Example:
        >>> import torch
        >>> list(named_outputs((torch.zeros(2), {"scores": torch.ones(2), "loss": None})))
        ['0', '1.scores']
        >>> list(named_outputs(torch.zeros(2)))
        ['']
    """
    return dict(_named(output, WHOLE, 0))


def choose(
    output: Any,
    task: Task,
    n_examples: int,
    *,
    exact: Callable[[int], bool],
    takes: Callable[[int], bool],
    asked: str | None = None,
) -> str:
    """Return the name of the output that is scored.

    It is the one that is asked for; or the only one; or the one called as outputs of the task are, unless
    another one alone has as many values as the task needs; or the only one with as many values as it needs.

    Args:
        output: of the network, for ``n_examples`` examples.
        task: what is scored.
        n_examples: number of examples.
        exact: whether a number of outputs is exactly what the task needs.
        takes: whether a number of outputs can be scored.
        asked: name or number of an output.

    Raises:
        ModelError: several may be meant, or none can be scored, or there is none of this name.

    Example:
        >>> import torch
        >>> from modelstitch.tasks import CLASSIFICATION
        >>> several = torch.zeros(2, 4), torch.zeros(2, 10)
        >>> choose(several, CLASSIFICATION, 2, exact=lambda n: n == 10, takes=lambda n: n >= 10)
        '1'
    """
    every = named_outputs(output)
    if asked is not None:
        return _asked(asked, every, task)
    floating = {name: tensor for name, tensor in every.items() if tensor.is_floating_point()}
    if len(floating) == 1:
        return next(iter(floating))
    if not floating:
        raise ModelError(f"expected {expected(task)}, got {described(output)}")
    usable = {
        name: n
        for name, tensor in floating.items()
        if not name.rpartition(".")[2].startswith(_SECONDARY)
        and tensor.ndim
        and len(tensor) == n_examples
        and (n := _n_outputs(tensor, task)) is not None
    }
    exactly = [name for name, n in usable.items() if exact(n)]
    for name in task.output_names:
        if name in usable and takes(usable[name]):
            if name in exactly or not exactly:
                return name
            break  # it may be meant by its name, another one by its size
    else:
        if len(exactly) == 1:
            return exactly[0]
        if len(usable) == 1:
            return next(iter(usable))
    which = "several may be meant" if usable else "none of them can be scored"
    raise ModelError(
        f"expected {expected(task)}, got several outputs, and {which}: {listed_outputs(every)}; say which "
        "with --sender-output or --receiver-output NAME_OR_NUMBER, or output=... of its ModelSpec"
    )


def the_output(output: Any, task: Task) -> Tensor:
    """Return the tensor to score in an output, whatever the data need.

    Raises:
        ModelError: several may be meant, or none can be scored.
    """
    every = named_outputs(output)
    n = len(next(iter(every.values()))) if every else 0
    name = choose(output, task, n, exact=lambda n_outputs: False, takes=lambda n_outputs: True)
    return pick(output, name, task)


def shown(name: str, tensor: Tensor) -> str:
    """Return name and shape of an output in words, the shape without the axis of examples."""
    return f"{name or '0'} (N{''.join(f', {length}' for length in tensor.shape[1:])})"


def listed_outputs(every: Mapping[str, Tensor]) -> str:
    """Return names and shapes of outputs in words."""
    items = [shown(name, tensor) for name, tensor in every.items() if tensor.ndim]
    return ", ".join(items[:12]) + (f", ... ({len(items)} in all)" if len(items) > 12 else "")


def pick(output: Any, name: str, task: Task) -> Tensor:
    """Return the output called ``name``, with an axis for its values.

    Raises:
        ModelError: no such output, or one that the task cannot take.
    """
    if name == WHOLE and isinstance(output, Tensor):
        part = output
    else:
        every = named_outputs(output)
        if name not in every:
            raise ModelError(f"expected {expected(task)}, got {described(output)}")
        part = every[name]
    if task.axes == 2 and part.ndim == 1:
        part = part[:, None]
    if task.axes is not None and part.ndim != task.axes:
        raise ModelError(f"expected {expected(task)}, got {described(part)}")
    return part


def expected(task: Task) -> str:
    """Return what a task takes, in words."""
    if task.has_classes and task.axes == 2:
        return "class scores, one row for each example"
    return f"outputs for the task {task.name}, a tensor of {task.axes or 'any number of'} axes"


def _named(output: Any, name: str, depth: int) -> Iterator[tuple[str, Tensor]]:
    if isinstance(output, Tensor):
        yield name, output
        return
    parts = _parts(output, depth)
    if depth < _DEEPEST:
        for key, part in parts.items():
            yield from _named(part, f"{name}.{key}" if depth else str(key), depth + 1)


def _parts(output: Any, depth: int) -> Mapping[Any, Any]:
    if isinstance(output, Mapping):
        return output
    if hasattr(output, "_asdict"):
        return dict(output._asdict())
    if isinstance(output, tuple | list):
        return dict(enumerate(output))
    if is_dataclass(output) and not isinstance(output, type):
        return {field.name: getattr(output, field.name) for field in fields(output)}
    # Deeper objects are caches and the like.
    return getattr(output, "__dict__", {}) if depth == 0 else {}


def _asked(asked: str, every: Mapping[str, Tensor], task: Task) -> str:
    if list(every) == [WHOLE] and asked == "0":
        return WHOLE
    if asked not in every:
        raise ModelError(f"there is no output {asked!r}: expected one of {listed_outputs(every) or '(none)'}")
    tensor = every[asked]
    if not tensor.is_floating_point() or _n_outputs(tensor, task) is None:
        raise ModelError(f"expected {expected(task)}, got output {asked!r}, {described(tensor)}")
    return asked


def _n_outputs(tensor: Tensor, task: Task) -> int | None:
    """Return the number of values of an output; None where it has not the axes that the task takes."""
    if task.axes == 2 and tensor.ndim == 1:
        return 1
    if tensor.ndim == 0 or (task.axes is not None and tensor.ndim != task.axes):
        return None
    return tensor.shape[-1]
