"""What lies before a cut and what behind it: numbers in parameters, and multiply-adds of one example."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Interpreter, Node
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from modelstitch.cutting.capture import Captured, tensor_of


@dataclass(frozen=True)
class Share:
    """Shares of a whole model, from 0 to 1.

    Attributes:
        parameters: share of the numbers in its parameters.
        multiply_adds: share of its multiply-adds.
    """

    parameters: float
    multiply_adds: float


@dataclass(frozen=True)
class Work:
    """The cost of a part of a model, or of a whole one.

    Attributes:
        parameters: numbers in the parameters that the part reads, each once. A parameter that is read on both
            sides of a cut counts on both; one that no side reads counts in the whole model alone.
        multiply_adds: of matrix products, convolutions, attention and recurrent layers, for one example.
            Additions of a bias, norms, activations, pooling and softmax are not counted. Masked positions of
            attention are.
        share: both over those of the whole model.
    """

    parameters: int
    multiply_adds: int
    share: Share


def work(part: tuple[int, int], whole: tuple[int, int]) -> Work:
    """Return the work of a part from its parameters and multiply-adds, and from those of the whole model.

    Example:
        >>> work((1, 30), (4, 40)).share
        Share(parameters=0.25, multiply_adds=0.75)
    """
    shares = (mine / all_of if all_of else 0.0 for mine, all_of in zip(part, whole, strict=True))
    return Work(*part, Share(*shares))


@dataclass(frozen=True)
class CutWork:
    """The work before a cut and behind it."""

    before: Work
    after: Work


def counter() -> FlopCounterMode:
    """Return what counts floating-point operations, two for each multiply-add.

    It is that of torch. It leaves out some operators, which would count as nothing: attention and LSTM on a
    CPU, bilinear layers, and products of vectors.
    """
    aten = torch.ops.aten
    mode = FlopCounterMode(
        display=False,
        custom_mapping={
            aten._scaled_dot_product_flash_attention_for_cpu: _attention,
            aten._scaled_dot_product_fused_attention_overrideable: _attention,
            aten.mkldnn_rnn_layer: _recurrent_layer,
            aten._cudnn_rnn: _recurrent,
            aten._trilinear: _bilinear,
            aten.mv: _matrix_vector,
            aten.dot: _dot,
        },
    )
    # That of torch sets hooks on modules, which a model that takes gradients in its forward refuses.
    mode.mod_tracker = _Everywhere()  # type: ignore[assignment]
    return mode


class _Everywhere(contextlib.AbstractContextManager["_Everywhere"]):
    """Stands in the place of what tells in which module an operation is: all are counted together."""

    parents = frozenset({"Global"})

    def __exit__(self, *_: object) -> None:
        return None


def per_example(flops: int, n_examples: int) -> int:
    """Return the multiply-adds of one example, from the operations of several."""
    return round(flops / (2 * n_examples))


_Shape = Sequence[int]


def _attention(query: _Shape, key: _Shape, value: _Shape, *_: Any, **__: Any) -> int:
    return int(sdpa_flop_count(query, key, value))


def _recurrent_layer(x: _Shape, into: _Shape, along: _Shape, *_: Any, **__: Any) -> int:
    return 2 * x[0] * x[1] * (math.prod(into) + math.prod(along))


def _recurrent(x: _Shape, weights: Sequence[_Shape], *_: Any, **__: Any) -> int:
    return 2 * x[0] * x[1] * sum(math.prod(weight) for weight in weights if len(weight) == 2)


def _bilinear(left: _Shape, weight: _Shape, right: _Shape, *expanded: Any, **__: Any) -> int:
    # The operands are broadcast against each other, after each got axes of length 1 at some places.
    sizes: list[list[int]] = []
    for shape, places in zip((left, weight, right), expanded[:3], strict=True):
        lengths = list(shape)
        for place in sorted(places):
            lengths.insert(place, 1)
        sizes.append(lengths)
    broadcast: list[int] = [max(lengths) for lengths in zip(*sizes, strict=True)]
    return 2 * math.prod(broadcast)


def _matrix_vector(matrix: _Shape, *_: Any, **__: Any) -> int:
    return 2 * math.prod(matrix)


def _dot(left: _Shape, *_: Any, **__: Any) -> int:
    return 2 * math.prod(left)


def work_of(captured: Captured, model: nn.Module, nodes: Mapping[str, Node]) -> dict[str, CutWork]:
    """Count the cost before and behind several values, by one run of the graph on zeros.

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
    run = _Counter(captured)
    with torch.no_grad():
        run.count(*zeros)
    sizes = {id(p): p.numel() for p in model.parameters()}
    whole = sum(sizes.values()), per_example(run.total, 2)
    found = {}
    for name, node in nodes.items():
        done = per_example(run.flops[node], 2)
        read = sum(sizes.get(tensor, 0) for tensor in run.read[node])
        still_read = sum(sizes.get(tensor, 0) for tensor in run.read_behind(node))
        found[name] = CutWork(work((read, done), whole), work((still_read, whole[1] - done), whole))
    return found


class _Counter(Interpreter):
    """Runs a graph and records for every node the operations and tensors used up to it."""

    def __init__(self, captured: Captured) -> None:
        super().__init__(captured.graph_module)
        self.flops: dict[Node, int] = {}
        self.read: dict[Node, frozenset[int]] = {}
        self.total = 0
        self._own: dict[Node, int] = {}
        self._mode = counter()

    def count(self, *args: Any) -> None:
        """Run the graph and count."""
        with self._mode:
            self.run(*args)
        self.total = self._mode.get_total_flops()

    def run_node(self, n: Node) -> Any:
        value = super().run_node(n)
        self.flops[n] = self._mode.get_total_flops()
        if n.op == "get_attr" and isinstance(value, Tensor):
            self._own[n] = id(value)
        own = frozenset({self._own[n]}) if n in self._own else frozenset[int]()
        self.read[n] = own.union(*(self.read[source] for source in n.all_input_nodes))
        return value

    def read_behind(self, node: Node) -> frozenset[int]:
        """Return the tensors that the output needs when the value of ``node`` is given."""
        seen = {node}
        waiting = [other for other in self.read if other.op == "output"]
        while waiting:
            each = waiting.pop()
            if each not in seen:
                seen.add(each)
                waiting.extend(each.all_input_nodes)
        return frozenset(self._own[each] for each in seen if each in self._own)
