"""Dominators against brute force: take the node out, and see whether the output can still be reached."""

from __future__ import annotations

import operator

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.fx import Graph, Node

from modelstitch.cutting.dataflow import Kind, bypasses, classify, dominators, live_data


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Graph, Node]:
    graph = Graph()
    nodes = [graph.placeholder("x")]
    constant = graph.get_attr("weight", type_expr=None)
    for _ in range(draw(st.integers(1, 9))):
        sources = draw(st.lists(st.sampled_from([*nodes, constant]), min_size=1, max_size=2))
        nodes.append(graph.call_function(operator.add, (sources[0], sources[-1])))
    outputs = draw(st.lists(st.sampled_from(nodes[1:]), min_size=1, max_size=2))
    graph.output(tuple(outputs))
    return graph, nodes[0]


def reaches_output(start: Node, without: Node | None, live: set[Node]) -> bool:
    pending, seen = [start], set()
    while pending:
        node = pending.pop()
        if node is without or node in seen:
            continue
        seen.add(node)
        for user in node.users:
            if user.op == "output":
                return True
            if user in live:
                pending.append(user)
    return False


@settings(deadline=None, max_examples=300)
@given(graphs())
def test_dominators_are_what_no_path_avoids(case: tuple[Graph, Node]) -> None:
    graph, x = case
    kinds = classify(graph, x)
    live = live_data(graph, kinds)
    if x not in live:
        return
    found = dominators(live)
    brute = [node for node in live if not reaches_output(x, node, set(live))]
    # Two outputs are two ends: a node before one of them only is avoided by the path to the other.
    assert found == brute
    for node in live:
        assert (bypasses(node, live) == []) == (node in found)


@settings(deadline=None, max_examples=100)
@given(graphs())
def test_kinds_follow_the_data(case: tuple[Graph, Node]) -> None:
    graph, x = case
    kinds = classify(graph, x)
    for node in graph.nodes:
        if node.op == "call_function":
            from_x = any(kinds[source] is Kind.DATA for source in node.all_input_nodes)
            assert (kinds[node] is Kind.DATA) == from_x


def test_sizes_are_not_data() -> None:
    graph = Graph()
    x = graph.placeholder("x")
    size = graph.call_function(torch.ops.aten.sym_size.int, (x, 0))
    doubled = graph.call_function(operator.mul, (size, 2))
    y = graph.call_function(torch.ops.aten.relu.default, (x,))
    z = graph.call_function(torch.ops.aten.reshape.default, (y, [doubled, -1]))
    graph.output(z)
    kinds = classify(graph, x)
    assert [kinds[node] for node in (size, doubled, y, z)] == [Kind.META, Kind.META, Kind.DATA, Kind.DATA]
    assert dominators(live_data(graph, kinds)) == [x, y, z]
