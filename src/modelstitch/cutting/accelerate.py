"""Accelerate a frozen half: fold batch norms into the operation before, channels last, another precision.

Folding is exact up to rounding. The caller compares an accelerated half with the plain one on real inputs.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, Node

from modelstitch.cutting.slicing import Slice, build_module

_aten = torch.ops.aten
_FOLDABLE = (_aten.conv1d.default, _aten.conv2d.default, _aten.conv3d.default, _aten.linear.default)
_IN_PLACE = {_aten.relu.default: _aten.relu_.default, _aten.add.Tensor: _aten.add_.Tensor}
_NORM = _aten._native_batch_norm_legit_no_training.default

Cache = dict[tuple[str, torch.dtype], Tensor]
"""Tensors of accelerated halves by name, so that all halves of one model share them."""


def accelerate(part: Slice, dtype: torch.dtype, cache: Cache) -> Slice:
    r"""Return a faster copy of a frozen half.

    .. math:: \gamma \frac{W x + c - \mu}{\sqrt{v + \epsilon}} + \beta
        = (s W) x + s (c - \mu) + \beta, \quad s = \gamma / \sqrt{v + \epsilon}

    Args:
        part: a prefix or suffix; left unchanged.
        dtype: precision of all floating-point parameters and buffers.
        cache: receives the tensors made here; use one cache for all halves of one model.
    """
    source = {name: value.detach() for name, value in part.body.state_dict(keep_vars=True).items()}
    graph = Graph()
    mapped: dict[Node, Node] = {}
    output = graph.graph_copy(part.body.graph, mapped)
    graph.output(output)
    values: dict[str, Tensor] = {}
    for node in list(graph.nodes):
        if node.op == "call_function" and node.target is _NORM:
            _fold(graph, node, source, values, dtype, cache)
    graph.eliminate_dead_code()
    _reuse_memory(graph)
    for node in graph.nodes:
        if node.op == "get_attr" and str(node.target) not in values:
            values[str(node.target)] = _cast(str(node.target), source[str(node.target)], dtype, cache)
    return Slice(build_module(graph, values), part.out_spec, part.kwargs, part.input_name)


def _fold(
    graph: Graph,
    norm: Node,
    source: dict[str, Tensor],
    values: dict[str, Tensor],
    dtype: torch.dtype,
    cache: Cache,
) -> None:
    before, gamma, beta, mean, variance, *_, epsilon = norm.args
    if not (isinstance(before, Node) and before.target in _FOLDABLE and len(before.users) == 1):
        return
    x, weight, bias, *rest = [*before.args, None][: max(3, len(before.args))]
    constants = [node for node in (weight, bias, gamma, beta, mean, variance) if node is not None]
    if any(not isinstance(node, Node) or node.op != "get_attr" for node in constants):
        return
    if any(user.target is not operator.getitem or user.args[1] != 0 for user in norm.users):
        return

    def value(node: Any) -> Tensor | None:
        return None if node is None else source[str(node.target)].double()

    name = f"{weight.target}_and_{mean.target}".replace(".", "_")  # type: ignore[union-attr]
    if (f"{name}_weight", dtype) not in cache:
        w, m, v = value(weight), value(mean), value(variance)
        assert w is not None
        assert m is not None
        assert v is not None
        assert isinstance(epsilon, float)
        scale = (v + epsilon).rsqrt()
        g, c, b = value(gamma), value(bias), value(beta)
        scale = scale if g is None else scale * g
        offset = scale * ((0 if c is None else c) - m) + (0 if b is None else b)
        folded = w * scale.view(-1, *[1] * (w.ndim - 1))
        _cast(f"{name}_weight", folded, dtype, cache)
        _cast(f"{name}_bias", offset, dtype, cache)
    for kind in ("weight", "bias"):
        values[f"{name}_{kind}"] = cache[f"{name}_{kind}", dtype]
    with graph.inserting_before(before):
        new = [graph.create_node("get_attr", f"{name}_{kind}") for kind in ("weight", "bias")]
    before.args = (x, *new, *rest)
    for user in list(norm.users):
        user.replace_all_uses_with(before)
        graph.erase_node(user)
    graph.erase_node(norm)


def _reuse_memory(graph: Graph) -> None:
    # A ReLU or a sum may overwrite a fresh tensor that nothing else reads: neither its maker nor the ReLU
    # needs that tensor for a gradient.
    fresh = {*_FOLDABLE, _aten.add.Tensor, _aten.add_.Tensor}
    for node in graph.nodes:
        if node.op != "call_function" or node.target not in _IN_PLACE:
            continue
        made = node.args[0]
        if (
            isinstance(made, Node)
            and made.op == "call_function"
            and made.target in fresh
            and len(made.users) == 1
        ):
            if node.target is _aten.add.Tensor and not _same_shape(made, node):
                continue
            node.target = _IN_PLACE[node.target]


def _same_shape(one: Node, other: Node) -> bool:
    shapes = [getattr(node.meta.get("val"), "shape", None) for node in (one, other)]
    return shapes[0] is not None and shapes[0] == shapes[1]


def _cast(name: str, value: Tensor, dtype: torch.dtype, cache: Cache) -> Tensor:
    if (name, dtype) not in cache:
        cast = value.to(dtype) if value.is_floating_point() else value
        if cast.ndim == 4:
            cast = cast.contiguous(memory_format=torch.channels_last)
        cache[name, dtype] = cast
    return cache[name, dtype]


def has_fast_bfloat16(device: torch.device) -> bool:
    """Tell whether ``device`` multiplies faster in bfloat16 than in float32, by its reported features."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    features = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return device.type == "cpu" and any(getattr(torch.cpu, name, bool)() for name in features)
