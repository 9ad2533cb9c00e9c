"""Cost before a cut: its share of the parameters and of the multiply-adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Interpreter, Node
from torch.utils.flop_counter import FlopCounterMode

from modelstitch.cutting.capture import Captured, tensor_of


@dataclass(frozen=True)
class Work:
    """Shares of a whole model, from 0 to 1.

    Attributes:
        parameters: share of the numbers in its parameters.
        multiply_adds: share of the multiply-adds of matrix products, convolutions and attention, for one
            example.
    """

    parameters: float
    multiply_adds: float


def work_before(captured: Captured, model: nn.Module, nodes: Mapping[str, Node]) -> dict[str, Work]:
    """Count the cost before several values, by one run of the graph on zeros.

    A parameter that is used on both sides counts as before.

    Args:
        captured: the graph of ``model``.
        model: the model.
        nodes: the values by name.
    """
    like = next((p for p in model.parameters()), torch.empty(0))
    zeros = []
    for node in (captured.primary, *captured.kwargs.values()):
        value = tensor_of(node)
        assert value is not None
        zeros.append(torch.zeros(2, *value.shape[1:], dtype=value.dtype, device=like.device))
    counter = _Counter(captured)
    with torch.no_grad():
        counter.count(*zeros)
    sizes = {id(p): p.numel() for p in model.parameters()}
    total, flops = sum(sizes.values()), counter.total
    return {
        name: Work(
            sum(sizes.get(tensor, 0) for tensor in counter.read[node]) / total if total else 0.0,
            counter.flops[node] / flops if flops else 0.0,
        )
        for name, node in nodes.items()
    }


class _Counter(Interpreter):
    """Runs a graph and records for every node the operations and tensors used up to it."""

    def __init__(self, captured: Captured) -> None:
        super().__init__(captured.graph_module)
        self.flops: dict[Node, int] = {}
        self.read: dict[Node, frozenset[int]] = {}
        self.total = 0
        self._mode = FlopCounterMode(display=False)

    def count(self, *args: Any) -> None:
        """Run the graph and count."""
        with self._mode:
            self.run(*args)
        self.total = self._mode.get_total_flops()

    def run_node(self, n: Node) -> Any:
        value = super().run_node(n)
        self.flops[n] = self._mode.get_total_flops()
        own = frozenset({id(value)}) if n.op == "get_attr" and isinstance(value, Tensor) else frozenset[int]()
        self.read[n] = own.union(*(self.read[source] for source in n.all_input_nodes))
        return value
