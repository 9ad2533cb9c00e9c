"""Bridges: the fixed, parameter-free change of resolution inside a stitch, and its canonical form.

Each axis of the grid of positions follows one rule. A multiple down is strided, or average-pooled where a
family asks for it. A multiple up is repeated (nearest). Any other size is average-pooled down or linearly
interpolated up.

A bridge has two halves, `reduce` before the transformation and `enlarge` after it. Enlarging mixes positions;
the transformation mixes channels, with the same weights at every position. So their order does not matter,
and the transformation works on the smaller grid.

The canonical form of a representation is (example, position, feature). Least squares between
:meth:`Bridge.features` of the provided and :meth:`Bridge.targets` of the expected representation is least
squares between the stitched and the expected representation, for every layout.

A grid has two axes, height and width, or three, depth before them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from jaxtyping import Float
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
        stride: stride of the transformation, per axis.
    """

    provided: AxisSizes
    expected: AxisSizes
    rules: tuple[str, ...]
    stride: AxisSizes

    @property
    def label(self) -> str:
        """The rules in words; one where all axes agree."""
        if len(set(self.rules)) == 1:
            return self.rules[0]
        return ", ".join(
            f"{axis} {rule}" for axis, rule in zip(_AXES[-len(self.rules) :], self.rules, strict=True)
        )

    def reduce(self, x: Float[Tensor, "n c *provided"]) -> Float[Tensor, "n c *reduced"]:
        """Average-pool along the axes whose rule is ``pool``."""
        return _pooled(x, self._with("pool", self.expected, self.provided))

    def enlarge(self, y: Float[Tensor, "n d *reduced"]) -> Float[Tensor, "n d *expected"]:
        """Repeat or interpolate to the expected positions."""
        size = self._with("nearest", self.expected, tuple(y.shape[2:]))
        return self._interpolate(
            F.interpolate(y, size=size, mode="nearest") if size != tuple(y.shape[2:]) else y
        )

    def features(
        self, x: Float[Tensor, "n c *provided"], reach: AxisSizes | None = None
    ) -> Float[Tensor, "n p f"]:
        r"""Unfold a provided representation into its canonical form.

        A stitch with weight W (D, F) outputs :math:`y_{n,p} = W f_{n,p} + b` at position p, before enlarging.

        Args:
            x: a provided representation.
            reach: number of positions that a kernel sees beyond its stride, per axis, on each side; 0 without
                it.

        Returns:
            Rows of F = C x (stride + 2 reach per axis) features, in the order of a convolution's weight.

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

    def targets(self, e: Float[Tensor, "n d *expected"]) -> Float[Tensor, "n p d"]:
        """Bring an expected representation to the P positions of :meth:`features`.

        Repeated positions all receive one value, so least squares sees the mean of what is expected at them.
        """
        return _rows(_pooled(e, self._with("nearest", self.provided, self.expected)))

    def kernel(self, reach: AxisSizes | None = None) -> AxisSizes:
        """Size of the patch that one output position sees, per axis."""
        reach = reach or (0,) * len(self.stride)
        return tuple(step + 2 * beyond for step, beyond in zip(self.stride, reach, strict=True))

    def _with(self, rule: str, chosen: AxisSizes, otherwise: AxisSizes) -> AxisSizes:
        """Return the sizes ``chosen`` along axes that follow a rule, and ``otherwise`` along the others."""
        return tuple(
            size if own_rule.startswith(rule) else other
            for own_rule, size, other in zip(self.rules, chosen, otherwise, strict=True)
        )

    def _tiles(self, grid: Tensor) -> Tensor:
        # Patches without overlap: one copy of the map, reordered.
        (n, channels), axes = grid.shape[:2], len(self.stride)
        counts = [length // step for length, step in zip(grid.shape[2:], self.stride, strict=True)]
        split = [size for pair in zip(counts, self.stride, strict=True) for size in pair]
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
    """Return the patch at each position (N, C x kernel, ...), zero-padded."""
    axes = len(kernel)
    x = F.pad(grid, [beyond for size in reversed(reach) for beyond in (size, size)])
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
        expected: the same of the receiver's.
        down: rule where the provided size is a multiple of the expected one.
        up: rule where the expected size is a multiple of the provided one.

    Source: Hernandez et al. 2022, section 3 (strided convolution down, nearest neighbour up), for multiples.

    Example:
        >>> plan((8, 8), (4, 4)).label
        'stride 2'
        >>> plan((4, 6), (8, 9)).label
        'height nearest x2, width linear 6->9'
    """
    rules: list[str] = []
    stride: list[int] = []
    for size, target in zip(provided, expected, strict=True):
        strided = size % target == 0 and down == "stride"
        stride.append(size // target if strided else 1)
        if size == target:
            rules.append("same")
        elif strided and size > target:
            rules.append(f"stride {size // target}")
        elif target % size == 0 and up == "nearest":
            rules.append(f"nearest x{target // size}")
        else:
            rules.append(f"{'pool' if size > target else 'linear'} {size}->{target}")
    return Bridge(provided, expected, tuple(rules), tuple(stride))
