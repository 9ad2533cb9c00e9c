"""Dominators against brute force: take the node out, and see whether the output can still be reached."""

from __future__ import annotations

import operator

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.fx import Graph, Node

from modelstitch.cutting.dataflow import Dependence, bypasses, classify, dominators, live_data


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


def ends_of(graph: Graph) -> list[Node]:
    (output,) = (node for node in graph.nodes if node.op == "output")
    return list(output.all_input_nodes)


def reaches(start: Node, without: Node | None, live: set[Node], ends: list[Node]) -> bool:
    pending, seen = [start], set()
    while pending:
        node = pending.pop()
        if node is without or node in seen:
            continue
        seen.add(node)
        if node in ends:
            return True
        pending += [user for user in node.users if user in live]
    return False


@settings(deadline=None, max_examples=300)
@given(graphs(), st.booleans())
def test_dominators_are_what_no_path_avoids(case: tuple[Graph, Node], first: bool) -> None:
    graph, x = case
    kinds = classify(graph, x)
    # A model of two outputs is cut for both of them, or for one.
    ends = ends_of(graph)[:1] if first else ends_of(graph)
    live = live_data(graph, kinds, ends)
    if x not in live:
        return
    found = dominators(live, ends)
    brute = [node for node in live if not reaches(x, node, set(live), ends)]
    # Two outputs are two ends: a node before one of them only is avoided by the path to the other.
    assert found == brute
    for node in live:
        assert (bypasses(node, live, ends) == []) == (node in found)


@settings(deadline=None, max_examples=100)
@given(graphs())
def test_kinds_follow_the_data(case: tuple[Graph, Node]) -> None:
    graph, x = case
    kinds = classify(graph, x)
    for node in graph.nodes:
        if node.op == "call_function":
            from_x = any(kinds[source] is Dependence.DATA for source in node.all_input_nodes)
            assert (kinds[node] is Dependence.DATA) == from_x


@st.composite
def graphs_with_sizes(draw: st.DrawFn) -> tuple[Graph, Node]:
    """Nodes that read only the size of what they are given, among those that read its values."""
    graph = Graph()
    nodes = [graph.placeholder("x"), graph.get_attr("weight", type_expr=None)]
    for _ in range(draw(st.integers(1, 12))):
        sources = draw(st.lists(st.sampled_from(nodes), min_size=1, max_size=2))
        if draw(st.booleans()):
            nodes.append(graph.call_function(operator.add, (sources[0], sources[-1])))
        else:
            nodes.append(graph.call_function(torch.ops.aten.zeros_like.default, (sources[0],)))
    graph.output(draw(st.sampled_from(nodes[2:])))
    return graph, nodes[0]


@settings(deadline=None, max_examples=200)
@given(graphs_with_sizes())
def test_values_go_on_where_they_are_read_and_sizes_everywhere(case: tuple[Graph, Node]) -> None:
    graph, x = case

    def reached_from(start: Node, through_sizes: bool) -> set[Node]:
        pending, seen = [start], {start}
        while pending:
            for user in pending.pop().users:
                stops = user.target == torch.ops.aten.zeros_like.default and not through_sizes
                if user not in seen and not stops:
                    seen.add(user)
                    pending.append(user)
        return seen

    data, anything = reached_from(x, False), reached_from(x, True)
    (output,) = (node for node in graph.nodes if node.op == "output")
    kinds = classify(graph, x)
    for node, kind in kinds.items():
        assert kind is (
            Dependence.DATA if node in data else Dependence.META if node in anything else Dependence.CONST
        )

    def leads_to_output(node: Node) -> bool:
        return any(user is output or (user in data and leads_to_output(user)) for user in node.users)

    live = live_data(graph, kinds, ends_of(graph))
    assert live == [node for node in graph.nodes if node in data - {output} and leads_to_output(node)]
    brute = [node for node in live if not reaches(x, node, set(live), ends_of(graph))]
    assert dominators(live, ends_of(graph)) == brute


def test_sizes_are_not_data() -> None:
    graph = Graph()
    x = graph.placeholder("x")
    size = graph.call_function(torch.ops.aten.sym_size.int, (x, 0))
    doubled = graph.call_function(operator.mul, (size, 2))
    y = graph.call_function(torch.ops.aten.relu.default, (x,))
    z = graph.call_function(torch.ops.aten.reshape.default, (y, [doubled, -1]))
    graph.output(z)
    kinds = classify(graph, x)
    assert [kinds[node] for node in (size, doubled, y, z)] == [
        Dependence.META,
        Dependence.META,
        Dependence.DATA,
        Dependence.DATA,
    ]
    assert dominators(live_data(graph, kinds, [z]), [z]) == [x, y, z]
