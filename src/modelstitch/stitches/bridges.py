"""The fixed, parameter-free change of resolution inside a stitch, and the canonical form that fits see.

Each axis of the grid of positions follows one rule: a multiple down is strided (or average-pooled, where a family asks
for that), a multiple up is repeated (nearest), any other size is average-pooled down or linearly interpolated up. A
bridge has two halves, `reduce` before the transformation and `enlarge` after it: enlarging mixes positions and the
transformation mixes channels with weights that do not depend on position, so their order does not matter, and the
transformation works on fewer positions.

The canonical form of a representation is (example, position, feature), after the bridge has unfolded it: least squares
between :meth:`Bridge.features` of the provided and :meth:`Bridge.targets` of the expected representation is least
squares between the stitched and the expected representation, whatever the layouts were.

A grid has two axes, height and width, or three, depth before them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

AxisSizes = tuple[int, ...]
"""One whole number per axis of positions: lengths, strides or kernel sizes."""

_AXES = ("depth", "height", "width")
_POOL = {2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}
_LINEAR = {2: "bilinear", 3: "trilinear"}


@dataclass(frozen=True)
class Bridge:
    """How a grid of ``provided`` positions becomes one of ``expected`` positions.

    Attributes:
        provided, expected: height and width, or depth, height and width.
        rules: per axis one of ``same``, ``stride r``, ``nearest xr``, ``pool a->b``, ``linear a->b``.
        stride: stride that the transformation takes on, per axis.
    """

    provided: AxisSizes
    expected: AxisSizes
    rules: tuple[str, ...]
    stride: AxisSizes

    @property
    def label(self) -> str:
        """The rule in words; one rule where all axes agree."""
        if len(set(self.rules)) == 1:
            return self.rules[0]
        return ", ".join(
            f"{axis} {rule}" for axis, rule in zip(_AXES[-len(self.rules) :], self.rules, strict=True)
        )

    def reduce(self, x: Tensor) -> Tensor:
        """Average-pool (N, C, *provided) along the axes whose rule is ``pool``."""
        return _pooled(x, self._with("pool", self.expected, self.provided))

    def enlarge(self, y: Tensor) -> Tensor:
        """Repeat or interpolate (N, C, ...) to the expected positions."""
        size = self._with("nearest", self.expected, tuple(y.shape[2:]))
        return self._interpolate(
            F.interpolate(y, size=size, mode="nearest") if size != tuple(y.shape[2:]) else y
        )

    def features(self, x: Tensor, reach: AxisSizes | None = None) -> Tensor:
        r"""Unfold a provided representation into its canonical form.

        A stitch with weight W (D, F) gives :math:`y_{n,p} = W f_{n,p} + b` at position p, before positions are repeated.

        Args:
            x: (N, C, *provided).
            reach: positions that a kernel sees beyond its stride, on each side of every axis; none without it.

        Returns:
            (N, P, F) with F = C x (stride + 2 reach) per axis, in the order of a convolution's weight.

        Example:
            >>> import torch
            >>> plan((8, 8), (4, 4)).features(torch.zeros(5, 3, 8, 8)).shape
            torch.Size([5, 16, 12])
        """
        grid = self.reduce(x)
        reach = reach or (0,) * len(self.stride)
        kernel = self.kernel(reach)
        if not any(reach) and not any(rule.startswith("linear") for rule in self.rules):
            return self._tiles(grid)
        if max(kernel) > 1:
            grid = _patches(grid, kernel, reach, self.stride)
        return _rows(self._interpolate(grid, nearest_kept=True))

    def targets(self, e: Tensor) -> Tensor:
        """Bring an expected representation (N, D, *expected) to the positions of :meth:`features`, as (N, P, D).

        Repeated positions all receive one value, so least squares sees the mean of what is expected at them.
        """
        return _rows(_pooled(e, self._with("nearest", self.provided, self.expected)))

    def kernel(self, reach: AxisSizes | None = None) -> AxisSizes:
        """Lengths of the patch that one output position sees."""
        reach = reach or (0,) * len(self.stride)
        return tuple(step + 2 * beyond for step, beyond in zip(self.stride, reach, strict=True))

    def _with(self, rule: str, chosen: AxisSizes, otherwise: AxisSizes) -> AxisSizes:
        """Return a grid with the lengths ``chosen`` along the axes that follow a rule."""
        return tuple(
            one if each.startswith(rule) else other
            for each, one, other in zip(self.rules, chosen, otherwise, strict=True)
        )

    def _tiles(self, grid: Tensor) -> Tensor:
        # Patches that do not overlap are one copy of the map in another order.
        (n, channels), axes = grid.shape[:2], len(self.stride)
        counts = [length // step for length, step in zip(grid.shape[2:], self.stride, strict=True)]
        split = [each for pair in zip(counts, self.stride, strict=True) for each in pair]
        tiles = grid.reshape(n, channels, *split)
        positions, inside = range(2, 2 + 2 * axes, 2), range(3, 3 + 2 * axes, 2)
        return tiles.permute(0, *positions, 1, *inside).reshape(
            n, math.prod(counts), channels * math.prod(self.stride)
        )

    def _interpolate(self, y: Tensor, *, nearest_kept: bool = False) -> Tensor:
        size = self._with("nearest", tuple(y.shape[2:]), self.expected) if nearest_kept else self.expected
        if tuple(y.shape[2:]) == size:
            return y
        return F.interpolate(y, size=size, mode=_LINEAR[len(size)], align_corners=False)


def _pooled(x: Tensor, size: AxisSizes) -> Tensor:
    return _POOL[len(size)](x, size) if tuple(x.shape[2:]) != size else x  # type: ignore[arg-type]


def _patches(grid: Tensor, kernel: AxisSizes, reach: AxisSizes, stride: AxisSizes) -> Tensor:
    """Return what a kernel sees at each position (N, C x kernel, ...), with zeros outside."""
    axes = len(kernel)
    x = F.pad(grid, [beyond for each in reversed(reach) for beyond in (each, each)])
    for axis, (size, step) in enumerate(zip(kernel, stride, strict=True), 2):
        x = x.unfold(axis, size, step)
    inside = range(2 + axes, 2 + 2 * axes)
    return x.permute(0, 1, *inside, *range(2, 2 + axes)).flatten(1, 1 + axes)


def _rows(grid: Tensor) -> Tensor:
    return grid.flatten(2).transpose(1, 2)


def plan(
    provided: AxisSizes,
    expected: AxisSizes,
    down: Literal["stride", "pool"] = "stride",
    up: Literal["nearest", "linear"] = "nearest",
) -> Bridge:
    """Choose the rule for each axis.

    Args:
        provided: height and width of the sender's representation, or depth, height and width.
        expected: as many of the receiver's.
        down: what happens where the provided size is a multiple of the expected one.
        up: what happens where the expected size is a multiple of the provided one.

    Source: Hernandez et al. 2022, section 3 (strided convolution down, nearest neighbour up), for multiples.

    Example:
        >>> plan((8, 8), (4, 4)).label
        'stride 2'
        >>> plan((4, 6), (8, 9)).label
        'height nearest x2, width linear 6->9'
    """
    rules: list[str] = []
    stride: list[int] = []
    for had, wanted in zip(provided, expected, strict=True):
        strided = had % wanted == 0 and down == "stride"
        stride.append(had // wanted if strided else 1)
        if had == wanted:
            rules.append("same")
        elif strided and had > wanted:
            rules.append(f"stride {had // wanted}")
        elif wanted % had == 0 and up == "nearest":
            rules.append(f"nearest x{wanted // had}")
        else:
            rules.append(f"{'pool' if had > wanted else 'linear'} {had}->{wanted}")
    return Bridge(provided, expected, tuple(rules), tuple(stride))
