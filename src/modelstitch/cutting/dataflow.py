"""Which nodes of a captured graph depend on the input's values, and which of them every path passes."""

from __future__ import annotations

from enum import IntEnum

import torch
from torch.fx import Graph, Node


class Dependence(IntEnum):
    """What a node depends on: the largest dependence among its arguments."""

    CONST = 0  # parameters, buffers, literals
    META = 1  # sizes of the input only, never its values
    SIDE = 2  # values of further inputs, such as a mask, which a suffix is given again
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


def classify(graph: Graph, primary: Node) -> dict[Node, Dependence]:
    """Return the dependence of every node; placeholders other than ``primary`` are further inputs."""
    dependences: dict[Node, Dependence] = {}
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
        dependences[node] = dependence
    return dependences


def live_data(graph: Graph, dependences: dict[Node, Dependence]) -> list[Node]:
    """Return the DATA nodes that the output depends on, in graph order."""
    (output,) = (node for node in graph.nodes if node.op == "output")
    reached: set[Node] = set()
    pending = list(output.all_input_nodes)
    while pending:
        node = pending.pop()
        if node not in reached and dependences[node] is Dependence.DATA:
            reached.add(node)
            pending.extend(node.all_input_nodes)
    return [node for node in graph.nodes if node in reached]


def dominators(live: list[Node]) -> list[Node]:
    """Return the nodes that every data path from input to output passes, in order.

    In a topological order of nodes that all lie on some path, every path passes a node exactly when no edge
    jumps over it. One sweep with the farthest edge so far finds them all.

    Args:
        live: the DATA nodes that the output depends on, in topological order.

    Returns:
        The dominators, from the input on (the input itself is one).
    """
    position = {node: index for index, node in enumerate(live)}
    passed: list[Node] = []
    farthest = 0
    for index, node in enumerate(live):
        if farthest <= index:
            passed.append(node)
        targets = [
            len(live) if user.op == "output" else position[user]
            for user in node.users
            if user.op == "output" or user in position
        ]
        farthest = max([farthest, *targets])
    return passed


def bypasses(node: Node, live: list[Node]) -> list[tuple[Node, Node]]:
    """Return the edges ``(source, target)`` that jump over ``node`` and make it no legal cut."""
    position = {other: index for index, other in enumerate(live)}
    here = position[node]
    return [
        (source, user)
        for source in live[:here]
        for user in source.users
        if user.op == "output" or position.get(user, -1) > here
    ]
