"""Does a model's output depend on its input only through the output of one module? Two tests.

The first replaces the module's output by real values and gives the model a FakeTensor, which holds no values,
as its input. A FakeTensor in the output then shows that data flowed around the module.

The second is for models that cannot run without values, since they route tokens to experts, say. It holds the
module's output and swaps the input for others: the model's output must not change by a bit. Weights that are
zero hide a flow, such as those of a branch that has learnt nothing yet, so they are drawn for this test.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from modelstitch.cutting.capture import NO_KWARGS, Kwargs, no_logs
from modelstitch.cutting.hook_halves import HookPrefix, hooked
from modelstitch.cutting.outputs import leaves

AROUND = "data also flows around it"
_LEAST_RUNS = 2


@dataclass(frozen=True)
class OutputsBehind:
    """What follows from the output of one call.

    Attributes:
        given: whether each leaf of the model's output follows from it.
        by_values: whether this was found by comparing values.
    """

    given: tuple[bool, ...]
    by_values: bool = False


@dataclass(frozen=True)
class _Held:
    """A call whose output is held, and the value that it is held at."""

    model: nn.Module
    path: str
    number: int
    value: Tensor


class _WritesOfFake(TorchDispatchMode):
    """Detects writes of a FakeTensor into a tensor with values."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.detected = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = dict(zip((a.name for a in func._schema.arguments), args, strict=False)) | kwargs
        written = [
            given[a.name]
            for a in func._schema.arguments
            if a.alias_info is not None and a.alias_info.is_write and a.name in given
        ]
        if any(isinstance(value, Tensor) and not isinstance(value, FakeTensor) for value in written) and any(
            isinstance(leaf, FakeTensor) for leaf in pytree.tree_leaves((args, kwargs))
        ):
            self.detected = True
        return func(*args, **kwargs)


def outputs_behind(
    model: nn.Module,
    example: Tensor,
    path: str,
    number: int,
    kwargs: Kwargs = NO_KWARGS,
    scored: int | None = None,
) -> str | OutputsBehind:
    """Return which leaves of the output follow from a call's output, or why the call is no legal cut.

    Args:
        model: in eval mode.
        example: (N, ...) inputs.
        path, number: the call.
        kwargs: further inputs by name of argument, which the suffix gets unchanged.
        scored: the leaf of the output that has to follow; None for all of them.
    """
    with torch.no_grad():
        (value,) = HookPrefix(model, [(path, number)], frozen=True)(example, **kwargs)
        held = _Held(model, path, number, value)
        found = _without_values(held, example, kwargs)
        if found is None:
            found = _by_values(held, example, kwargs)
    if isinstance(found, OutputsBehind) and not (all(found.given) if scored is None else found.given[scored]):
        return AROUND
    return found


def _without_values(held: _Held, example: Tensor, kwargs: Kwargs) -> str | OutputsBehind | None:
    """Test with an input that holds no values; None where the model does not run on it."""
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    # The cache compares the packed weights of quantised layers, which those refuse.
    mode.cache_enabled = False
    fake = mode.from_tensor(example)
    writes = _WritesOfFake()
    passed, behind = False, list[str]()

    def replace(at: str, call: int, output: Any) -> Any:
        nonlocal passed
        if (at, call) == (held.path, held.number):
            passed = True
            return held.value.clone()
        around = held.path.startswith(f"{at}.")
        if passed and not around and any(isinstance(leaf, FakeTensor) for leaf in leaves(output)):
            behind.append(at)
        return None

    try:
        with hooked(held.model, replace), writes, no_logs():
            output = held.model(fake, **kwargs)
    except Exception:  # a model may fail in any way without values
        return None
    given = tuple(not isinstance(leaf, FakeTensor) for leaf in leaves(output))
    if writes.detected:
        return AROUND
    if behind and not any(given):
        return f"{AROUND}, through {behind[0]}"
    return OutputsBehind(given)


def _by_values(held: _Held, example: Tensor, kwargs: Kwargs) -> str | OutputsBehind:
    """Test with other inputs, under which the output must not change."""
    drawn = _drawn_for_zeros(held.model)
    own = _run(held, drawn, example, kwargs)
    if own is None or isinstance(own, Exception):
        return AROUND
    n_ran, given = 0, [True] * len(own)
    for other in _others(example):
        got = _run(held, drawn, other, kwargs)
        if got is None:
            continue  # the model does not take this input
        n_ran += 1
        if isinstance(got, Exception) or len(got) != len(own):
            return f"{AROUND}: with another input the model does something else behind it"
        given = [known and _equal(one, two) for known, one, two in zip(given, own, got, strict=True)]
    if n_ran < _LEAST_RUNS:
        return "whether data flows around it cannot be tested: the model runs on no other inputs"
    return OutputsBehind(tuple(given), by_values=True)


def _run(held: _Held, drawn: dict[str, Tensor], x: Tensor, kwargs: Kwargs) -> list[Any] | Exception | None:
    """Return the leaves of the output; an error that came behind the call; None for one before it."""
    passed = False

    def replace(at: str, call: int, output: Any) -> Any:
        nonlocal passed
        if (at, call) != (held.path, held.number):
            return None
        passed = True
        return held.value.clone()

    try:
        with hooked(held.model, replace), no_logs():
            output = torch.func.functional_call(held.model, drawn, (x.clone(),), dict(kwargs))
    except Exception as error:  # a model may fail in any way on an input that it was not made for
        return error if passed else None
    return leaves(output) if passed else RuntimeError("the module does not run on every input")


def _drawn_for_zeros(model: nn.Module) -> dict[str, Tensor]:
    """Return values for the parameters that are zero everywhere."""
    generator = torch.Generator().manual_seed(0)
    return {
        name: 0.1 * torch.randn(value.shape, generator=generator).to(value)
        for name, value in model.named_parameters()
        if value.is_floating_point() and not bool(value.any())
    }


def _others(x: Tensor) -> Iterator[Tensor]:
    """Yield other inputs of the same kind: the examples in another order, of another sign, and drawn anew."""
    generator = torch.Generator().manual_seed(0)
    made = [x.roll(1, 0), x.flip(-1)]
    if x.is_floating_point():
        made.append(-x)  # models branch by signs
    for _ in range(2):
        if x.is_floating_point():
            noise = torch.randn(x.shape, generator=generator).to(x)
            made.append(x.mean() + noise * x.std().clamp_min(1e-3))
        else:
            known = x.flatten()
            made.append(known[torch.randint(0, len(known), x.shape, generator=generator).to(x.device)])
    yield from (other for other in made if not torch.equal(other, x))


def _equal(one: Any, two: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(two, Tensor):
        same = one.shape == two.shape
        return same and bool(((one == two) | (one.isnan() & two.isnan())).all())
    return bool(one == two)
