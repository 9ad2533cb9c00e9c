"""Cut a model that no graph can be captured of, by hooks on its modules.

A module is a legal cut where the model's output, with something else in the place of the module's, depends on nothing else of the input. That is tested with an input that is a FakeTensor, which holds no values: if any
tensor of the output is one as well, data flowed around the cut. (Another input with values would not do: a branch that starts at zero shows
no difference.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from modelstitch.cutting.capture import NO_MORE, More, eval_mode, leaves, plain_attention, run_eagerly
from modelstitch.cutting.cost import Work
from modelstitch.cutting.halves import HookPrefix, HookSuffix, acting, chain_after
from modelstitch.cutting.layouts import recognise
from modelstitch.cutting.listed import Cut, CutModel
from modelstitch.cutting.naming import is_block
from modelstitch.errors import CutError, ModelError


@dataclass(frozen=True)
class Call:
    """One call of one module: its path, which call, the output's shape for one example, and what was done up to there.

    ``last`` tells whether its features are the last axis, where the layer that ran last tells; ``axis`` which one is the batch, 1 where a
    sequence comes first.
    """

    path: str
    number: int
    shape: tuple[int, ...]
    bytes: int
    parameters: int
    flops: int
    last: bool | None
    axis: int = 0


_FEATURES_FIRST = (
    nn.modules.conv._ConvNd,
    nn.modules.batchnorm._BatchNorm,
    nn.GroupNorm,
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AdaptiveAvgPoolNd,
)
_FEATURES_LAST = (nn.Linear, nn.LayerNorm, nn.Embedding, nn.MultiheadAttention, nn.RNNBase)


class _WritesOfFake(TorchDispatchMode):
    """Notices when something without values is written into a tensor that has them."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = dict(zip((each.name for each in func._schema.arguments), args, strict=False)) | kwargs
        written = [
            given[each.name]
            for each in func._schema.arguments
            if each.alias_info is not None and each.alias_info.is_write and each.name in given
        ]
        if any(isinstance(each, Tensor) and not isinstance(each, FakeTensor) for each in written) and any(
            isinstance(each, FakeTensor) for each in pytree.tree_leaves((args, kwargs))
        ):
            self.seen = True
        return func(*args, **kwargs)


def why_illegal(
    model: nn.Module, example: Tensor, path: str, number: int, more: More = NO_MORE
) -> str | None:
    """Return why the output of a call is no legal cut, or None where it is one.

    Args:
        model: in eval mode.
        example: (N, ...) inputs.
        path, number: of the call.
        more: further inputs by name of argument, which the suffix is given as they are.
    """
    prefix = HookPrefix(model, [(path, number)], frozen=True)
    with torch.no_grad():
        (real,) = prefix(example, **more)
        mode = FakeTensorMode(allow_non_fake_inputs=True)
        # What is kept of one run compares the packed weights of quantised layers with those of the next, which they refuse.
        mode.cache_enabled = False
        fake = mode.from_tensor(example)
        writes = _WritesOfFake()

        def act(at: str, call: int, output: Any) -> Any:
            return real.clone() if (at, call) == (path, number) else None

        try:
            with acting(model, act), writes:
                output = model(fake, **more)
        except Exception as error:  # whatever a model does with values that are not there
            first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            return f"what comes before it depends on the values of the input ({first_line})"
    if writes.seen or any(isinstance(leaf, FakeTensor) for leaf in leaves(output)):
        return "data also flows around it"
    return None


class HookCutting(CutModel):
    """A model and the calls of its modules at which it can be cut.

    Args:
        model: any module with one tensor input.
        example: (N, ...) inputs with N >= 2; kept, to run the suffix's first layers on.
        name: what to call the model in errors.
        reason: why no graph was captured.
        more: (N, ...) further inputs by name of argument.

    Raises:
        ModelError: the model does not run on ``example``.
        CutError: no module's output is a legal cut.
    """

    def __init__(
        self, model: nn.Module, example: Tensor, name: str, reason: str, more: More = NO_MORE
    ) -> None:
        self.model, self.name, self.example = model, name, example.detach().clone()
        for n in (len(example), 1, 2 * len(example)):
            try:
                with eval_mode(model), plain_attention():
                    some = torch.arange(n, device=example.device) % len(example)
                    further = {each: value[some] for each, value in more.items()}
                    run_eagerly(model, example[some], name, further)
            except ModelError as error:
                if n == len(example):
                    raise
                raise CutError(
                    f"{reason}, and it does not run on {n} inputs: expected a model that takes any batch"
                ) from error
        with eval_mode(model), plain_attention():
            groups, self._calls = _traced(model, self.example, more)
            self._why: dict[str, str] = {}
            found: list[Cut] = []
            self._at: dict[str, tuple[str, int]] = {}
            self._axes: dict[tuple[str, int], int] = {}
            n_calls: dict[str, int] = {}
            for call in self._calls:
                n_calls[call.path] = n_calls.get(call.path, 0) + 1
            for group in groups:
                names = [
                    call.path if n_calls[call.path] == 1 else f"{call.path}@{call.number}" for call in group
                ]
                blocks = [index for index, call in enumerate(group) if is_block(model, call.path)]
                chosen = blocks[0] if blocks else 0
                call, why = self._first_legal(group, more)
                if why is not None:
                    self._why |= dict.fromkeys(names, why)
                    continue
                aliases = tuple(each for index, each in enumerate(names) if index != chosen)
                last = True if call.axis == 1 else call.last
                layout = recognise(call.shape, last=last if 2 <= len(call.shape) <= 4 else None)
                found.append(Cut(names[chosen], aliases, layout, bool(blocks)))
                self._at[names[chosen]] = (call.path, call.number)
                self._axes[call.path, call.number] = call.axis
        chain = all(chain_after(model, call) is not None for call in self._at.values())
        cost = "nothing computed twice" if chain else "which run the receiver's first layers too"
        self.technique = f"module hooks, {cost}, since {reason}"
        if not any(cut.boundary for cut in found):
            found = [Cut(cut.name, cut.aliases, cut.layout, True) for cut in found]
        self.cuts = tuple(found)
        if not found:
            raise CutError(
                f"model {name} has no cut: {reason}, and with hooks "
                + (
                    "no module's output is one tensor"
                    if not self._why
                    else "; ".join(sorted(set(self._why.values())))
                )
            )

    def _first_legal(self, group: list[Call], more: More) -> tuple[Call, str | None]:
        """Return the outermost of the calls with one output that is a legal cut, or why the outermost is none."""
        # Nothing of the outermost comes after it; one that gives its input unchanged may look at it all the same.
        first = None
        for call in reversed(group):
            why = why_illegal(self.model, self.example, call.path, call.number, more)
            if why is None:
                return call, None
            first = first or why
        return group[-1], first

    def _why_not(self, name: str) -> str:
        if name in self._why:
            return self._why[name]
        if name in dict(self.model.named_modules()):
            return "its output is not one floating-point tensor with the batch as its first axis, or the model's own output"
        return "no module of this name"

    def prefix(self, *names: str, frozen: bool = False) -> nn.Module:
        calls = [self._at[self.find(name).name] for name in names]
        return HookPrefix(self.model, calls, frozen, [self._axes[call] for call in calls])

    def suffix(self, name: str, frozen: bool = False, later: tuple[str, ...] | None = None) -> nn.Module:
        after = None if later is None else [self._at[self.find(each).name] for each in later]
        return HookSuffix(self.model, self.example, self._at[self.find(name).name], frozen, after, self._axes)

    def activation_bytes(self, name: str) -> int:
        # The whole model runs, whatever the cut.
        self.find(name)
        return sum(call.bytes for call in self._calls)

    def work_before(self) -> dict[str, Work]:
        whole = max(1, sum(p.numel() for p in self.model.parameters()))
        flops = max(1, self._calls[-1].flops)
        by_call = {(call.path, call.number): call for call in self._calls}
        return {
            cut.name: Work(
                by_call[self._at[cut.name]].parameters / whole, by_call[self._at[cut.name]].flops / flops
            )
            for cut in self.cuts
        }


def _sizes(model: nn.Module, example: Tensor, more: More) -> dict[tuple[str, int], tuple[int, ...]]:
    """Return the shape of what each call gives for one example more."""
    n = len(example) + 1
    some = torch.arange(n, device=example.device) % len(example)
    found: dict[tuple[str, int], tuple[int, ...]] = {}

    def note(path: str, number: int, output: Any) -> None:
        if isinstance(output, Tensor):
            found[path, number] = tuple(output.shape)

    with torch.no_grad(), acting(model, note):
        model(example[some], **{name: value[some] for name, value in more.items()})
    return found


def _batch_axis(shape: tuple[int, ...], other: tuple[int, ...] | None, n: int) -> int | None:
    """Return which axis is the batch, by the shape of what a call gives for one example more: no other axis may have grown.

    Of two axes the second is features, whatever its length; a sequence-first value has three at least.
    """
    for axis in (0, 1) if len(shape) > 2 else (0,):
        if shape[axis] == n and other == (*shape[:axis], n + 1, *shape[axis + 1 :]):
            return axis
    return None


def _version(x: Tensor) -> int:
    """Return how often a tensor was written to; of one made under torch.inference_mode nobody counts."""
    return 0 if x.is_inference() else x._version


def _traced(model: nn.Module, example: Tensor, more: More) -> tuple[list[list[Call]], list[Call]]:
    """Run the model once; return the calls that could be cuts, those with one output together, and all calls in order."""
    calls: list[tuple[Call, tuple[Tensor, int] | None]] = []
    counter = FlopCounterMode(display=False)
    used: set[int] = set()
    others = _sizes(model, example, more)
    parameters = {path: list(module.parameters(recurse=True)) for path, module in model.named_modules()}
    sizes = {id(p): p.numel() for p in model.parameters()}

    modules = dict(model.named_modules())
    known: list[bool | None] = [None]

    def note(path: str, number: int, output: Any) -> None:
        if isinstance(modules[path], _FEATURES_FIRST):
            known[0] = False
        elif isinstance(modules[path], _FEATURES_LAST):
            known[0] = True
        used.update(id(p) for p in parameters[path])
        plain = isinstance(output, Tensor) and output.is_floating_point() and output.ndim >= 2
        axis = _batch_axis(tuple(output.shape), others.get((path, number)), len(example)) if plain else None
        fits = axis is not None
        shape = tuple(length for at, length in enumerate(output.shape) if at != axis) if fits else ()
        n_bytes = output.numel() * output.element_size() // len(example) if plain else 0
        call = Call(
            path,
            number,
            shape,
            n_bytes,
            sum(sizes[i] for i in used),
            counter.get_total_flops(),
            known[0],
            axis or 0,
        )
        calls.append((call, (output, _version(output)) if fits else None))

    with torch.no_grad(), counter, acting(model, note):
        last = model(example.clone(), **more)
    groups: list[list[Call]] = []
    tensors: list[tuple[Tensor, int]] = []
    outputs = [leaf for leaf in leaves(last) if isinstance(leaf, Tensor)]
    for call, output in calls:
        if output is None or any(output[0] is leaf and output[1] == _version(leaf) for leaf in outputs):
            continue
        # One tensor that was written to in between is another value.
        if tensors and tensors[-1][0] is output[0] and tensors[-1][1] == output[1]:
            groups[-1].append(call)
        else:
            groups.append([call])
            tensors.append(output)
    return groups, [call for call, _ in calls]
