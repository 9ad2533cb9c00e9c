"""Which nodes of a captured graph carry the input's data, and which of them every path passes through."""

from __future__ import annotations

from enum import IntEnum

import torch
from torch.fx import Graph, Node


class Kind(IntEnum):
    """What a node depends on; a node takes the largest kind among its arguments."""

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


def classify(graph: Graph, primary: Node) -> dict[Node, Kind]:
    """Give every node of ``graph`` its kind, with ``primary`` the placeholder that carries the data; others are further inputs."""
    kinds: dict[Node, Kind] = {}
    for node in graph.nodes:
        if node is primary:
            kinds[node] = Kind.DATA
            continue
        if node.op == "placeholder":
            kinds[node] = Kind.SIDE
            continue
        kind = max((kinds[source] for source in node.all_input_nodes), default=Kind.CONST)
        if kind is Kind.DATA and node.target in META_OPS:
            kind = Kind.META
        kinds[node] = kind
    return kinds


def live_data(graph: Graph, kinds: dict[Node, Kind]) -> list[Node]:
    """Return the DATA nodes that the output depends on, in graph order."""
    (output,) = (node for node in graph.nodes if node.op == "output")
    reached: set[Node] = set()
    pending = list(output.all_input_nodes)
    while pending:
        node = pending.pop()
        if node not in reached and kinds[node] is Kind.DATA:
            reached.add(node)
            pending.extend(node.all_input_nodes)
    return [node for node in graph.nodes if node in reached]


def dominators(live: list[Node]) -> list[Node]:
    """Return the nodes that every data path from input to output passes through, in order.

    In a topological order in which every node lies on some path, a node is passed by every path exactly when no
    edge jumps over it; one sweep that remembers the farthest edge so far finds them all.

    Args:
        live: the DATA nodes that the output depends on, in topological order.

    Returns:
        The dominators, from the input on (the input itself is one).
    """
    position = {node: index for index, node in enumerate(live)}
    found: list[Node] = []
    farthest = 0
    for index, node in enumerate(live):
        if farthest <= index:
            found.append(node)
        targets = [
            len(live) if user.op == "output" else position[user]
            for user in node.users
            if user.op == "output" or user in position
        ]
        farthest = max([farthest, *targets])
    return found


def bypasses(node: Node, live: list[Node]) -> list[tuple[Node, Node]]:
    """Return the edges ``(source, target)`` that jump over ``node``: why it is no legal cut."""
    position = {each: index for index, each in enumerate(live)}
    here = position[node]
    return [
        (source, user)
        for source in live[:here]
        for user in source.users
        if user.op == "output" or position.get(user, -1) > here
    ]
