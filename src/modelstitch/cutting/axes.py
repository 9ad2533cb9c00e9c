"""Read from the graph which axis of a captured value holds features, and which tokens have no position.

A shape alone does not tell (C, L) from (T, D), nor (C, H, W) from (H, W, C). The operations that make and
read the value do: a convolution or a batch norm has the features on axis 1, a linear layer or a layer norm on
the last axis.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.fx import Graph, Node

from modelstitch.cutting.capture import tensor_of
from modelstitch.cutting.dataflow import Dependence
from modelstitch.cutting.slicing import batch_axis

_aten = torch.ops.aten
FEATURES_FIRST = {
    _aten.conv1d.default,
    _aten.conv2d.default,
    _aten.conv3d.default,
    _aten.conv1d.padding,
    _aten.conv2d.padding,
    _aten.conv3d.padding,
    _aten.convolution.default,
    _aten.batch_norm.default,
    _aten._native_batch_norm_legit_no_training.default,
    _aten.instance_norm.default,
    _aten.group_norm.default,
    _aten.native_group_norm.default,
    _aten.max_pool1d.default,
    _aten.max_pool2d.default,
    _aten.max_pool2d_with_indices.default,
    _aten.avg_pool1d.default,
    _aten.avg_pool2d.default,
    _aten.adaptive_avg_pool1d.default,
    _aten.adaptive_avg_pool2d.default,
    _aten.max_pool3d.default,
    _aten.max_pool3d_with_indices.default,
    _aten.avg_pool3d.default,
    _aten.adaptive_avg_pool3d.default,
}
_LAST = {
    _aten.linear.default,
    _aten.layer_norm.default,
    _aten.native_layer_norm.default,
    _aten.rms_norm.default,
    _aten.embedding.default,
}
_RESHAPES = {_aten.reshape.default, _aten.view.default, _aten.flatten.using_ints, _aten._unsafe_view.default}

_FARTHEST = 12
"""Largest number of elementwise operations between a value and an operation that tells its axes."""


def features_are_last(node: Node) -> bool | None:
    """Tell whether the features of a value are its last axis; None where the graph does not tell.

    The readers of the value decide first, then its makers; elementwise operations in between are skipped.
    """
    last = _last_by_search(node, lambda start: start.users, reads=True)
    if last is None:
        last = _last_by_search(node, lambda start: start.all_input_nodes, reads=False)
    return last if last is not None else _last_before_move(node)


def _last_before_move(node: Node) -> bool | None:
    """Tell it for a reshape or a swap of axes, from the value before it."""
    inputs = node.all_input_nodes
    value, given = tensor_of(node), tensor_of(inputs[0]) if inputs else None
    if value is None or given is None:
        return None
    if node.target in _RESHAPES and value.ndim != given.ndim:
        before = features_are_last(inputs[0]) if min(value.ndim, given.ndim) >= 3 else None
        # An axis that was neither split nor merged is still on its side.
        kept = before is not None and (
            value.shape[-1] == given.shape[-1] if before else value.shape[1] == given.shape[1]
        )
        return before if kept else None
    order = _axes_before(node, given.ndim)
    if order is None or order[0] != 0:
        return None
    before = features_are_last(inputs[0])
    if before is None:
        return None
    features = order.index(given.ndim - 1 if before else 1)
    return {1: False, given.ndim - 1: True}.get(features)


def _axes_before(node: Node, ndim: int) -> list[int] | None:
    """Return where the axes of a value were before they were swapped; None for another operation."""
    given: Any = node.args[1:]
    order = list(range(ndim))
    if node.target is _aten.permute.default:
        return [axis % ndim for axis in given[0]]
    if node.target is _aten.transpose.int:
        one, other = (axis % ndim for axis in given)
        order[one], order[other] = order[other], order[one]
        return order
    return None


def _last_by_search(start: Node, onwards: Callable[[Node], Iterable[Node]], *, reads: bool) -> bool | None:
    wave, visited = [start], {start}
    if not reads and (last := _last_by_operation(start)) is not None:
        return last
    for _ in range(_FARTHEST):
        following = []
        for node in wave:
            if not reads and node is not start and (last := _last_by_operation(node)) is not None:
                return last
            if not reads and not is_elementwise(node):
                continue
            for other in onwards(node):
                if other in visited:
                    continue
                visited.add(other)
                if reads:
                    # An operation reads weights too; only its first input tells the axes of a value.
                    if (
                        other.args
                        and other.args[0] is node
                        and (last := _last_by_operation(other)) is not None
                    ):
                        return last
                    if is_elementwise(other) and _same_shape(other, start):
                        following.append(other)
                elif _same_shape(other, start) or node.target is operator.getitem:
                    following.append(other)
        wave = following
    return None


def _last_by_operation(node: Node) -> bool | None:
    if node.target in FEATURES_FIRST:
        return False
    return True if node.target in _LAST else None


def is_elementwise(node: Node) -> bool:
    """Tell whether an operation works on every number by itself."""
    tags = getattr(node.target, "tags", ())
    # getitem picks an output of an operator with several.
    passing = (_aten.dropout.default, _aten.clone.default, operator.getitem)
    return torch.Tag.pointwise in tags or node.target in passing


def _same_shape(node: Node, other: Node) -> bool:
    value, other_value = tensor_of(node), tensor_of(other)
    if value is None or other_value is None:
        return False
    return value.shape[1:] == other_value.shape[1:]


def learnt_tokens(graph: Graph, dependences: dict[Node, Dependence], n_tokens: int, last: Node) -> int:
    """Return the number of learnt tokens, independent of the input, in front of the input's tokens."""
    n_extra = 0
    nodes = list(graph.nodes)
    for node in nodes[: nodes.index(last) + 1]:
        value = tensor_of(node)
        if node.target is not _aten.cat.default or value is None or value.ndim != 3:
            continue
        parts = node.args[0]
        axis = node.args[1] if len(node.args) > 1 else 0
        sequence = 0 if batch_axis(node) == 1 else 1
        if (
            axis not in (sequence, sequence - 3)
            or value.shape[sequence] != n_tokens
            or not isinstance(parts, list | tuple)
        ):
            continue
        learnt = 0
        for part in parts:
            made = tensor_of(part) if isinstance(part, Node) else None
            if made is None or dependences[part] is Dependence.DATA:
                break
            learnt += int(made.shape[sequence])
        if learnt < n_tokens:
            n_extra = max(n_extra, learnt)
    return n_extra
