"""The base class of all stitches: shapes, bridge, canonical form, number of parameters."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from modelstitch.cutting.layouts import Layout, Shaped, as_layout, stitchable
from modelstitch.specs import StitchSpec
from modelstitch.stitches.bridges import AxisSizes, Bridge, plan
from modelstitch.stitches.fittable import Fittable


class Stitch(Fittable, ABC):
    """A bridge and a trainable transformation of one family, from provided to expected representation.

    Args:
        spec: family, size and norm.
        provided_layout, expected_layout: layouts of the representations, or shapes without the batch axis
            where the layout follows from the shape.

    Raises:
        StitchError: this family cannot stitch this layout or this pair of shapes.
    """

    down: ClassVar[Literal["stride", "pool"]] = "stride"
    """What the bridge does where the provided size is a multiple of the expected one."""

    def __init__(self, spec: StitchSpec, provided_layout: Shaped, expected_layout: Shaped) -> None:
        super().__init__()
        self.spec = spec
        self.provided_layout: Layout = stitchable(as_layout(provided_layout), "the sender's cut")
        self.expected_layout: Layout = stitchable(as_layout(expected_layout), "the receiver's cut")
        layouts = (self.provided_layout, self.expected_layout)
        self.n_axes = max(len(layout.positions) for layout in layouts)
        """Number of axes of the bridge's grid: 2, or 3 where one side is a volume."""
        self.provided, self.expected = (
            (layout.n_features, *(1,) * (self.n_axes - len(layout.positions)), *layout.positions)
            for layout in layouts
        )
        # Extra tokens are transformed beside the positions; batch norms around a kernel would see them apart.
        self.carries_extra = layouts[0].extra == layouts[1].extra > 0 and (
            not any(self.reach) or spec.norm == "none"
        )
        # Carried tokens allow no stride. Nor does a vector or a plain sequence: a patch would cover all of
        # its positions, with a weight for each.
        strided = not self.carries_extra and all(layout.is_map or layout.grid for layout in layouts)
        self.bridge: Bridge = plan(
            self.provided[1:],
            self.expected[1:],
            self.down if strided else "pool",
            "linear" if self.expected_layout.extra else "nearest",
        )

    @property
    def reach(self) -> AxisSizes:
        """Number of positions that the transformation sees beyond its stride, per axis, on each side."""
        return (0,) * self.n_axes

    @property
    def n_features(self) -> int:
        """Number F of features in the canonical form."""
        return self.provided[0] * math.prod(self.bridge.kernel(self.reach))

    @property
    def n_parameters(self) -> int:
        """Number of trainable numbers, minus those that a constraint removes."""
        return sum(parameter.numel() for parameter in self.parameters())

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the random start; a no-op for a family without parameters."""

    def features(self, x: Float[Tensor, " n *provided"]) -> Float[Tensor, "n p f"]:
        """Return the canonical form of a provided representation: P rows of F features for each example.

        An expected extra token has a row too: that of the provided extra token, or the mean over positions.
        """
        grid, extra = self._grid(x)
        rows = self.bridge.features(grid, self.reach)
        if self.carries_extra:
            return _in_front(self._centred(extra), rows)
        n_extra = self.expected_layout.extra
        return torch.cat([rows.mean(1, keepdim=True).expand(-1, n_extra, -1), rows], 1) if n_extra else rows

    def targets(self, e: Float[Tensor, " n *expected"]) -> Float[Tensor, "n p d"]:
        """Return the canonical form of an expected representation: P rows of D channels for each example."""
        grid, extra = self.expected_layout.to_grid(e)
        return _in_front(extra, self.bridge.targets(grid.reshape(e.shape[0], *self.expected)))

    def forward(self, x: Float[Tensor, " n *provided"]) -> Float[Tensor, " n *expected"]:
        """Map representations at the sender's cut to representations at the receiver's cut."""
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
        """Read a provided representation as a grid (N, C, *positions) and extra tokens (N, C, extra)."""
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
        """The bridge in words: layouts other than plain maps, the rule, and extra tokens that are lost."""
        plain = {"map2d", "vector"} if self.n_axes == 2 else {"map3d", "vector"}
        layouts = (str(self.provided_layout), str(self.expected_layout))
        parts = [] if set(layouts) <= plain else [f"{layouts[0]} to {layouts[1]}"]
        parts.append(self.bridge.label)
        if self.provided_layout.extra and not self.carries_extra:
            parts.append("extra tokens dropped")
        if self.expected_layout.extra and not self.carries_extra:
            parts.append("extra tokens from the mean")
        return ", ".join(parts)

    @abstractmethod
    def transform(self, x: Float[Tensor, "n c *grid"]) -> Float[Tensor, "n d *strided"]:
        """Map C provided features to D expected ones, on a grid of any size, divided by the stride."""

    def extra_repr(self) -> str:
        shapes = f"{self.provided_layout.shape} -> {self.expected_layout.shape}"
        return f"{self.spec.label}, {shapes}, {self.bridge_label}"


def fixed_generator() -> torch.Generator:
    """Return the source of a start that nobody chose: always the same, and not torch's global one."""
    return torch.Generator().manual_seed(0)


def _in_front(extra: Tensor | None, rows: Tensor) -> Tensor:
    """Put extra tokens (N, C, extra) in front of the rows of the positions (N, P, C)."""
    return rows if extra is None else torch.cat([extra.transpose(1, 2), rows], 1)
