"""Examples as a caller gives them: a tensor, an array, a tuple in the order of arguments, or by name."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from modelstitch.cutting.capture import Kwargs
from modelstitch.errors import CutError, ModelError

Example = Tensor | np.ndarray | list[Any] | tuple[Tensor, ...] | Mapping[str, Any]
"""Examples in any form that :func:`read_examples` takes."""

_FORMS = "a tensor, an array, a tuple of tensors in the order of the arguments, or a dict by their names"
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def read_examples(
    model: nn.Module, example: Any, kwargs: Mapping[str, Any] | None
) -> tuple[nn.Module, Tensor, Kwargs]:
    """Return a model, its first input and its further inputs by name, of examples in any form.

    One example alone becomes two equal ones: the free size of a batch shows from two on. A model that takes
    its input by name only is given a ``forward`` that takes it first.

    Args:
        model: the model; it is not changed.
        example: a tensor or an array (N, ...); a tuple of these in the order of the model's arguments; or a
            mapping by names of arguments, such as what a tokenizer gives.
        kwargs: further inputs by name.

    Raises:
        ModelError: an example in another form, or names that the model does not take.
        CutError: no example at all.

    Example:
        >>> _, x, more = read_examples(nn.Bilinear(2, 3, 1), (torch.ones(4, 2), torch.ones(4, 3)), None)
        >>> tuple(x.shape), list(more)
        ((4, 2), ['input2'])
    """
    if kwargs is not None and not isinstance(kwargs, Mapping):
        raise ModelError(f"expected further inputs as a dict by name, got {type(kwargs).__name__}")
    name, first, further = _parts(model, example)
    inputs = {key: _tensor(value, f"input {key}") for key, value in {**further, **(kwargs or {})}.items()}
    x = _tensor(first, "examples")
    _expect_known(model, inputs)
    _expect_one_batch(x, inputs)
    if x.ndim and len(x) == 1:
        x, inputs = torch.cat([x, x]), {key: _twice(value) for key, value in inputs.items()}
    return _taking_first(model, name), x, inputs


def _parts(model: nn.Module, example: Any) -> tuple[str | None, Any, dict[str, Any]]:
    """Return the name of the first input where it is given by name, the input, and the further inputs."""
    parameters = list(inspect.signature(model.forward).parameters.values())
    if isinstance(example, Mapping):
        taken = [p.name for p in parameters if p.name in example]
        if not taken:
            raise ModelError(
                f"expected examples by the names of the model's arguments ({_listed(parameters)}), got "
                f"{', '.join(map(str, example)) or 'none'}: a model that takes a dictionary is wrapped in "
                "modelstitch.FromDict(model, KEY)"
            )
        return taken[0], example[taken[0]], {key: example[key] for key in example if key != taken[0]}
    if isinstance(example, tuple):
        names = [p.name for p in parameters if p.kind in _POSITIONAL]
        if not example or len(example) > len(names) or not all(isinstance(part, Tensor) for part in example):
            raise ModelError(
                f"expected a tuple of 1 to {len(names)} tensors for the arguments {', '.join(names)}, got "
                f"{len(example)} parts"
            )
        return None, example[0], dict(zip(names[1:], example[1:], strict=False))
    return None, example, {}


def _tensor(value: Any, what: str) -> Tensor:
    if isinstance(value, list) and any(isinstance(part, Tensor) for part in value):
        raise ModelError(
            f"expected {what} as {_FORMS}, got a list of tensors: torch.stack makes one input of them, "
            "tuple() several"
        )
    if isinstance(value, np.ndarray) and value.dtype.kind not in "biufc":
        raise ModelError(
            f"expected {what} as {_FORMS}, of numbers, got an array of {value.dtype}: give "
            "array.astype('float32') of it, or 'int64' where these are tokens"
        )
    if isinstance(value, np.ndarray | list):
        try:
            value = torch.tensor(value)
        except (TypeError, ValueError) as error:
            raise ModelError(f"expected {what} as {_FORMS}, got {type(value).__name__}: {error}") from error
    if not isinstance(value, Tensor):
        raise ModelError(f"expected {what} as {_FORMS}, got {type(value).__name__}")
    if value.is_meta:
        raise ModelError(f"expected {what} with values, got a tensor on the meta device: give real inputs")
    if value.layout is not torch.strided:
        raise ModelError(f"expected {what} as a dense tensor, got {value.layout}: give to_dense() of it")
    if value.is_nested:
        raise ModelError(f"expected {what} of one shape, got a nested tensor: give them padded, with a mask")
    return value


def _twice(value: Tensor) -> Tensor:
    return torch.cat([value, value]) if value.ndim and len(value) == 1 else value


def _expect_known(model: nn.Module, inputs: Kwargs) -> None:
    parameters = list(inspect.signature(model.forward).parameters.values())
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return
    unknown = [name for name in inputs if name not in {p.name for p in parameters}]
    if unknown:
        raise ModelError(
            f"expected further inputs among the model's arguments ({_listed(parameters)}), got {unknown[0]!r}"
        )


def _expect_one_batch(x: Tensor, inputs: Kwargs) -> None:
    """Raise where a further input has another number of examples than the first."""
    for name, value in inputs.items():
        if x.ndim and (not value.ndim or len(value) not in (1, len(x))):
            raise ModelError(
                f"expected {len(x)} examples in input {name}, as in the first input, got shape "
                f"{tuple(value.shape)}: the first axis of each input is that of the examples. Nodes and "
                "edges of one graph are one example: wrap the model in a module that takes graphs of one "
                "size, (N, nodes, features)"
            )


def _listed(parameters: Sequence[inspect.Parameter]) -> str:
    return ", ".join(p.name for p in parameters) or "none"


def _taking_first(model: nn.Module, name: str | None) -> nn.Module:
    """Return a model that takes its input first: itself, or its parts under another ``forward``."""
    parameters = list(inspect.signature(model.forward).parameters.values())
    first = next((p for p in parameters if p.kind is not p.VAR_POSITIONAL), None)
    if first is None or (name in (None, first.name) and first.kind in _POSITIONAL):
        return model
    if name is None and first.kind is not first.KEYWORD_ONLY:
        return model
    own_name, own = name or first.name, model.forward

    def forward(x: Tensor, **more: Any) -> Any:
        return own(**{own_name: x}, **more)

    others = [p.replace(kind=p.KEYWORD_ONLY) for p in parameters if p.name != own_name]
    given = inspect.Parameter(own_name, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    forward.__signature__ = inspect.Signature([given, *others])  # type: ignore[attr-defined]
    # A shallow copy: its modules and parameters are the model's own.
    taking = copy.copy(model)
    taking.forward = forward
    return taking


def expect_cut(cut: Any) -> None:
    """Raise unless something names a cut.

    Raises:
        CutError: it is neither a cut nor a name.
    """
    if not isinstance(cut, str) and not hasattr(cut, "layout"):
        raise CutError(f"expected a cut or its name, got {cut!r}: cuts(model, example) lists them")
