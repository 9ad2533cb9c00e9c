"""The two halves of a model that is cut by hooks: one stops where the other begins.

The prefix runs the model until the module has given its output, and stops. The suffix runs the whole model on
kept examples, and puts the stitched representation in the place of the module's output; in a chain of modules
it runs only those after the cut.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from modelstitch.cutting.capture import Kwargs, eval_mode, no_fused_attention
from modelstitch.cutting.outputs import with_none_for
from modelstitch.cutting.shaped import OTHERWISE, elsewhere
from modelstitch.errors import CutError

OutputHook = Callable[[str, int, Any], Any]
"""Takes the path of a module, the number of its call and its output; returns a new output, or None."""


class _Stop(Exception):  # noqa: N818
    """All representations that were asked for are there."""


@contextlib.contextmanager
def hooked(model: nn.Module, hook: OutputHook) -> Iterator[None]:
    """Let ``hook`` read, and replace, the output of every module of ``model`` while the block runs."""
    counts: dict[str, int] = {}

    def forward_hook(path: str) -> Callable[[nn.Module, Any, Any], Any]:
        def count_and_call(module: nn.Module, arguments: Any, output: Any) -> Any:
            number = counts[path] = counts.get(path, -1) + 1
            return hook(path, number, output)

        return count_and_call

    handles = [
        module.register_forward_hook(forward_hook(path)) for path, module in model.named_modules() if path
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def same_output(model: nn.Module, x: Tensor, name: str, kwargs: Kwargs) -> str | None:
    """Return the first module that gave the tensor that another module hands on; None where that is its own.

    Args:
        model: in eval mode.
        x: inputs.
        name: of the module, with the number of its call where it has several: ``drop@1``.
        kwargs: further inputs by name of argument.

    Returns:
        The name of the call, without its number where it is the only one.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 2), nn.Identity(), nn.Linear(2, 1))
        >>> same_output(model, torch.ones(1, 2), "1", {})
        '0'
    """
    given: list[tuple[str, int, Any, int]] = []

    def note(path: str, number: int, output: Any) -> None:
        # A tensor that was written to in between is another value.
        given.append((path, number, output, output._version if isinstance(output, Tensor) else 0))

    with torch.inference_mode(False), torch.no_grad(), hooked(model, note):
        model(x.clone(), **kwargs)
    path, _, number = name.partition("@")
    asked = [(out, version) for at, call, out, version in given if at == path and number in ("", str(call))]
    if len(asked) != 1 or not isinstance(asked[0][0], Tensor):
        return None
    first, call = next(
        (at, call) for at, call, out, version in given if out is asked[0][0] and version == asked[0][1]
    )
    several = sum(at == first for at, *_ in given) > 1
    return None if first == path else f"{first}@{call}" if several else first


class HookPrefix(nn.Module):
    """The model up to some calls, to the tuple of their outputs."""

    def __init__(
        self, model: nn.Module, calls: list[tuple[str, int]], frozen: bool, axes: Sequence[int] = ()
    ) -> None:
        super().__init__()
        self.model, self.calls, self.frozen = model, calls, frozen
        self.axes = dict(zip(calls, axes, strict=True)) if axes else dict.fromkeys(calls, 0)

    def forward(self, x: Tensor, **kwargs: Tensor) -> tuple[Tensor, ...]:
        other = elsewhere(self, x, kwargs)
        if other is not None:
            return tuple(other(x, **kwargs))
        outputs: dict[tuple[str, int], Tensor] = {}

        def keep(path: str, number: int, output: Any) -> None:
            if (path, number) in self.calls:
                # The next module may write to it in place.
                outputs[path, number] = output.clone()
                if len(outputs) == len(set(self.calls)):
                    raise _Stop

        with (
            eval_mode(self.model),
            no_fused_attention(),
            hooked(self.model, keep),
            contextlib.suppress(_Stop),
        ):
            _run(self.model, x.clone(), kwargs, self.frozen)
        _expect_run(self.calls, outputs)
        # A stitch that learns refuses a tensor made under torch.inference_mode; a copy is an ordinary tensor.
        ordinary = {
            call: output.clone() if output.is_inference() else output for call, output in outputs.items()
        }
        return tuple(_batch_first(ordinary[call], self.axes[call]) for call in self.calls)


class HookSuffix(nn.Module):
    """The model after one call: its own input is a kept example, and the call's output is the given one.

    Outputs that do not follow from the call's output would be those of the kept example: None stands there.
    """

    def __init__(
        self,
        model: nn.Module,
        example: Tensor,
        call: tuple[str, int],
        frozen: bool,
        later: list[tuple[str, int]] | None,
        axes: Mapping[tuple[str, int], int],
        given: Sequence[bool],
    ) -> None:
        super().__init__()
        self.model, self.call, self.frozen, self.later, self.axes = model, call, frozen, later, axes
        self.given = tuple(given)
        # Not registered: these are modules of the model, whose parameters would be listed twice.
        self.__dict__["_after"] = None if later is not None else chain_after(model, call)
        self.register_buffer("example", example, persistent=False)

    def forward(self, y: Tensor, **kwargs: Tensor) -> Any:
        other = elsewhere(self, y, kwargs)
        if other is not None:
            return other(y, **kwargs)
        y = _batch_first(y, self.axes[self.call])
        after: nn.Sequential | None = self.__dict__["_after"]
        if after is not None and not kwargs:
            with eval_mode(self.model), no_fused_attention():
                return _run(after, y.clone(), kwargs, self.frozen)
        outputs: dict[tuple[str, int], Tensor] = {}
        replaced: list[tuple[str, int]] = []
        graded = torch.is_grad_enabled()

        def replace(path: str, number: int, output: Any) -> Any:
            if (path, number) == self.call:
                replaced.append(self.call)
                if output.shape != y.shape:
                    raise CutError(
                        f"expected representations of shape {tuple(output.shape[1:])}, as on the examples "
                        f"that the model was cut for, got {tuple(y.shape[1:])}: {OTHERWISE}"
                    )
                # A frozen backbone runs without gradients, what comes after it with them.
                with torch.inference_mode(False), torch.set_grad_enabled(graded):
                    # With the strides of the model's own output: a view after it may need them.
                    return torch.empty_like(output, dtype=y.dtype).copy_(y)
            if self.later is not None and (path, number) in self.later:
                outputs[path, number] = output.clone()
                if len(outputs) == len(self.later):
                    raise _Stop
            return None

        example = self.example
        assert isinstance(example, Tensor)
        n = y.shape[self.axes[self.call]]
        inputs = example[torch.arange(n, device=example.device) % len(example)].to(y.device)
        inputs = inputs.to(y.dtype) if inputs.is_floating_point() else inputs
        output: Any = None
        with (
            eval_mode(self.model),
            no_fused_attention(),
            hooked(self.model, replace),
            contextlib.suppress(_Stop),
        ):
            output = _run(self.model, inputs, kwargs, self.frozen)
        _expect_run([self.call], replaced)
        if self.later is None:
            return with_none_for(output, self.given)
        _expect_run(self.later, outputs)
        return tuple(_batch_first(outputs[call], self.axes[call]) for call in self.later)


def _expect_run(calls: Sequence[tuple[str, int]], run: Collection[tuple[str, int]]) -> None:
    """Raise where the model took a way without some of the calls: its branches depend on the inputs."""
    for path, number in calls:
        if (path, number) not in run:
            which = f"call {number + 1} of {path!r}" if number else repr(path)
            raise CutError(
                f"the model does not come to {which} on these inputs, since its branches depend on their "
                "values: choose a cut that every input passes"
            )


def _batch_first(x: Tensor, axis: int) -> Tensor:
    """Swap the first two axes where the batch is the second one; the same swap undoes it."""
    return x.transpose(0, 1) if axis == 1 else x


def chain_after(model: nn.Module, call: tuple[str, int]) -> nn.Sequential | None:
    """Return the modules that run after a call, if all modules around it are ``nn.Sequential``; else None.

    None also if a module stands in the model twice: it has one name only, which does not separate its calls.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU(), nn.Tanh()), nn.Linear(3, 1))
        >>> chain_after(model, ("1.0", 0))
        Sequential(
          (0): Tanh()
          (1): Linear(in_features=3, out_features=1, bias=True)
        )
    """
    times = Counter(id(module) for _, module in model.named_modules(remove_duplicate=False))
    if max(times.values()) > 1:
        return None
    after: list[nn.Module] = []
    for name in call[0].split("."):
        if type(model) is not nn.Sequential or model._forward_hooks or model._forward_pre_hooks:
            return None
        names = list(model._modules)
        after = [*list(model)[names.index(name) + 1 :], *after]
        model = model.get_submodule(name)
    return nn.Sequential(*after)


def _run(model: nn.Module, x: Tensor, kwargs: Kwargs, frozen: bool) -> Any:
    if not frozen:
        return model(x, **kwargs)
    values = {name: value.detach() for name, value in (*model.named_parameters(), *model.named_buffers())}
    return torch.func.functional_call(model, values, (x,), dict(kwargs))
