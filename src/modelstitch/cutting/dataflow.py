"""Which nodes of a captured graph depend on the input's values, and which of them every path passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum

import torch
from torch import Tensor
from torch.fx import Graph, Node


class Dependence(IntEnum):
    """What a node depends on: the largest dependence among its arguments."""

    CONST = 0  # parameters, buffers, literals
    META = 1  # sizes of the input only, never its values
    SIDE = 2  # further inputs, such as a mask, or where tokens are padding: a suffix is given these again
    DATA = 3  # values of the input


_aten = torch.ops.aten
# Without these, the symbolic batch size alone links the input to every reshape, and no cut is left.
META_OPS = {
    _aten.sym_size.int,
    _aten.sym_numel.default,
    _aten.sym_stride.int,
    _aten.zeros_like.default,
    _aten.ones_like.default,
    _aten.full_like.default,
    _aten.empty_like.default,
    _aten.new_zeros.default,
    _aten.new_ones.default,
    _aten.new_full.default,
    _aten.new_empty.default,
}


# Another form of the same tokens.
_FORMS = {
    _aten.reshape.default,
    _aten._to_copy.default,
    _aten.clone.default,
    _aten.alias.default,
    _aten.slice.Tensor,
    _aten.select.int,
    _aten.expand.default,
    _aten.unsqueeze.default,
    _aten.squeeze.dim,
}
# Which token stands where a model looks for one known token, such as padding or the end.
_COMPARED = {
    getattr(getattr(_aten, name), overload)
    for name in ("eq", "ne", "lt", "le", "gt", "ge")
    for overload in ("Scalar", "Tensor")
}
_PLACES = {_aten.argmax.default, _aten.argmin.default}


def token_forms(graph: Graph, primary: Node) -> set[Node]:
    """Return the nodes that hold the tokens of the input themselves; none where it holds no whole numbers."""
    value = primary.meta.get("val")
    if not isinstance(value, Tensor) or value.is_floating_point() or value.is_complex():
        return set()
    found = {primary}
    for node in graph.nodes:
        if node.target in _FORMS and node.args[0] in found:
            found.add(node)
    return found


def is_bookkeeping(node: Node, tokens: set[Node], dependences: Mapping[Node, Dependence]) -> bool:
    """Tell whether a node says where a known token stands, and nothing else of the tokens.

    It compares the tokens with one number, or gives the place of the largest. What a model computes from such
    nodes alone, such as the place of the last token that is no padding, is a mask and no content.
    """
    if node.target in _PLACES:
        return node.args[0] in tokens
    if node.target not in _COMPARED or node.args[0] not in tokens:
        return False
    other = node.args[1]
    if not isinstance(other, Node):
        return True
    value = other.meta.get("val")
    known = dependences[other] is Dependence.CONST
    return known and isinstance(value, Tensor) and value.numel() == 1


def classify(graph: Graph, primary: Node) -> dict[Node, Dependence]:
    """Return the dependence of every node; placeholders other than ``primary`` are further inputs."""
    dependences: dict[Node, Dependence] = {}
    tokens = token_forms(graph, primary)
    for node in graph.nodes:
        if node is primary:
            dependences[node] = Dependence.DATA
            continue
        if node.op == "placeholder":
            dependences[node] = Dependence.SIDE
            continue
        dependence = max((dependences[source] for source in node.all_input_nodes), default=Dependence.CONST)
        if dependence is Dependence.DATA and node.target in META_OPS:
            dependence = Dependence.META
        elif dependence is Dependence.DATA and is_bookkeeping(node, tokens, dependences):
            dependence = Dependence.SIDE
        dependences[node] = dependence
    return dependences


def live_data(graph: Graph, dependences: dict[Node, Dependence], ends: Sequence[Node]) -> list[Node]:
    """Return the DATA nodes that the outputs ``ends`` depend on, in graph order."""
    reached: set[Node] = set()
    pending = list(ends)
    while pending:
        node = pending.pop()
        if node not in reached and dependences[node] is Dependence.DATA:
            reached.add(node)
            pending.extend(node.all_input_nodes)
    return [node for node in graph.nodes if node in reached]


def dominators(live: list[Node], ends: Sequence[Node]) -> list[Node]:
    """Return the nodes that every data path from input to the outputs ``ends`` passes, in order.

    In a topological order of nodes that all lie on some path, every path passes a node exactly when no edge
    jumps over it. One sweep with the farthest edge so far finds them all.

    Args:
        live: the DATA nodes that these outputs depend on, in topological order.
        ends: the outputs.

    Returns:
        The dominators, from the input on (the input itself is one).
    """
    position = {node: index for index, node in enumerate(live)}
    passed: list[Node] = []
    farthest = 0
    for index, node in enumerate(live):
        if farthest <= index:
            passed.append(node)
        targets = [position[user] for user in node.users if user in position]
        farthest = max([farthest, *targets, *([len(live)] if node in ends else [])])
    return passed


def bypasses(node: Node, live: list[Node], ends: Sequence[Node]) -> list[tuple[Node, Node]]:
    """Return the edges ``(source, target)`` that jump over ``node`` and make it no legal cut."""
    position = {other: index for index, other in enumerate(live)}
    here = position[node]
    return [
        (source, user)
        for source in live[:here]
        for user in source.users
        if (user.op == "output" and source in ends) or position.get(user, -1) > here
    ]
