"""Read the layout of every cut of a captured graph, and measure how its positions lie.

The graph tells which axis holds features. It does not tell where a token lies: patches may be laid row by
row, window by window or column by column, with learnt tokens before or behind them. So the order is measured,
by the gradient from each position back to the last cut whose positions are known, or to the input. Where
operations keep every position in its place, such as the residual sums of a transformer, nothing has to be
measured.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Node

from modelstitch.cutting import slicing
from modelstitch.cutting.axes import FEATURES_FIRST, features_are_last, is_elementwise, learnt_tokens
from modelstitch.cutting.capture import Captured, Kwargs, tensor_of
from modelstitch.cutting.dataflow import Dependence
from modelstitch.cutting.layouts import Layout, recognise
from modelstitch.cutting.looks import Arrangement, arranged, arranged_by_moves, moved, shares
from modelstitch.errors import CutError

_aten = torch.ops.aten
_MOST_NODES = 3000
MOST_POSITIONS = 4096
_MOST_SHARES = 2**26
_BY_FEATURE = {
    _aten.linear.default,
    _aten.layer_norm.default,
    _aten.native_layer_norm.default,
    _aten.rms_norm.default,
}
"""Operations on the last axis."""
_OF_MAPS = FEATURES_FIRST | {
    _aten.conv_transpose1d.default,
    _aten.conv_transpose2d.input,
    _aten.conv_transpose3d.input,
    _aten.upsample_nearest2d.vec,
    _aten.upsample_bilinear2d.vec,
    _aten.upsample_bicubic2d.vec,
    _aten.constant_pad_nd.default,
}
"""Operations on maps with their features first, whose positions keep their order."""


@dataclass(frozen=True)
class _Known:
    """A value whose positions are known: a cut with its layout, or the input itself."""

    node: Node
    layout: Layout | None


class Positions:
    """Reads the layouts of the cuts of one captured graph, from the input on.

    Args:
        captured: the graph.
        model: the model that it was captured from.
        dependences: of every node.
        ends: the outputs that it is cut for.
        example: (N, ...) inputs.
        kwargs: (N, ...) further inputs by name.
    """

    def __init__(
        self,
        captured: Captured,
        model: nn.Module,
        dependences: dict[Node, Dependence],
        ends: list[Node],
        example: Tensor,
        kwargs: Kwargs,
    ) -> None:
        self._captured, self._model, self._dependences, self._ends = captured, model, dependences, ends
        self._further = {name: value[:1] for name, value in {**kwargs, captured.name: example}.items()}
        self._example = example

    def layouts(self, cuts: Sequence[Node]) -> list[Layout]:
        """Return the layout of the representation at every cut.

        Args:
            cuts: nodes that all data pass, from the input on.
        """
        source: _Known | None = None
        if self._example.is_floating_point():
            source = _Known(self._captured.primary, None)
        before = self._captured.primary
        layout: Layout | None = None
        found: list[Layout] = []
        for node in cuts:
            if not _tied(node, before, layout):
                layout, known = self._measured(node, source)
            elif layout is None or layout.is_map:
                layout = recognise(_shape(node), last=False if layout is None else layout.features_last)
                known = layout.is_map
            else:
                layout = _with_features(layout, _shape(node)[-1 if layout.features_last else 0])
                known = source is not None and source.node is before
            source = _Known(node, layout) if known else source
            before = node
            found.append(shown(layout))
        return found

    def _measured(self, node: Node, source: _Known | None) -> tuple[Layout, bool]:
        """Return the layout of a cut, and whether its positions are known."""
        plain = self._by_axes(node)
        shape = plain.shape
        if len(shape) < 2:
            return plain, False
        if source is None:  # whole numbers: the first positions are those of the input
            return plain, True
        told = self._features_last(node) is not None
        readings = [plain.features_last] if told else [plain.features_last, not plain.features_last]
        arrangements = {last: self._arrangement(node, source, last=last) for last in readings}
        found = [
            arranged_layout(shape, arrangement, last=last)
            for last, arrangement in arrangements.items()
            if arrangement is not None
        ]
        if found:
            # Where nothing tells the axis of features, what comes later is measured from before this cut.
            return (plain if told and self._gives_axes(plain, found[0], source) else found[0]), told
        if not told:
            return plain, False
        if plain.is_map and plain.features_last:
            return Layout("tokens", shape), False
        # A convolution reads what has its features first as a map.
        return plain, plain.is_map

    def _gives_axes(self, plain: Layout, layout: Layout, source: _Known) -> bool:
        """Tell whether a map says which axis of the input is height, and which is width.

        An input without an axis of features, such as a spectrogram (T, F), does not say so itself.
        """
        whole = source.layout is None and self._example.ndim - 1 == len(plain.positions)
        return (
            whole and plain.is_map and not plain.last and sorted(layout.grid or ()) == sorted(plain.positions)
        )

    def _by_axes(self, node: Node) -> Layout:
        """Return the layout that the graph tells, without a grid of tokens."""
        shape, last = _shape(node), self._features_last(node)
        if len(shape) > 4 and last is not None:
            return Layout("tokens", shape, first=not last)
        tokens = len(shape) == 2 and last is not False
        graph = self._captured.graph_module.graph
        extra = learnt_tokens(graph, self._dependences, shape[0], last=node) if tokens else 0
        return recognise(shape, last=last, extra=extra)

    def _features_last(self, node: Node) -> bool | None:
        # A sequence-first value (T, N, D) has its features last; maps have the batch first.
        return True if slicing.batch_axis(node) == 1 else features_are_last(node)

    def _arrangement(self, node: Node, source: _Known, *, last: bool) -> Arrangement | None:
        """Measure how the positions of a cut lie, relative to known positions; None where nothing tells."""
        shape = _shape(node)
        n_positions = Layout("tokens", shape, first=not last).n_tokens
        if n_positions < 2:
            return None
        given = source.node.meta["val"]
        inner = _shape(source.node)
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(1, *inner, generator=generator).to(self._example.device, given.dtype)
        try:
            half = self._half(node, source)
            if half is None:
                return None
            run = partial(self._positions_of, half, last=last)
            with torch.inference_mode(False), torch.enable_grad():
                lengths = inner if source.layout is None else source.layout.positions
                moves = moved(run, _numbered(source.layout, x), lengths)
                if moves is not None and len(moves[0]) == n_positions:
                    return arranged_by_moves(*moves, lengths)
                if n_positions > MOST_POSITIONS:
                    return None
                at, read = places_of(source.layout, inner, n_positions, generator)
                share = shares(run, x, read, n_positions, generator)
        except (CutError, RuntimeError, ValueError, TypeError, IndexError, AssertionError):
            return None  # a part that runs on no other values than its own tells nothing
        return arranged(share, at) if share.shape[1] == len(at) else None

    def _half(self, node: Node, source: _Known) -> slicing.Slice | None:
        """Return the part of the model from known positions to a cut; None where it is very long."""
        if source.layout is None:
            half = slicing.prefix(self._captured, self._model, [node], frozen=True)
        else:
            half = slicing.suffix(
                self._captured, self._model, self._dependences, source.node, self._ends, True, [node]
            )
        return half if len(half.body.graph.nodes) <= _MOST_NODES else None

    def _positions_of(self, half: slicing.Slice, x: Tensor, *, last: bool) -> Tensor:
        """Return the representation of copies of an example, features first and its positions in a row."""
        further = {
            name: value.expand(len(x), *value.shape[1:])
            for name, value in self._further.items()
            if name in half.kwargs
        }
        y: Tensor = half(x, **further)[0]
        return (y.movedim(-1, 1) if last else y).flatten(2)


def _shape(node: Node) -> tuple[int, ...]:
    """Return the shape of one example of a value."""
    value = tensor_of(node)
    assert value is not None
    axis = slicing.batch_axis(node)
    return tuple(int(length) for index, length in enumerate(value.shape) if index != axis)


def places_of(
    layout: Layout | None, shape: tuple[int, ...], n_positions: int, generator: torch.Generator
) -> tuple[Tensor, Any]:
    """Return the coordinates of places (S, A), and what reads a gradient as features at the places (B, D, S).

    In the input itself every number is a place, since no axis is known to hold features; some are drawn where
    there are many. In a representation the places are its positions, and some features stand for all.
    """
    most = _MOST_SHARES // n_positions
    if layout is None:
        numbers = torch.arange(int(torch.Size(shape).numel()))
        if len(numbers) > most:
            numbers = torch.randperm(len(numbers), generator=generator)[:most].sort().values
        at = torch.stack(torch.unravel_index(numbers, shape), 1).float()
        return at, lambda gradient: gradient.flatten(1)[:, None, numbers]
    at = torch.cartesian_prod(*(torch.arange(n) for n in layout.positions)).float()
    some = torch.randperm(layout.n_features, generator=generator)[: max(4, most // len(at))]
    return at, lambda gradient: layout.to_grid(gradient)[0].flatten(2)[:, some]


def _numbered(layout: Layout | None, like: Tensor) -> list[Tensor]:
    """Return, for each axis of places, a value like (1, ...) that holds the place along it, from 1 on."""
    lengths = like.shape[1:] if layout is None else layout.positions
    axes = torch.meshgrid(*(torch.arange(1, n + 1).to(like) for n in lengths), indexing="ij")
    if layout is None:
        return [axis[None] for axis in axes]
    extra = -like.new_ones(1, layout.n_features, layout.extra)
    grids = (axis.expand(1, layout.n_features, *layout.positions) for axis in axes)
    return [layout.from_grid(grid, extra) for grid in grids]


def arranged_layout(shape: tuple[int, ...], arrangement: Arrangement, *, last: bool) -> Layout:
    """Return the layout of positions that lie on a measured grid."""
    grid, order = arrangement.grid, arrangement.order
    n_tokens = Layout("tokens", shape, first=not last).n_tokens
    extra = n_tokens - len(order)
    plain = order == tuple(range(extra, n_tokens))
    if plain and not extra and grid == (shape[:-1] if last else shape[1:]):
        return recognise(shape, last=last)
    if len(grid) == 1:
        # A line needs no grid, unless it is in another order.
        return Layout(
            "tokens", shape, False, extra, None if plain else (1, *grid), None if plain else order, not last
        )
    return Layout("tokens", shape, False, extra, grid, order, not last)


def shown(layout: Layout) -> Layout:
    """Return how a layout is shown: a map laid in a row, features first, is a line."""
    line = layout.first and len(layout.shape) == 2 and not layout.extra and layout.order is None
    return recognise(layout.shape, last=False) if line else layout


def _with_features(layout: Layout, n_features: int) -> Layout:
    """Return a layout with another number of features."""
    shape = (*layout.shape[:-1], n_features) if layout.features_last else (n_features, *layout.shape[1:])
    return replace(layout, shape=shape)


def _tied(node: Node, before: Node, layout: Layout | None) -> bool:
    """Tell whether some path from an earlier value to a later one keeps every position in its place.

    Args:
        node: the later value.
        before: the earlier value, which all data pass.
        layout: of the earlier value; None for the input, which is read as a map by its convolutions.
    """
    maps = layout is None or (layout.is_map and not layout.last)
    last = layout is not None and layout.features_last
    pending, seen = [node], {node}
    through_map = False
    while pending:
        current = pending.pop()
        if current is before:
            return layout is not None or through_map
        for source, kind in _kept(current, last=last, maps=maps):
            through_map |= kind
            if source not in seen:
                seen.add(source)
                pending.append(source)
    return False


def _kept(node: Node, *, last: bool, maps: bool) -> list[tuple[Node, bool]]:
    """Return the arguments of a node whose positions it keeps, with whether it works on maps."""
    first = node.args[0] if node.args else None
    if node.target is operator.getitem and isinstance(first, Node):
        return [(first, False)]
    if maps and node.target in _OF_MAPS and isinstance(first, Node):
        return [(first, True)]
    if last and node.target in _BY_FEATURE and isinstance(first, Node):
        return [(first, False)] if _same_positions(node, first, last=last) else []
    if node.target is _aten.cat.default and isinstance(first, list | tuple):
        parts = [part for part in first if isinstance(part, Node)]
        return [(part, False) for part in parts if _same_positions(node, part, last=last)]
    if is_elementwise(node):
        parts = [part for part in node.all_input_nodes if _same_positions(node, part, last=last)]
        return [(part, False) for part in parts]
    return []


def _same_positions(node: Node, other: Node, *, last: bool) -> bool:
    """Tell whether two values have equally many positions along every axis."""
    value, given = tensor_of(node), tensor_of(other)
    if value is None or given is None or value.ndim != given.ndim or value.ndim < 2:
        return False
    if slicing.batch_axis(node) != slicing.batch_axis(other):
        return False
    features = value.ndim - 1 if last else 1
    return all(
        int(value.shape[axis]) == int(given.shape[axis])
        for axis in range(value.ndim)
        if axis not in (features, slicing.batch_axis(node))
    )
