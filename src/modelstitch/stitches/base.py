"""What every stitch shares: its shapes, its bridge, its canonical form and the count of its parameters."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from modelstitch.cutting.layouts import Layout, Shaped, as_layout, stitchable
from modelstitch.specs import StitchSpec
from modelstitch.stitches.bridges import AxisSizes, Bridge, plan
from modelstitch.stitches.coordinates import Coordinates

Values = dict[str, Tensor]
"""The trainable parameters of a stitch, by name."""


class Stitch(nn.Module, ABC):
    """A bridge and a trainable transformation of one family, from provided to expected representation.

    Args:
        spec: family, size and norm.
        provided_layout, expected_layout: of the representations, or their shapes (batch axis left out) where these say it all.

    Raises:
        StitchError: a layout, or a pair of shapes, that this family cannot stitch.
    """

    down: ClassVar[Literal["stride", "pool"]] = "stride"
    """What the bridge does where the provided size is a multiple of the expected one."""

    def __init__(self, spec: StitchSpec, provided_layout: Shaped, expected_layout: Shaped) -> None:
        super().__init__()
        self.spec = spec
        self.provided_layout: Layout = stitchable(as_layout(provided_layout), "the sender's cut")
        self.expected_layout: Layout = stitchable(as_layout(expected_layout), "the receiver's cut")
        layouts = (self.provided_layout, self.expected_layout)
        self.n_axes = max(len(each.positions) for each in layouts)
        """Number of axes of the grid that the bridge works on: 2, or 3 where one side is a volume."""
        self.provided, self.expected = (
            (each.n_features, *(1,) * (self.n_axes - len(each.positions)), *each.positions)
            for each in layouts
        )
        # A kernel's batch norms would see extra tokens apart from the positions.
        self.carries_extra = layouts[0].extra == layouts[1].extra > 0 and (
            not any(self.reach) or spec.norm == "none"
        )
        # Extra tokens go through the transformation beside the positions, which neither a stride nor a repetition allows. Patches
        # of a map have neighbours on both sides; a vector or a sequence of tokens would take a weight for each of its positions.
        strided = not self.carries_extra and all(each.is_map or each.grid for each in layouts)
        self.bridge: Bridge = plan(
            self.provided[1:],
            self.expected[1:],
            self.down if strided else "pool",
            "linear" if self.expected_layout.extra else "nearest",
        )

    @property
    def reach(self) -> AxisSizes:
        """Positions that the transformation sees beyond its stride, on each side of every axis."""
        return (0,) * self.n_axes

    @property
    def n_features(self) -> int:
        """Number of features of the canonical form that the transformation reads."""
        return self.provided[0] * math.prod(self.bridge.kernel(self.reach))

    @property
    def n_parameters(self) -> int:
        """Number of trainable numbers, less those that a constraint takes away."""
        return sum(parameter.numel() for parameter in self.parameters())

    def initialise(self, generator: torch.Generator | None) -> None:
        """Draw the random start; a family without parameters has none."""

    def features(self, x: Tensor) -> Tensor:
        """Return the canonical form (N, P, F) of a provided representation (N, *shape).

        An extra token that is expected is a row too: the extra token provided, or the mean over positions.
        """
        grid, extra = self._grid(x)
        rows = self.bridge.features(grid, self.reach)
        if self.carries_extra:
            return _in_front(self._centred(extra), rows)
        n_extra = self.expected_layout.extra
        return torch.cat([rows.mean(1, keepdim=True).expand(-1, n_extra, -1), rows], 1) if n_extra else rows

    def targets(self, e: Tensor) -> Tensor:
        """Return the canonical form (N, P, D) of an expected representation (N, *shape)."""
        grid, extra = self.expected_layout.to_grid(e)
        return _in_front(extra, self.bridge.targets(grid.reshape(e.shape[0], *self.expected)))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, *shape) at the sender's cut to (N, *shape) at the receiver's."""
        grid, extra = self._grid(x)
        grid = self.bridge.reduce(grid)
        if not self.carries_extra:
            return self.expected_layout.from_grid(self.bridge.enlarge(self.transform(grid)))
        assert extra is not None
        n, ones = extra.shape[2], (1,) * (self.n_axes - 1)
        if any(self.reach):  # an extra token has no neighbours
            alone = self.transform(extra.transpose(1, 2).reshape(x.shape[0] * n, -1, *ones, 1))
            beside = alone.flatten(1).unflatten(0, (x.shape[0], n)).transpose(1, 2)
            return self.expected_layout.from_grid(self.bridge.enlarge(self.transform(grid)), beside)
        row = torch.cat([extra, grid.flatten(2)], 2)
        y = self.transform(row.unflatten(2, (*ones, -1))).flatten(2)
        positions = y[:, :, n:].unflatten(2, grid.shape[2:])
        return self.expected_layout.from_grid(self.bridge.enlarge(positions), y[:, :, :n])

    def _grid(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Read a provided representation as features on the bridge's grid, and the extra tokens apart."""
        grid, extra = self.provided_layout.to_grid(x)
        return grid.reshape(x.shape[0], *self.provided), extra

    def _centred(self, extra: Tensor | None) -> Tensor | None:
        """Put extra tokens (N, C, extra) in the middle of patches of zeros, (N, C x kernel, extra)."""
        if extra is None or not any(self.reach):
            return extra
        patches = extra.new_zeros(*extra.shape, *self.bridge.kernel(self.reach))
        middle: tuple[Any, ...] = (..., *self.reach)
        patches[middle] = extra
        return patches.movedim(2, -1).flatten(1, -2)

    @property
    def bridge_label(self) -> str:
        """What the bridge does, and what it loses: the layouts where they are more than maps, the rule, and the extra tokens."""
        plain = {"map2d", "vector"} if self.n_axes == 2 else {"map3d", "vector"}
        layouts = (str(self.provided_layout), str(self.expected_layout))
        told = [] if set(layouts) <= plain else [f"{layouts[0]} to {layouts[1]}"]
        told.append(self.bridge.label)
        if self.provided_layout.extra and not self.carries_extra:
            told.append("extra tokens dropped")
        if self.expected_layout.extra and not self.carries_extra:
            told.append("extra tokens from the mean")
        return ", ".join(told)

    @abstractmethod
    def transform(self, x: Tensor) -> Tensor:
        """Map (N, C_provided, ...) to (N, C_expected, ... / stride), on a grid of any size."""

    def to_plain(self, values: Values, coordinates: Coordinates) -> Values:
        """Return the parameters that do in plain coordinates what ``values`` do in ``coordinates``.

        Differentiable, so that an optimiser can work on ``values`` while the network sees the plain ones.
        """
        return values

    def from_plain(self, values: Values, coordinates: Coordinates) -> Values:
        """Undo :meth:`to_plain`."""
        return values

    def random_start(self, generator: torch.Generator) -> Values:
        """Draw parameters in whitened coordinates, scaled so that the stitched variance is that expected."""
        return {name: value.detach().clone() for name, value in self.named_parameters()}

    def project(self, values: Values) -> Values:
        """Bring parameters that a step has moved back to where the family lives; most are free to move."""
        return values

    def extra_repr(self) -> str:
        shapes = f"{self.provided_layout.shape} -> {self.expected_layout.shape}"
        return f"{self.spec.label}, {shapes}, {self.bridge_label}"


def _in_front(extra: Tensor | None, rows: Tensor) -> Tensor:
    """Put extra tokens (N, C, extra) in front of the rows of the positions (N, P, C)."""
    return rows if extra is None else torch.cat([extra.transpose(1, 2), rows], 1)
