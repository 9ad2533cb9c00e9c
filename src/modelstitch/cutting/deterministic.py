"""Requirements on a model before it is cut: deterministic in eval mode, no buffer mutation."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram, unflatten
from torch.nn.parameter import is_lazy

from modelstitch.cutting.attributes import changed as attributes_changed
from modelstitch.cutting.attributes import numbers_in, prints_of
from modelstitch.cutting.capture import (
    Kwargs,
    eval_mode,
    no_fused_attention,
    restored_buffers,
    run_eagerly,
)
from modelstitch.cutting.certify import RELATIVE_TOLERANCE, relative_difference
from modelstitch.cutting.outputs import leaves
from modelstitch.errors import CutError, ModelError

_SAME, _SAME_IN_HALF = 1e-4, 2e-2
"""Largest relative difference between two runs on the same inputs: above rounding, below noise."""

_SHIFTS = (1, 1000)
"""What is added to a number that each call writes, to see whether the outputs depend on it."""

_SHOWN = 3

_SAME_IN_OTHER_BATCHES, _ROUGHER = 1e-3, 50
"""Largest relative difference between two batches: kernels round otherwise at another size."""


def as_module(model: Any, name: str = "model") -> nn.Module:
    """Return a model as a module: itself, or the module inside an ``ExportedProgram``.

    Raises:
        ModelError: anything else; a module of TorchScript too, which hides what it computes.
    """
    if isinstance(model, ExportedProgram):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch about itself
            return unflatten(model)
    if not isinstance(model, nn.Module):
        raise ModelError(f"expected a torch.nn.Module as model {name}, got {type(model).__name__}")
    scripted = [path for path, part in model.named_modules() if isinstance(part, torch.jit.ScriptModule)]
    if scripted:
        part = f"has a part {scripted[0]}, a module" if scripted[0] else "is a module"
        raise ModelError(
            f"model {name} {part} of TorchScript, which hides what it computes: give the module that "
            "it was made from, or what torch.export made of that"
        )
    lazy = [path for path, part in model.named_modules() if is_lazy_module(part)]
    if lazy:
        raise ModelError(
            f"model {name} has a lazy module {lazy[0]!r}, which has no weights yet: run the model on one "
            "input, and load its weights then"
        )
    empty = [path for path, value in model.state_dict().items() if getattr(value, "is_meta", False)]
    if empty:
        raise ModelError(
            f"model {name} is on the meta device, where weights have no values ({empty[0]}): give "
            "to_empty(device=...) of it, and load its weights then"
        )
    return model


def is_lazy_module(module: nn.Module) -> bool:
    """Tell whether a module waits for its first input to make its weights."""
    held = (*module._parameters.values(), *module._buffers.values())
    return any(value is not None and is_lazy(value) for value in held)


def expect_deterministic(
    model: nn.Module,
    example: Tensor,
    name: str,
    kwargs: Kwargs,
    between: Callable[[Tensor, Kwargs], object] | None = None,
) -> Any:
    """Run a model several times in eval mode, and leave its buffers unchanged.

    Between two runs on ``example`` stands one on other inputs, and what a call writes into single numbers of
    the model's plain attributes is changed. So a state shows that the next call would not.

    Args:
        model: the model.
        example: (N, ...) inputs.
        name: what to call the model in errors.
        kwargs: (N, ...) further inputs by name of argument.
        between: runs the model on the other inputs; by default without gradients.

    Returns:
        Its output for ``example``.

    Raises:
        ModelError: it does not run on ``example``, outputs NaN, or outputs something else in another run.
        CutError: it mutates its buffers.
    """
    with eval_mode(model), no_fused_attention(), restored_buffers(model):
        before = {path: buffer.clone() for path, buffer in model.named_buffers()}
        attributes = prints_of(model)
        first = run_eagerly(model, example, name, kwargs, keep=False)
        after = dict(model.named_buffers())
        changed = sorted(
            path for path, value in before.items() if path not in after or not _same(after[path], value)
        )
        if changed:
            raise CutError(
                f"model {name} changes its own buffers in eval mode ({', '.join(changed[:3])}): "
                "expected a model that is frozen in eval mode"
            )
        lost = [leaf for leaf in leaves(first) if isinstance(leaf, Tensor) and leaf.isnan().any()]
        if lost and not example.isnan().any():
            raise ModelError(
                f"model {name} gives NaN for inputs that are numbers; {_where_not_finite(model)}: "
                "give weights that were trained to the end"
            )
        written = attributes_changed(attributes, prints_of(model))
        halves = any(p.dtype in (torch.float16, torch.bfloat16) for p in model.parameters())
        most = _SAME_IN_HALF if halves else _SAME
        others = example.flip(0), {key: value.flip(0) for key, value in kwargs.items()}
        if between is None:
            run_eagerly(model, others[0], name, others[1])
        else:
            between(*others)
        again = run_eagerly(model, example, name, kwargs)
        if _shapes(again) != _shapes(first):
            raise ModelError(
                f"model {name} gives outputs of another shape for the same inputs when it is run again in "
                f"eval mode ({_shapes(first)}, then {_shapes(again)}){_named(written)}: expected a length "
                "that follows from the shape of the input alone"
            )
        difference = relative_difference(again, first)
        if difference > most:
            raise ModelError(
                f"model {name} gives something else for the same inputs when it is run again in eval mode "
                f"(relative difference {difference:.1e}){_named(written)}: expected a model without dropout, "
                "noise or counting there"
            )
        for place in numbers_in(model, written):
            for shift in _SHIFTS:
                with place.holding(place.value + shift):
                    difference = _difference_from(first, model, example, name, kwargs)
                if difference > RELATIVE_TOLERANCE:
                    raise ModelError(
                        f"model {name} writes its attribute {place.name} in eval mode, and with another "
                        "value there it gives something else for the same inputs (relative difference "
                        f"{difference:.1e}): expected a model without counting there"
                    )
    return first


def depends_on_batch(run: Callable[[Tensor, Kwargs], Tensor], x: Tensor, kwargs: Kwargs) -> bool:
    """Tell whether the outputs of an example depend on the other examples of its batch.

    The first half of the examples is run before the second half, behind it in reverse order, behind itself,
    and alone.

    Args:
        run: maps inputs and further inputs to outputs, the examples first.
        x: (N, ...) real inputs, N >= 2.
        kwargs: (N, ...) further inputs by name of argument.

    Example:
        >>> depends_on_batch(lambda x, _: x - x.mean(0), torch.tensor([[0.0], [1.0]]), {})
        True
    """
    if len(x) < 2:
        return False
    half = len(x) // 2
    own = torch.arange(half, device=x.device)
    whole = torch.arange(len(x), device=x.device)
    # Several layers take no batch of one.
    others = [(whole.flip(0), True), (own.repeat(2), False), *([(own, False)] if half > 1 else [])]

    def outputs(indices: Tensor) -> Tensor:
        with torch.inference_mode(), no_fused_attention():
            return run(x[indices], {name: value[indices] for name, value in kwargs.items()})

    expected = outputs(whole)[:half]
    most = _SAME_IN_OTHER_BATCHES * (_ROUGHER if expected.element_size() == 2 else 1)
    for indices, is_reversed in others:
        got = outputs(indices)[-half:]
        if relative_difference(got.flip(0) if is_reversed else got, expected) > most:
            return True
    return False


def _shapes(output: Any) -> str:
    return ", ".join(str(tuple(leaf.shape)) for leaf in leaves(output) if isinstance(leaf, Tensor))


def _named(attributes: tuple[str, ...]) -> str:
    """Return which attributes a call changes, for a message."""
    if not attributes:
        return ""
    more = f" and {len(attributes) - _SHOWN} more" if len(attributes) > _SHOWN else ""
    plural = "s" if len(attributes) > 1 else ""
    return f"; each call changes its attribute{plural} {', '.join(attributes[:_SHOWN])}{more}"


def _difference_from(first: Any, model: nn.Module, example: Tensor, name: str, kwargs: Kwargs) -> float:
    """Return how far the outputs are from the first ones; infinite where the model does not run any more."""
    try:
        return relative_difference(run_eagerly(model, example, name, kwargs), first)
    except (ModelError, ValueError):  # a value of another shape or structure
        return float("inf")


def _same(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape:
        return False
    return torch.equal(one, other) or bool(((one == other) | ((one != one) & (other != other))).all())


def _where_not_finite(model: nn.Module) -> str:
    paths = [
        path
        for path, value in model.state_dict().items()
        if isinstance(value, Tensor) and value.is_floating_point() and not bool(value.isfinite().all())
    ]
    return f"its {paths[0]} holds some, as do {len(paths) - 1} more" if paths else "its weights hold none"
