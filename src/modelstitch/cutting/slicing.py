"""Slice a captured graph into a prefix and a suffix that share the model's parameters."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Graph, GraphModule, Node
from torch.utils import _pytree as pytree

from modelstitch.cutting.capture import Captured
from modelstitch.cutting.dataflow import Dependence, token_forms
from modelstitch.cutting.shaped import OTHERWISE, elsewhere
from modelstitch.errors import CutError, first_line

_aten = torch.ops.aten
_FILLED = {
    _aten.zeros_like.default: _aten.new_zeros.default,
    _aten.ones_like.default: _aten.new_ones.default,
    _aten.new_zeros.default: _aten.new_zeros.default,
    _aten.new_ones.default: _aten.new_ones.default,
}


class Slice(nn.Module):
    """Part of a model: an ordinary module that shares the model's parameters.

    Attributes:
        kwargs: names of the further inputs that it reads; others are ignored.
        input_name: name of the model's own input, where a suffix reads it too; None where it does not.
        taken: shape of one input that it was captured for.
    """

    def __init__(
        self,
        graph_module: GraphModule,
        out_spec: pytree.TreeSpec | None,
        kwargs: tuple[str, ...] = (),
        input_name: str | None = None,
        taken: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__()
        self.input_name, self.taken = input_name, taken
        self.body = graph_module
        self.out_spec = out_spec
        self.kwargs = kwargs

    def forward(self, x: Tensor, **kwargs: Tensor) -> Any:
        other = elsewhere(self, x, kwargs)
        if other is not None:
            return other(x, **kwargs)
        missing = [name for name in self.kwargs if name not in kwargs]
        if missing:
            raise CutError(
                f"expected {', '.join(self.kwargs)} by name beside the first input, got no {missing[0]}: "
                "give the model's own input of this name, which this half reads too"
            )
        try:
            outputs = self.body(x, *(kwargs[name] for name in self.kwargs))
        except RuntimeError as error:
            if self.taken in (None, tuple(x.shape[1:])):
                raise
            raise CutError(
                f"expected inputs of shape {self.taken}, as this half was captured for, got "
                f"{tuple(x.shape[1:])} ({first_line(error)}): {OTHERWISE}"
            ) from error
        return outputs if self.out_spec is None else pytree.tree_unflatten(outputs, self.out_spec)


def _needed(outputs: list[Node], stops: Set[Node]) -> set[Node]:
    """Return the nodes that outputs are computed from, up to ``stops`` and these included."""
    needed: set[Node] = set()
    pending = list(outputs)
    while pending:
        node = pending.pop()
        if node not in needed:
            needed.add(node)
            if node not in stops:
                pending.extend(node.all_input_nodes)
    return needed


def attribute(model: nn.Module, target: str) -> Tensor:
    """Return the parameter, buffer or constant of ``model`` called ``target``."""
    path, _, leaf = target.rpartition(".")
    value = getattr(model.get_submodule(path), leaf)
    assert isinstance(value, Tensor)
    return value


def build_module(graph: Graph, values: dict[str, Tensor]) -> GraphModule:
    """Build the module that runs ``graph`` with ``values`` as its parameters and buffers, by dotted name."""
    root = nn.Module()
    for target, value in values.items():
        holder: nn.Module = root
        *parents, leaf = target.split(".")
        for parent in parents:
            if not hasattr(holder, parent):
                holder.add_module(parent, nn.Module())
            child = getattr(holder, parent)
            assert isinstance(child, nn.Module)
            holder = child
        if isinstance(value, nn.Parameter):
            holder.register_parameter(leaf, value)
        else:
            holder.register_buffer(leaf, value)
    module = GraphModule(root, graph)
    return module.eval()


def _values(source: GraphModule, model: nn.Module, nodes: set[Node], frozen: bool) -> dict[str, Tensor]:
    values: dict[str, Tensor] = {}
    for node in source.graph.nodes:  # in graph order: the order of a set changes from run to run
        if node in nodes and node.op == "get_attr":
            target = str(node.target)
            try:
                value = attribute(model, target)
            except AttributeError:  # a constant made while tracing belongs to the graph
                value = attribute(source, target)
            values[target] = value.detach() if frozen else value
    return values


def batch_axis(node: Node) -> int | None:
    """Return the batch axis of a captured tensor: 0, or 1 of a sequence-first one, else None."""
    value = node.meta.get("val")
    if not isinstance(value, Tensor):
        return None
    free = [axis for axis, length in enumerate(value.shape) if isinstance(length, torch.SymInt)]
    return free[0] if len(free) == 1 and free[0] < 2 else None


def _batch_first(graph: Graph, node: Node, source: Node) -> Node:
    """Swap the first two axes of ``node`` where ``source`` is sequence-first; the same swap undoes it."""
    return node if batch_axis(source) != 1 else graph.call_function(_aten.transpose.int, (node, 0, 1))


def _further(graph: Graph, kwargs: Mapping[str, Node], needed: set[Node]) -> dict[str, tuple[Node, Node]]:
    """Make a placeholder for every needed further input; return node and placeholder by name."""
    return {name: (node, graph.placeholder(node.name)) for name, node in kwargs.items() if node in needed}


def prefix(captured: Captured, model: nn.Module, cuts: list[Node], frozen: bool) -> Slice:
    """Build the module that maps the input to the representations at ``cuts``, without other computation.

    Returns:
        A module from the input (N, ...) to a tuple of representations, in the order of ``cuts``.
    """
    source = captured.graph_module
    needed = _needed(cuts, {captured.primary})
    graph = Graph()
    mapped: dict[Node, Node] = {captured.primary: graph.placeholder("x")}
    further = _further(graph, captured.kwargs, needed)
    mapped |= dict(further.values())
    for node in source.graph.nodes:
        if node in needed and node not in mapped:
            mapped[node] = graph.node_copy(node, mapped.__getitem__)
    graph.output(tuple(_batch_first(graph, mapped[cut], cut) for cut in cuts))
    body = build_module(graph, _values(source, model, needed, frozen))
    return Slice(body, None, tuple(further), taken=_shape_of_one(captured.primary, 0))


def outputs_after(
    captured: Captured, dependences: dict[Node, Dependence], cut: Node, ends: list[Node]
) -> list[Any]:
    """Return the outputs that follow from the representation at ``cut``, ``ends`` among them; else None."""

    def follows(leaf: Any) -> bool:
        # Sizes of the input are read off the representation.
        pending, seen = [leaf] if isinstance(leaf, Node) else [], set()
        while pending:
            node = pending.pop()
            if node is captured.primary:
                return False
            if node is not cut and node not in seen and dependences[node] is Dependence.DATA:
                seen.add(node)
                pending += node.all_input_nodes
        return True

    return [leaf if leaf in ends or follows(leaf) else None for leaf in captured.outputs]


def suffix(
    captured: Captured,
    model: nn.Module,
    dependences: dict[Node, Dependence],
    cut: Node,
    ends: list[Node],
    frozen: bool,
    later: list[Node] | None = None,
) -> Slice:
    """Build the module that maps the representation at ``cut`` to the model's output.

    Of several outputs it gives those that follow from the representation, and None for the others. With
    ``later``, it maps the representation to a tuple of the representations at these later cuts instead.

    Sizes that the model reads off its input come from the representation instead. Where it looks for known
    tokens, such as the last one that is no padding, the tokens are a further input, by their own name.

    Raises:
        CutError: data reaches the output around the cut, or a size cannot be read off the representation.
    """
    source = captured.graph_module
    outputs = outputs_after(captured, dependences, cut, ends)
    computed = [leaf for leaf in outputs if isinstance(leaf, Node)] if later is None else later
    below = _below(source.graph, cut)
    sizes = {
        node for node in source.graph.nodes if node not in below and _is_size_of_input(node, dependences)
    }
    needed = _needed(computed, sizes | {cut})
    inputs = {**captured.kwargs, captured.name: captured.primary}
    graph = Graph()
    given = graph.placeholder("representation")
    further = _further(graph, inputs, needed - {cut})
    x = _batch_first(graph, given, cut)
    mapped: dict[Node, Node] = {cut: x} | dict(further.values())
    allowed = token_forms(source.graph, captured.primary)
    for node in source.graph.nodes:
        if node not in needed or node in mapped:
            continue
        if node in sizes:
            mapped[node] = _derived(graph, x, cut, node)
            continue
        around = dependences[node] is Dependence.DATA and node not in below and node not in allowed
        missing = [source.name for source in node.all_input_nodes if source not in mapped]
        if around or missing:
            names = [node.name] if around else missing
            raise CutError(f"the output also depends on the input through {', '.join(names)}")
        mapped[node] = graph.node_copy(node, mapped.__getitem__)
    if later is None:
        graph.output(tuple(mapped[leaf] if isinstance(leaf, Node) else leaf for leaf in outputs))
    else:
        graph.output(tuple(_batch_first(graph, mapped[node], node) for node in later))
    used = {node for node in needed if node in mapped}
    values = _values(source, model, used, frozen)
    spec = captured.out_spec if later is None else None
    own = captured.name if captured.name in further else None
    return Slice(build_module(graph, values), spec, tuple(further), own, _shape_of_one(cut, batch_axis(cut)))


def _shape_of_one(node: Node, axis: int | None) -> tuple[int, ...] | None:
    """Return the shape of one example of a value; None where it is not known."""
    lengths = [length for at, length in enumerate(node.meta["val"].shape) if at != axis]
    return tuple(lengths) if all(isinstance(length, int) for length in lengths) else None


def _below(graph: Graph, cut: Node) -> set[Node]:
    """Return a cut and all nodes that are computed from it."""
    below = {cut}
    for node in graph.nodes:
        if any(source in below for source in node.all_input_nodes):
            below.add(node)
    return below


def _is_size_of_input(node: Node, dependences: dict[Node, Dependence]) -> bool:
    return dependences[node] is Dependence.META and any(
        dependences[source] is Dependence.DATA for source in node.all_input_nodes
    )


def _derived(graph: Graph, x: Node, cut: Node, node: Node) -> Node:
    """Derive a node that depends on sizes of the input from sizes of the representation."""

    def length(size: int | torch.SymInt) -> int | Node:
        if isinstance(size, int):
            return size
        for axis, own_length in enumerate(cut.meta["val"].shape):
            if isinstance(own_length, torch.SymInt) and own_length.node.expr == size.node.expr:
                return graph.call_function(_aten.sym_size.int, (x, axis))
        raise CutError(f"the size {node.name} of the input cannot be read off the representation")

    value = node.meta["val"]
    if node.target is _aten.sym_size.int:
        size = length(value)
        assert isinstance(size, Node)
        return size
    if node.target in _FILLED:
        return graph.call_function(
            _FILLED[node.target], (x, [length(size) for size in value.shape]), {"dtype": value.dtype}
        )
    raise CutError(f"{node.name}, made of the input, cannot be made of the representation")
