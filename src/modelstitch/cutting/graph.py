"""The cuts of a model whose graph can be captured: nodes that all data flow through."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Node

from modelstitch.cutting import slicing
from modelstitch.cutting.capture import (
    NO_KWARGS,
    Captured,
    Kwargs,
    capture,
    eval_mode,
    no_fused_attention,
    tensor_of,
)
from modelstitch.cutting.complaints import tokens_of_decoder
from modelstitch.cutting.cost import CutWork, work_of
from modelstitch.cutting.cut import Cut, CutModel
from modelstitch.cutting.dataflow import (
    Dependence,
    bypasses,
    classify,
    dominators,
    live_data,
    token_forms,
)
from modelstitch.cutting.hook_halves import same_output
from modelstitch.cutting.naming import (
    ValueName,
    call_of,
    enclosing,
    is_block,
    name_values,
    outermost_blocks,
    path_of,
)
from modelstitch.cutting.positions import Positions
from modelstitch.cutting.recurrent import final_states
from modelstitch.cutting.residual_blocks import named_after_blocks
from modelstitch.errors import CutError

_ENOUGH = 2
"""Default cuts, where there are as many."""


class GraphCutModel(CutModel):
    """A captured model and its cuts, from the input on.

    Args:
        model: any module; it is read in eval mode and left as it was.
        example: (N, ...) inputs with N >= 2.
        name: what to call the model in errors.
        kwargs: (N, ...) further inputs by name of argument.
        output: name of the output that it is cut for.
        given: what the model gives for ``example``, if it has been run already.
        captured: its graph, if there is one already.

    Raises:
        ModelError: the model does not run on ``example``.
        CutError: the model cannot be captured, or has no legal cut.
    """

    def __init__(
        self,
        model: nn.Module,
        example: Tensor,
        name: str = "model",
        kwargs: Kwargs = NO_KWARGS,
        output: str | None = None,
        given: Any = None,
        captured: Captured | None = None,
    ) -> None:
        self.model = self._captured_from = model
        self.name = name
        self._captured = captured or capture(model, example, name, kwargs, output, given)
        self.technique = f"graph capture, nothing computed twice{self._captured.said}"
        graph = self._captured.graph_module.graph
        self._states = final_states(graph)
        self._dependences = classify(graph, self._captured.primary)
        self._ends = self._captured.ends
        if self._captured.scored is None and len(self._ends) > 1:
            self._ends = [self._deepest(self._ends)]
        tokens = token_forms(graph, self._captured.primary)
        if any(
            kind is Dependence.SIDE and tokens.intersection(node.all_input_nodes)
            for node, kind in self._dependences.items()
        ):
            self.input_name = self._captured.name
        self._live = live_data(graph, self._dependences, self._ends)
        candidates = [
            node
            for node in dominators(self._live, self._ends)
            if node is not self._captured.primary
            and node is not self._live[-1]
            and self._is_representation(node)
        ]
        names = named_after_blocks(model, candidates, name_values(model, candidates, self._live))
        names = outermost_blocks(model, names)
        self._example, self._kwargs = example, kwargs
        defaults = self._defaults(candidates, names)
        positions = Positions(self._captured, model, self._dependences, self._ends, example, kwargs)
        layouts = positions.layouts(candidates)
        self._nodes: dict[str, Node] = {}
        cuts: list[Cut] = []
        for index, node in enumerate(candidates):
            named = names[node]
            cuts.append(Cut(named.name, named.aliases, layouts[index], index in defaults, self.counted))
            self._nodes[named.name] = node
        self.cuts: tuple[Cut, ...] = tuple(cuts)
        if not cuts:
            raise CutError(self._why_none())

    @property
    def captured(self) -> Captured:
        """The graph of the model that was captured."""
        return self._captured

    def _deepest(self, ends: list[Node]) -> Node:
        """Return the output that most of the model leads to; of equal ones the first."""
        graph = self._captured.graph_module.graph
        floating = [
            node for node in ends if (value := tensor_of(node)) is not None and value.is_floating_point()
        ]
        # Final states of recurrent layers are for a next call; they lead to an output, and are none.
        own = [node for node in floating if node not in self._states]
        return max(own or floating or ends, key=lambda node: len(live_data(graph, self._dependences, [node])))

    def _is_representation(self, node: Node) -> bool:
        if node in self._states:
            return False
        value, batch = tensor_of(node), self._captured.primary.meta["val"].shape[0]
        if value is None or not value.is_floating_point() or value.ndim < 2:
            return False
        axis = slicing.batch_axis(node)
        # The second of two axes is features, whatever its length; a sequence-first value has at least three.
        if axis is None or (axis == 1 and value.ndim < 3):
            return False
        length = value.shape[axis]
        assert isinstance(length, torch.SymInt)
        return bool(length.node.expr == batch.node.expr)

    def _defaults(self, candidates: list[Node], names: dict[Node, ValueName]) -> set[int]:
        """Return the indices of the default cuts: ends of blocks, else ends of modules, and of layers.

        One place alone is no choice: where there are fewer than two, those of the next kind are added.
        """
        found: set[int] = set()
        for kind in (self._ends_of_blocks, self._ends_of_modules, self._ends_of_layers):
            found |= kind(candidates, names)
            if len(found) >= _ENOUGH:
                return found
        return set(range(len(candidates)))

    def _ends_of_blocks(self, candidates: list[Node], names: dict[Node, ValueName]) -> set[int]:
        """Return the ends of blocks, and what feeds the first of them."""
        blocks = [index for index, node in enumerate(candidates) if names[node].block]
        if not blocks:
            return set()
        first = self._entrance(candidates, blocks[0], names[candidates[blocks[0]]].name)
        return {*blocks, *(() if first is None else (first,))}

    def _ends_of_modules(self, candidates: list[Node], names: dict[Node, ValueName]) -> set[int]:
        return {index for index, node in enumerate(candidates) if "+" not in names[node].name}

    def _ends_of_layers(self, candidates: list[Node], names: dict[Node, ValueName]) -> set[int]:
        """Return the last cut before each operation that reads a matrix of weights but the first.

        Before the first one lies the input, in another form at most.
        """
        places = [self._live.index(node) for node in candidates]
        reading = [place for place, node in enumerate(self._live) if self._reads_weights(node)]
        found = set()
        for place in reading[1:]:
            before = [index for index, own in enumerate(places) if own < place]
            found.update(before[-1:])
        return found

    def _reads_weights(self, node: Node) -> bool:
        """Tell whether an operation reads a matrix that does not depend on the input."""
        return any(
            self._dependences[source] is Dependence.CONST
            and (value := tensor_of(source)) is not None
            and value.ndim > 1
            for source in node.all_input_nodes
        )

    def _entrance(self, candidates: list[Node], first_block: int, block: str) -> int | None:
        """Return the index of the cut that feeds the first block: layer 0 of Hernandez et al."""
        around = enclosing(candidates[first_block]).values()
        for outer in (path for path in around if is_block(self.model, path)):
            before = [
                index for index in range(first_block) if outer not in enclosing(candidates[index]).values()
            ]
            if before:  # else a wrapper around everything
                return before[-1]
            if outer == path_of(block):
                break
        # A block that ends outside of its module: the cut before the first of its operations.
        within = [
            place
            for place, node in enumerate(self._live)
            if any(path == block or path.startswith(f"{block}.") for path in enclosing(node).values())
        ]
        earlier = [node for node in candidates[:first_block] if within and self._live.index(node) < within[0]]
        return len(earlier) - 1 if earlier else None

    def _why_none(self) -> str:
        inner = [node for node in self._live if node is not self._captured.primary]
        if not inner:
            return f"model {self.name} has no cut: its output does not depend on its input"
        if any((value := tensor_of(node)) is not None and value.is_complex() for node in inner) and not any(
            (value := tensor_of(node)) is not None and value.is_floating_point() for node in inner
        ):
            return (
                f"model {self.name} has no cut: its values are complex numbers, which no stitch reads: wrap "
                "its parts in modules that give torch.view_as_real of them"
            )
        middle = inner[len(inner) // 2]
        around = self._edges(bypasses(middle, self._live, self._ends))
        return f"model {self.name} has no cut between input and head: " + (
            f"around {self._name_of(middle)} data also flows through {around}"
            if around
            else "it is a single operation"
        )

    def _edges(self, edges: list[tuple[Node, Node]]) -> str:
        return ", ".join(f"{self._name_of(a)} -> {self._name_of(b)}" for a, b in edges[:3])

    def _name_of(self, node: Node) -> str:
        """Return the name of a value of the graph: of the module that gave it, or that ran before it."""
        if node.op == "output":
            return "output"
        inner = [other for other in self._live if other is not self._captured.primary]
        return name_values(self.model, inner, self._live)[node].name if node in inner else "input"

    def _why_not(self, name: str) -> str:
        names = [spelling for cut in self.cuts for spelling in (cut.name, *cut.aliases)]
        calls = [spelling for spelling in names if re.fullmatch(re.escape(name) + r"@\d+", spelling)]
        if calls:
            return f"the module is called several times, expected one of {', '.join(calls)}"
        module, _, call = name.partition("@")
        inside = [
            node
            for node in self._live
            if any(path == module and call in ("", call_of(key)) for key, path in enclosing(node).items())
        ]
        if not inside:
            others = [
                kind
                for node, kind in self._dependences.items()
                if any(path == module and call in ("", call_of(key)) for key, path in enclosing(node).items())
            ]
            if others and max(others) is Dependence.SIDE:
                return "it is computed from further inputs alone, which both halves are given"
            if others and max(others) is not Dependence.DATA:
                return "its output does not depend on the input"
            if module in dict(self.model.named_modules()):
                return "its output does not lie on the path from input to output, or is its input unchanged"
            return "no module of this name"
        around = bypasses(inside[-1], self._live, self._ends)
        if inside[-1] in self._states and not around:
            return (
                "it gives the final states of its layers, of which none is a position: name the value that "
                "is made of them"
            )
        if not around and inside[-1] is self._live[-1]:
            return "its output is the model's output"
        if not around:
            return "its output is not one floating-point tensor with the batch as its first axis"
        if any(user in self._states for _, user in around):
            return "the final states of a recurrent layer before it are read behind it too"
        why = f"data also flows around it, through {self._edges(around)}"
        values = [tensor_of(source) for source, _ in around]
        if any(value is None or value.is_floating_point() for value in values):
            return why
        own = tokens_of_decoder(self.model, self._kwargs)
        return (
            f"{why}; these are a mask or tokens, not floating-point values: give them to the model as an "
            f"input of their own{'' if own is None else f' ({own})'}"
        )

    def _place(self, name: str) -> int | None:
        module, _, call = name.partition("@")
        nodes = list(self._captured.graph_module.graph.nodes)
        inside = [
            place
            for place, node in enumerate(nodes)
            if any(path == module and call in ("", call_of(key)) for key, path in enclosing(node).items())
        ]
        return sum(nodes.index(cut) < inside[-1] for cut in self._nodes.values()) if inside else None

    def _same_as(self, name: str) -> str | None:
        if name.partition("@")[0] not in dict(self.model.named_modules()):
            return None
        some = {key: value[:2] for key, value in self._kwargs.items()}
        with eval_mode(self.model), no_fused_attention():
            same = same_output(self.model, self._example[:2], name, some)
        return None if same is None else self._only_call(same) or same

    def _only_call(self, name: str) -> str | None:
        path, _, call = name.partition("@")
        cut = self._known(path) if call else None
        if cut is None:
            return None
        around = enclosing(self._nodes[cut.name])
        return cut.name if any(at == path and call_of(key) == call for key, at in around.items()) else None

    def prefix(self, *names: str, frozen: bool = False) -> slicing.Slice:
        nodes = [self._nodes[self.find(name).name] for name in names]
        return slicing.prefix(self._captured, self.model, nodes, frozen)

    def suffix(self, name: str, frozen: bool = False, later: tuple[str, ...] | None = None) -> slicing.Slice:
        cut = self.find(name)
        nodes = None if later is None else [self._nodes[self.find(later_cut).name] for later_cut in later]
        try:
            return slicing.suffix(
                self._captured,
                self.model,
                self._dependences,
                self._nodes[cut.name],
                self._ends,
                frozen,
                nodes,
            )
        except CutError as error:
            raise CutError(f"cannot cut model {self.name} at {name!r}: {error}") from error

    def outputs_after(self, name: str) -> tuple[bool, ...]:
        node = self._nodes[self.find(name).name]
        given = slicing.outputs_after(self._captured, self._dependences, node, self._ends)
        own = self._captured.outputs
        return tuple(one is not None for one, leaf in zip(given, own, strict=True) if leaf is not None)

    def _work(self) -> dict[str, CutWork]:
        return work_of(
            self._captured, self._captured_from, {cut.name: self._nodes[cut.name] for cut in self.cuts}
        )

    def activation_bytes(self, name: str) -> int:
        start = self._live.index(self._nodes[self.find(name).name])
        total = 0
        for node in self._live[start:]:
            value = tensor_of(node)
            if value is not None:
                lengths = [1 if isinstance(n, torch.SymInt) else n for n in value.shape]
                total += torch.Size(lengths).numel() * value.element_size()
        return total
