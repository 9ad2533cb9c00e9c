"""Which module every value of a graph belongs to, where torch loses it while operations are decomposed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch._higher_order_ops import wrap
from torch.export import ExportedProgram
from torch.fx import GraphModule, Interpreter, Node

_aten = torch.ops.aten
_VIEWS = {
    _aten.view.default: (
        _aten.flatten.using_ints,
        _aten.unflatten.int,
        _aten.view.default,
        _aten.reshape.default,
    ),
    _aten.permute.default: (_aten.permute.default,),
    _aten.transpose.int: (_aten.transpose.int,),
    _aten.unsqueeze.default: (_aten.unsqueeze.default,),
    _aten.squeeze.dim: (_aten.squeeze.dim,),
}
"""Views of a decomposed graph, and the operations of a model that are decomposed to each."""


@contextlib.contextmanager
def modules_inside_autocast() -> Iterator[None]:
    """Let operations under ``torch.autocast`` keep their modules: torch runs them as one function."""
    kind: Any = wrap.WrapWithAutocast
    own = kind.__call__

    def call(self: Any, device: Any, dtype: Any, enabled: Any, cached: Any, inner: Any, *args: Any) -> Any:
        if isinstance(inner, GraphModule):
            graph = Interpreter(inner)

            def inner(*given: Any) -> Any:
                return graph.run(*given)

        return own(self, device, dtype, enabled, cached, inner, *args)

    kind.__call__ = call
    try:
        yield
    finally:
        kind.__call__ = own


def views_to_own_modules(exported: ExportedProgram, program: ExportedProgram) -> None:
    """Give each view back to the module that makes it.

    Behind an operation in place, torch makes a view anew inside of the module that reads it.

    Args:
        exported: the program as captured.
        program: the same, decomposed.
    """
    origins = {node.name: node for node in exported.graph.nodes}
    for node in program.graph.nodes:
        if node.target not in _VIEWS or not node.meta.get("from_node"):
            continue
        reader = origins.get(node.meta["from_node"][-1].name)
        if reader is None or reader.target in _VIEWS[node.target]:
            continue
        made = [
            source
            for source in reader.all_input_nodes
            if source.target in _VIEWS[node.target] and _shape(source) == _shape(node)
        ]
        if len(made) == 1 and made[0].meta.get("nn_module_stack"):
            node.meta["nn_module_stack"] = made[0].meta["nn_module_stack"]


def _shape(node: Node) -> str:
    value = node.meta.get("val")
    return str(tuple(value.shape)) if isinstance(value, Tensor) else ""
