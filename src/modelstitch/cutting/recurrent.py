"""Recurrent layers of torch in a graph: traced whole, taken apart layer by layer, and their final states.

One operation stands for all layers and all steps of an ``nn.LSTM``, ``nn.GRU`` or ``nn.RNN``, and it runs the
kernel that the model runs. Torch finds the shapes of its outputs by the recurrence itself, step by step,
which takes minutes for long inputs; here they follow from the shapes of its inputs.
"""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._decomp import decomposition_table
from torch._subclasses.fake_tensor import FakeTensor
from torch.fx import Graph, GraphModule, Node
from torch.fx.experimental.proxy_tensor import get_proxy_mode

_aten = torch.ops.aten
_NAMES = ("lstm", "gru", "rnn_tanh", "rnn_relu")
WHOLE = frozenset(getattr(_aten, name).input for name in _NAMES)
"""Operations that run a recurrent layer over sequences of one length."""

PACKED = frozenset(getattr(_aten, name).data for name in _NAMES)
"""Operations that run a recurrent layer over a packed sequence."""

_KEYS = tuple(
    getattr(torch._C.DispatchKey, name) for name in ("Autograd", "CompositeImplicitAutograd", "Meta")
)

States = Tensor | Sequence[Tensor]
"""The states (layers x directions, N, D) that a layer starts from: one, or two of an LSTM."""


@contextlib.contextmanager
def shapes_at_once() -> Iterator[None]:
    """Let tracing find the shapes of a recurrent layer without its steps; values are computed as ever."""
    before = {op: (dict(op.py_kernels), decomposition_table.get(op)) for op in WHOLE | PACKED}
    try:
        for op, (kernels, decomposition) in before.items():
            for key in _KEYS:
                if key in kernels:
                    op.py_kernels[key] = _shapes_or(kernels[key], packed=op in PACKED)
            if decomposition is not None:
                decomposition_table[op] = _shapes_or(decomposition, packed=op in PACKED)
            op._dispatch_cache.clear()
        yield
    finally:
        for op, (kernels, decomposition) in before.items():
            op.py_kernels.clear()
            op.py_kernels.update(kernels)
            if decomposition is not None:
                decomposition_table[op] = decomposition
            op._dispatch_cache.clear()


def _shapes_or(otherwise: Callable[..., Any], *, packed: bool) -> Callable[..., Any]:
    """Return a rule that gives empty outputs to tensors without values; others are computed ``otherwise``."""

    def rule(data: Tensor, *rest: Any) -> Any:
        # Where operations are recorded one by one, empty outputs would be recorded too.
        if not isinstance(data, FakeTensor) or get_proxy_mode() is not None:
            return otherwise(data, *rest)
        if packed:
            return empty_outputs(data, rest[1], bidirectional=rest[-1], batch_first=False)
        return empty_outputs(data, rest[0], bidirectional=rest[-2], batch_first=rest[-1])

    return rule


def empty_outputs(
    data: Tensor, states: States, *, bidirectional: bool, batch_first: bool
) -> tuple[Tensor, ...]:
    """Return tensors with the shapes and strides of a recurrent layer's outputs.

    Args:
        data: (T, N, D), (N, T, D) with the batch first, or (all steps, D) of a packed sequence.
        states: what the layer starts from.
        bidirectional: whether it runs in both directions.
        batch_first: whether the batch is the first axis of ``data``.

    Example:
        >>> x, h = torch.zeros(5, 2, 3), torch.zeros(2, 2, 4)
        >>> [tuple(y.shape) for y in empty_outputs(x, h, bidirectional=True, batch_first=False)]
        [(5, 2, 8), (2, 2, 4)]
    """
    held = [states] if isinstance(states, Tensor) else list(states)
    width = held[0].shape[-1] * (2 if bidirectional else 1)
    leading = data.shape[:-1]
    if batch_first:
        output = data.new_empty((leading[1], leading[0], width)).transpose(0, 1)
    else:
        output = data.new_empty((*leading, width))
    return (output, *(data.new_empty(state.shape) for state in held))


@dataclass(frozen=True)
class _Layers:
    """The arguments of an operation over several layers.

    Attributes:
        node: the operation.
        leading: its sequences, and the sizes of the batch at each step of packed ones.
        states: nodes of the states that it starts from.
        params: its weights, those of one layer behind those of another.
        options: has_biases, number of layers, dropout, train, bidirectional, and batch_first where it has it.
    """

    node: Node
    leading: tuple[Any, ...]
    states: list[Node]
    params: list[Any]
    options: tuple[Any, ...]

    @classmethod
    def of(cls, node: Node) -> _Layers:
        n_leading = 2 if node.target in PACKED else 1
        states, params, *options = node.args[n_leading:]
        held = [states] if isinstance(states, Node) else list(states)  # type: ignore[arg-type]
        return cls(node, node.args[:n_leading], held, list(params), tuple(options))  # type: ignore[arg-type]

    @property
    def number(self) -> int:
        return int(self.options[1])

    @property
    def directions(self) -> int:
        return 2 if self.options[4] else 1


def apart(graph_module: GraphModule) -> None:
    """Take every recurrent layer of several layers apart, so that the model can be cut between them.

    A layer reads the whole sequence that the layer before it gives, so one operation a layer computes the
    same numbers. The output of layer 0 of ``lstm`` is called ``lstm.l0``, as its weights are.
    """
    graph = graph_module.graph
    several = [
        layers
        for node in graph.nodes
        if node.target in WHOLE | PACKED and (layers := _Layers.of(node)).number > 1
    ]
    for layers in several:
        _take_apart(graph, layers)
    if several:
        graph.eliminate_dead_code()
        graph_module.recompile()


def _take_apart(graph: Graph, layers: _Layers) -> None:
    node, many = layers.node, layers.directions
    operation: Any = node.target
    each = len(layers.params) // layers.number
    given = layers.leading[0]
    outputs: list[list[Node]] = []
    with graph.inserting_before(node):
        for index in range(layers.number):
            begin, end = many * index, many * (index + 1)
            own = [_made(graph, node, _aten.slice.Tensor, (state, 0, begin, end)) for state in layers.states]
            states = own[0] if isinstance(node.meta["val"], tuple) and len(node.meta["val"]) == 2 else own
            options = (layers.options[0], 1, *layers.options[2:])
            params = layers.params[each * index : each * (index + 1)]
            layer = graph.call_function(operation, (given, *layers.leading[1:], states, params, *options))
            layer.meta = dict(node.meta)
            layer.meta["val"] = empty_outputs(
                given.meta["val"],
                [state.meta["val"] for state in own],
                bidirectional=bool(options[4]),
                batch_first=bool(options[5]) if node.target in WHOLE else False,
            )
            parts = [_made(graph, layer, operator.getitem, (layer, place)) for place in range(1 + len(own))]
            if index < layers.number - 1:
                for part in (layer, parts[0]):
                    _mark_layer(part, index)
            outputs.append(parts)
            given = parts[0]
    for user in list(node.users):
        place = user.args[1]
        if place == 0:
            user.replace_all_uses_with(outputs[-1][0])
        else:
            of_layers = [parts[place] for parts in outputs]  # type: ignore[index]
            _pick(graph, user, 0, of_layers, many)
            if user.users:
                with graph.inserting_before(node):
                    whole = _made(graph, user, _aten.cat.default, (of_layers, 0))
                user.replace_all_uses_with(whole)
        graph.erase_node(user)
    graph.erase_node(node)


def _made(graph: Graph, like: Node, target: Any, args: tuple[Any, ...]) -> Node:
    """Return a new node of the same place of the model as ``like``, with the value that it has."""
    made = graph.call_function(target, args)

    def value(part: Any) -> Any:
        if isinstance(part, Node):
            return part.meta["val"]
        return [value(inner) for inner in part] if isinstance(part, list) else part

    made.meta = dict(like.meta)
    made.meta["val"] = target(*map(value, args))
    return made


def _mark_layer(node: Node, index: int) -> None:
    """Let a node stand inside a part ``l0``, ``l1`` ... of its module."""
    stack = dict(node.meta.get("nn_module_stack") or {})
    if not stack:
        return
    key, (path, kind) = list(stack.items())[-1]
    _, at, call = key.partition("@")
    inner = f"{path}.l{index}" if path else f"l{index}"
    node.meta["nn_module_stack"] = {**stack, f"{key.partition('@')[0]}.l{index}{at}{call}": (inner, kind)}


def _pick(graph: Graph, states: Node, axis: int, parts: list[Node], many: int) -> None:
    """Let each reader of one layer's states alone, along ``axis`` of ``states``, read that layer's own."""
    count = many * len(parts)
    for user in list(states.users):
        target, args = user.target, user.args
        new: Node | None = None
        with graph.inserting_before(user):
            if target is _aten.select.int and args[1] == axis and isinstance(args[2], int):
                place = args[2] % count
                new = _made(graph, user, target, (parts[place // many], 0, place % many))
            elif target is _aten.unbind.int and axis == 0 and args[1:] in ((), (0,)):
                for item in list(user.users):
                    place = int(item.args[1]) % count  # type: ignore[arg-type]
                    single = _made(graph, item, _aten.select.int, (parts[place // many], 0, place % many))
                    item.replace_all_uses_with(single)
                    graph.erase_node(item)
            elif target is _aten.slice.Tensor and user.meta["val"].shape == states.meta["val"].shape:
                _pick(graph, user, axis, parts, many)  # h[:, -1] takes the whole of the first axis
            elif target is _aten.slice.Tensor and axis == 0 and _is_plain_slice(args):
                begin, end, _ = slice(*args[2:4]).indices(count)
                first, last = begin // many, (end - 1) // many
                if first == last and begin < end:
                    inner = begin - many * first, end - many * first
                    new = _made(graph, user, target, (parts[first], 0, *inner))
            elif target in _MOVES and axis == 0:
                moved = _moved(user)
                if moved is not None:
                    _pick(graph, user, moved, parts, many)
            elif target in _RESHAPES and axis == 0 and user.meta["val"].shape[:2] == (len(parts), many):
                for picked in list(user.users):
                    if picked.target is _aten.select.int and picked.args[1] == 0:
                        picked.replace_all_uses_with(parts[int(picked.args[2])])  # type: ignore[arg-type]
                        graph.erase_node(picked)
        if new is not None:
            user.replace_all_uses_with(new)
            graph.erase_node(user)
        elif not user.users and user.op == "call_function":
            graph.erase_node(user)


def _is_plain_slice(args: tuple[Any, ...]) -> bool:
    """Tell whether the arguments of a slice are numbers, along the first axis, without a step."""
    return len(args) == 4 and args[1] == 0 and all(isinstance(bound, int) for bound in args[2:])


_RESHAPES = (_aten.reshape.default, _aten.view.default)
_MOVES = (_aten.transpose.int, _aten.permute.default)


def _moved(node: Node) -> int | None:
    """Return where a swap of axes puts the first one, if the others stay in order."""
    order = list(range(3))
    if node.target is _aten.transpose.int:
        one, other = (int(axis) % 3 for axis in node.args[1:])  # type: ignore[arg-type]
        order[one], order[other] = order[other], order[one]
    else:
        order = [int(axis) % 3 for axis in node.args[1]]  # type: ignore[union-attr, arg-type]
    return order.index(0) if [axis for axis in order if axis] == [1, 2] else None


_PICKS = frozenset(
    {
        _aten.select.int,
        _aten.index_select.default,
        _aten.slice.Tensor,
        _aten.squeeze.dim,
        _aten.squeeze.default,
        _aten.unsqueeze.default,
        _aten.transpose.int,
        _aten.permute.default,
        _aten.reshape.default,
        _aten.view.default,
        _aten.flatten.using_ints,
        _aten.cat.default,
        _aten.stack.default,
        _aten.unbind.int,
        _aten.clone.default,
        operator.getitem,
    }
)
"""Operations that pick and arrange numbers, and compute none."""

_KEEPS = frozenset({_aten.linear.default, _aten.layer_norm.default, _aten.dropout.default})
"""Operations that leave all axes but the last where they are."""


def _is_last_step(node: Node) -> bool:
    """Tell whether a node reads the last step of each packed sequence; see :mod:`.packed`."""
    if node.target is not _aten.gather.default or node.args[1] != 0 or node.meta["val"].shape[0] != 1:
        return False
    output = node.args[0]
    return (
        isinstance(output, Node)
        and output.target is operator.getitem
        and isinstance(output.args[0], Node)
        and output.args[0].target in WHOLE
    )


def final_states(graph: Graph) -> set[Node]:
    """Return the values whose axis of layers would be read as one of positions: final states of layers.

    What picks some of these states alone, such as the last, belongs to the module that gave them: a layer
    whose last state is used is cut there under its own name.
    """
    found: set[Node] = set()
    of_module: dict[Node, Any] = {}
    for node in graph.nodes:
        if node.target is operator.getitem and node.args[0].target in WHOLE | PACKED and node.args[1]:
            found.add(node)
            of_module[node] = node.meta.get("nn_module_stack")
            continue
        if _is_last_step(node):
            found.add(node)
            of_module[node] = node.meta.get("nn_module_stack")
            continue
        sources = [
            source
            for source in node.all_input_nodes[: 1 if node.target is _aten.index_select.default else None]
            if source.op != "get_attr" and not isinstance(source.meta.get("val"), torch.SymInt)
        ]
        if not sources or node.op != "call_function":
            continue
        if node.target in _PICKS and all(source in of_module for source in sources):
            stack = of_module[sources[0]]
            if all(of_module[source] == stack for source in sources):
                node.meta["nn_module_stack"] = of_module[node] = stack
        keeps = node.target in _PICKS | _KEEPS or torch.Tag.pointwise in getattr(node.target, "tags", ())
        value = node.meta.get("val")
        deep = isinstance(value, list | tuple) or (isinstance(value, Tensor) and value.ndim > 2)
        if keeps and deep and any(source in found for source in sources):
            found.add(node)
    return found
