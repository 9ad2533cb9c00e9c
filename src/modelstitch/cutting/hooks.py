"""Cut a model without a captured graph, by hooks on its modules.

The output of a module is a legal cut if the model's output depends on nothing else of the input.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from modelstitch.cutting.capture import (
    NO_KWARGS,
    Kwargs,
    eval_mode,
    no_fused_attention,
    run_eagerly,
)
from modelstitch.cutting.cost import CutWork, counter, per_example, work
from modelstitch.cutting.cut import Cut, CutModel
from modelstitch.cutting.hook_halves import HookPrefix, HookSuffix, chain_after, hooked
from modelstitch.cutting.hook_positions import measured_layout
from modelstitch.cutting.layouts import recognise
from modelstitch.cutting.leaks import OutputsBehind, outputs_behind
from modelstitch.cutting.naming import block_of, is_block
from modelstitch.cutting.outputs import leaves, scored_leaf, what_is_cut
from modelstitch.errors import CutError, ModelError


@dataclass(frozen=True)
class Call:
    """One call of one module.

    Attributes:
        path: path of the module.
        number: number of the call.
        shape: shape of its output for one example.
        bytes: bytes of its output for one example.
        parameters: number of parameters used so far.
        flops: operations so far.
        last: whether the features are the last axis of the output, by the latest layer that tells.
        axis: batch axis of the output, 1 for a sequence-first output.
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


class HookCutModel(CutModel):
    """A model whose legal cuts are outputs of module calls.

    Args:
        model: any module with one tensor input.
        example: (N, ...) inputs with N >= 2; kept, since a suffix may run first layers on them.
        name: name of the model in errors.
        reason: why no graph was captured.
        kwargs: (N, ...) further inputs by name of argument.
        output: name of the output that it is cut for; see :func:`modelstitch.cutting.outputs.scored_leaf`.

    Raises:
        ModelError: the model does not run on ``example``, or has no such output.
        CutError: no module's output is a legal cut.
    """

    def __init__(
        self,
        model: nn.Module,
        example: Tensor,
        name: str,
        reason: str,
        kwargs: Kwargs = NO_KWARGS,
        output: str | None = None,
    ) -> None:
        self.model, self.name, self.example = model, name, example.detach().clone()
        _expect_any_batch(model, example, name, reason, kwargs)
        self._why: dict[str, str] = {}
        self._at: dict[str, tuple[str, int]] = {}
        self._axes: dict[tuple[str, int], int] = {}
        self._given: dict[tuple[str, int], tuple[bool, ...]] = {}
        with eval_mode(model), no_fused_attention():
            own = run_eagerly(model, self.example, name, kwargs)
            self._scored, said = scored_leaf(own, output), what_is_cut(own, output)
            groups, self._calls = _traced(model, self.example, kwargs, self._scored)
            n_calls = Counter(call.path for call in self._calls)
            cuts = [cut for group in groups if (cut := self._cut(group, n_calls, kwargs)) is not None]
        if not cuts:
            reasons = "; ".join(sorted(set(self._why.values()))) or "no module's output is one tensor"
            raise CutError(f"model {name} has no cut: {reason}, and with hooks {reasons}")
        if sum(cut.boundary for cut in cuts) < 2:  # one place alone is no choice
            cuts = [replace(cut, boundary=True) for cut in cuts]
        self.cuts = tuple(cuts)
        chain = all(chain_after(model, call) is not None for call in self._at.values())
        cost = "nothing computed twice" if chain else "which run the receiver's first layers too"
        self.technique = f"module hooks, {cost}{said}, since {reason}"

    def _cut(self, group: list[Call], n_calls: Mapping[str, int], kwargs: Kwargs) -> Cut | None:
        """Return the cut at the common output of a group of calls; None where it is no legal cut."""
        names = [call.path if n_calls[call.path] == 1 else f"{call.path}@{call.number}" for call in group]
        blocks = [index for index, call in enumerate(group) if is_block(self.model, call.path)]
        chosen = 0
        if blocks:  # inner calls come first
            block = block_of(self.model, [group[index].path for index in reversed(blocks)])
            chosen = next(index for index in blocks if group[index].path == block)
        call, behind = self._first_legal(group, kwargs)
        if isinstance(behind, str):
            self._why |= dict.fromkeys(names, behind)
            return None
        self._given[call.path, call.number] = behind.given
        self._at[names[chosen]] = (call.path, call.number)
        self._axes[call.path, call.number] = call.axis
        aliases = tuple(name for index, name in enumerate(names) if index != chosen)
        last = True if call.axis == 1 else call.last
        guess = recognise(call.shape, last=last if 2 <= len(call.shape) <= 4 else None)
        layout = measured_layout(
            self.model,
            self.example,
            (call.path, call.number),
            call.axis,
            guess,
            per_example(call.flops, len(self.example)),
            kwargs,
        )
        return Cut(names[chosen], aliases, layout, bool(blocks), self.counted, behind.by_values)

    def _first_legal(self, group: list[Call], kwargs: Kwargs) -> tuple[Call, str | OutputsBehind]:
        """Return the outermost call of a group that is a legal cut, or why the outermost is none."""
        # Calls of a group share one output. An outer call that returns its input may still read the input.
        first = ""
        for call in reversed(group):
            behind = outputs_behind(self.model, self.example, call.path, call.number, kwargs, self._scored)
            if isinstance(behind, OutputsBehind):
                return call, behind
            first = first or behind
        return group[-1], first

    def outputs_after(self, name: str) -> tuple[bool, ...]:
        return self._given[self._at[self.find(name).name]]

    def _why_not(self, name: str) -> str:
        if name in self._why:
            return self._why[name]
        modules = dict(self.model.named_modules())
        layers = modules.get(name.rpartition(".")[0])
        if isinstance(layers, nn.RNNBase) and re.fullmatch(r"l\d+", name.rpartition(".")[2]):
            return (
                f"hooks see whole modules, and nothing between the layers of one {type(layers).__name__}; "
                "write them as modules of one layer each to cut there"
            )
        if isinstance(modules.get(name), nn.RNNBase):
            return "it gives its output together with its final states, and hooks cut at one tensor"
        if name in modules:
            return (
                "its output is not one floating-point tensor with the batch as its first axis, "
                "or the model's own output"
            )
        return "no module of this name"

    def _place(self, name: str) -> int | None:
        path, _, number = name.partition("@")
        order = [(call.path, call.number) for call in self._calls]
        inside = [place for place, (at, call) in enumerate(order) if at == path and number in ("", str(call))]
        if not inside:
            return None
        return sum(order.index(self._at[cut.name]) < inside[-1] for cut in self.cuts)

    def prefix(self, *names: str, frozen: bool = False) -> nn.Module:
        calls = [self._at[self.find(name).name] for name in names]
        return HookPrefix(self.model, calls, frozen, [self._axes[call] for call in calls])

    def suffix(self, name: str, frozen: bool = False, later: tuple[str, ...] | None = None) -> nn.Module:
        after = None if later is None else [self._at[self.find(cut).name] for cut in later]
        call = self._at[self.find(name).name]
        return HookSuffix(self.model, self.example, call, frozen, after, self._axes, self._given[call])

    def activation_bytes(self, name: str) -> int:
        # The whole model runs, whatever the cut.
        self.find(name)
        return sum(call.bytes for call in self._calls)

    def _work(self) -> dict[str, CutWork]:
        n = len(self.example)
        whole = sum(p.numel() for p in self.model.parameters()), per_example(self._calls[-1].flops, n)
        by_call = {(call.path, call.number): call for call in self._calls}
        found = {}
        for cut in self.cuts:
            call = by_call[self._at[cut.name]]
            done = per_example(call.flops, n)
            # Hooks see whole modules: what was not read before a cut counts as read behind it.
            behind = whole[0] - call.parameters, whole[1] - done
            found[cut.name] = CutWork(work((call.parameters, done), whole), work(behind, whole))
        return found


def _expect_any_batch(model: nn.Module, example: Tensor, name: str, reason: str, kwargs: Kwargs) -> None:
    """Raise where the model does not run on other batch sizes than that of ``example``."""
    for n in (len(example), 1, 2 * len(example)):
        try:
            with eval_mode(model), no_fused_attention():
                some = torch.arange(n, device=example.device) % len(example)
                run_eagerly(model, example[some], name, {key: value[some] for key, value in kwargs.items()})
        except ModelError as error:
            if n == len(example):
                raise
            raise CutError(
                f"{reason}, and it does not run on {n} inputs: expected a model that takes any batch"
            ) from error


def _sizes(model: nn.Module, example: Tensor, kwargs: Kwargs) -> dict[tuple[str, int], tuple[int, ...]]:
    """Return the shape of every call's output for one more example."""
    n = len(example) + 1
    some = torch.arange(n, device=example.device) % len(example)
    shapes: dict[tuple[str, int], tuple[int, ...]] = {}

    def note(path: str, number: int, output: Any) -> None:
        if isinstance(output, Tensor):
            shapes[path, number] = tuple(output.shape)

    with torch.no_grad(), hooked(model, note):
        model(example[some], **{name: value[some] for name, value in kwargs.items()})
    return shapes


def _batch_axis(shape: tuple[int, ...], other: tuple[int, ...] | None, n: int) -> int | None:
    """Return the batch axis: the only axis that grows with one more example.

    The second of two axes holds features, whatever its length; a sequence-first value has at least three
    axes.
    """
    for axis in (0, 1) if len(shape) > 2 else (0,):
        if shape[axis] == n and other == (*shape[:axis], n + 1, *shape[axis + 1 :]):
            return axis
    return None


def _version(x: Tensor) -> int:
    """Return the number of writes to a tensor; 0 under torch.inference_mode, where torch does not count."""
    return 0 if x.is_inference() else x._version


def _traced(
    model: nn.Module, example: Tensor, kwargs: Kwargs, scored: int | None
) -> tuple[list[list[Call]], list[Call]]:
    """Run the model once; return candidate calls, grouped by their output, and all calls in order."""
    calls: list[tuple[Call, tuple[Tensor, int] | None]] = []
    operations = counter()
    used: set[int] = set()
    others = _sizes(model, example, kwargs)
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
            operations.get_total_flops(),
            known[0],
            axis or 0,
        )
        calls.append((call, (output, _version(output)) if fits else None))

    with torch.no_grad(), operations, hooked(model, note):
        last = model(example.clone(), **kwargs)
    groups: list[list[Call]] = []
    tensors: list[tuple[Tensor, int]] = []
    ends = leaves(last) if scored is None else [leaves(last)[scored]]
    outputs = [leaf for leaf in ends if isinstance(leaf, Tensor)]
    for call, output in calls:
        if output is None or any(output[0] is leaf and output[1] == _version(leaf) for leaf in outputs):
            continue
        # A tensor that was written to in between is another value.
        if tensors and tensors[-1][0] is output[0] and tensors[-1][1] == output[1]:
            groups[-1].append(call)
        else:
            groups.append([call])
            tensors.append(output)
    return groups, [call for call, _ in calls]
