"""Writes into a part of a complex tensor, which have no derivative in a graph, as writes of pairs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule, Node

_aten = torch.ops.aten

_WRITES = {_aten.slice_scatter.default: 2, _aten.select_scatter.default: 2}
"""Operators that write along one axis, and the place of this axis among their arguments."""


def complex_writes_as_pairs(graph_module: GraphModule) -> None:
    """Replace each write along an axis of a complex tensor by the write of its real and imaginary parts.

    torch has no derivative of these writes for complex numbers. In pairs they write the same bits.
    """
    graph = graph_module.graph
    changes = False
    for node in list(graph.nodes):
        value = node.meta.get("val")
        if node.target not in _WRITES or not isinstance(value, Tensor) or not value.is_complex():
            continue
        changes = True
        arguments = [*node.args, *([0] if len(node.args) == _WRITES[node.target] else [])]
        axis = arguments[_WRITES[node.target]]
        assert isinstance(axis, int)
        arguments[_WRITES[node.target]] = axis % value.ndim  # the pairs are a last axis of their own
        with graph.inserting_before(node):
            into, written = (_pairs(graph, one, value.dtype) for one in arguments[:2])
            pairs = graph.call_function(node.target, (into, written, *arguments[2:]), node.kwargs)
            new = graph.call_function(_aten.view_as_complex.default, (pairs,))
        for one in (into, written, pairs):
            one.meta = {key: held for key, held in node.meta.items() if key != "val"}  # no place to cut
        new.meta = dict(node.meta)
        node.replace_all_uses_with(new)
        graph.erase_node(node)
    if changes:
        graph_module.recompile()


def _pairs(graph: Graph, given: Any, dtype: torch.dtype) -> Node:
    """Return the real and imaginary parts of a tensor, beside each other on a last axis."""
    same = graph.call_function(_aten._to_copy.default, (given,), {"dtype": dtype})
    same.meta = dict(given.meta)
    return graph.call_function(_aten.view_as_real.default, (same,))
