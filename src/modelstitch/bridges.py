"""The fixed, parameter-free change of resolution inside a stitch, and the canonical form that fits see.

Each axis of the grid of positions follows one rule: a multiple down is strided (or average-pooled, where a family asks
for that), a multiple up is repeated (nearest), any other size is average-pooled down or linearly interpolated up. A
bridge has two halves, `reduce` before the transformation and `enlarge` after it: enlarging mixes positions and the
transformation mixes channels with weights that do not depend on position, so their order does not matter, and the
transformation works on fewer positions.

The canonical form of a representation is (example, position, feature), after the bridge has unfolded it: least squares
between :meth:`Bridge.features` of the provided and :meth:`Bridge.targets` of the expected representation is least
squares between the stitched and the expected representation, whatever the layouts were.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Bridge:
    """How a grid of ``provided`` positions becomes one of ``expected`` positions.

    Attributes:
        provided, expected: height and width.
        rules: per axis one of ``same``, ``stride r``, ``nearest xr``, ``pool a->b``, ``linear a->b``.
        stride: stride that the transformation takes on, per axis.
    """

    provided: tuple[int, int]
    expected: tuple[int, int]
    rules: tuple[str, str]
    stride: tuple[int, int]

    @property
    def label(self) -> str:
        """The rule in words; one rule where both axes agree."""
        height, width = self.rules
        return height if height == width else f"height {height}, width {width}"

    def reduce(self, x: Tensor) -> Tensor:
        """Average-pool (N, C, H, W) along the axes whose rule is ``pool``."""
        height, width = (
            wanted if rule.startswith("pool") else had
            for rule, wanted, had in zip(self.rules, self.expected, self.provided, strict=True)
        )
        return F.adaptive_avg_pool2d(x, (height, width)) if (height, width) != self.provided else x

    def enlarge(self, y: Tensor) -> Tensor:
        """Repeat or interpolate (N, C, h, w) to the expected height and width."""
        height, width = (
            wanted if rule.startswith("nearest") else had
            for rule, wanted, had in zip(self.rules, self.expected, y.shape[2:], strict=True)
        )
        if (height, width) != tuple(y.shape[2:]):
            y = F.interpolate(y, size=(height, width), mode="nearest")
        return self._interpolate(y)

    def features(self, x: Tensor, reach: tuple[int, int] = (0, 0)) -> Tensor:
        r"""Unfold a provided representation into its canonical form.

        A stitch with weight W (D, F) gives :math:`y_{n,p} = W f_{n,p} + b` at position p, before positions are repeated.

        Args:
            x: (N, C, H, W).
            reach: positions that a kernel sees beyond its stride, on each side of height and width.

        Returns:
            (N, P, F) with F = C x (stride + 2 reach) per axis, in the order of a convolution's weight.

        Example:
            >>> import torch
            >>> plan((8, 8), (4, 4)).features(torch.zeros(5, 3, 8, 8)).shape
            torch.Size([5, 16, 12])
        """
        grid = self.reduce(x)
        kernel = self.kernel(reach)
        if not any(reach) and not any(rule.startswith("linear") for rule in self.rules):
            return self._tiles(grid)
        if kernel != (1, 1):
            height, width = (
                (had + 2 * beyond - size) // step + 1
                for had, beyond, size, step in zip(grid.shape[2:], reach, kernel, self.stride, strict=True)
            )
            grid = F.unfold(grid, kernel, padding=reach, stride=self.stride)
            grid = grid.reshape(len(x), -1, height, width)
        return _rows(self._interpolate(grid, nearest_kept=True))

    def targets(self, e: Tensor) -> Tensor:
        """Bring an expected representation (N, D, H', W') to the positions of :meth:`features`, as (N, P, D).

        Repeated positions all receive one value, so least squares sees the mean of what is expected at them.
        """
        height, width = (
            had if rule.startswith("nearest") else wanted
            for rule, wanted, had in zip(self.rules, self.expected, self.provided, strict=True)
        )
        small = F.adaptive_avg_pool2d(e, (height, width)) if (height, width) != self.expected else e
        return _rows(small)

    def kernel(self, reach: tuple[int, int] = (0, 0)) -> tuple[int, int]:
        """Height and width of the patch that one output position sees."""
        return self.stride[0] + 2 * reach[0], self.stride[1] + 2 * reach[1]

    def _tiles(self, grid: Tensor) -> Tensor:
        # Patches that do not overlap are one copy of the map in another order.
        (n, channels), (rows, columns) = grid.shape[:2], self.stride
        height, width = grid.shape[2] // rows, grid.shape[3] // columns
        tiles = grid.reshape(n, channels, height, rows, width, columns).permute(0, 2, 4, 1, 3, 5)
        return tiles.reshape(n, height * width, channels * rows * columns)

    def _interpolate(self, y: Tensor, *, nearest_kept: bool = False) -> Tensor:
        size = tuple(
            had if nearest_kept and rule.startswith("nearest") else wanted
            for rule, wanted, had in zip(self.rules, self.expected, y.shape[2:], strict=True)
        )
        if tuple(y.shape[2:]) == size:
            return y
        return F.interpolate(y, size=size, mode="bilinear", align_corners=False)


def _rows(grid: Tensor) -> Tensor:
    return grid.flatten(2).transpose(1, 2)


def plan(
    provided: tuple[int, int],
    expected: tuple[int, int],
    down: Literal["stride", "pool"] = "stride",
    up: Literal["nearest", "linear"] = "nearest",
) -> Bridge:
    """Choose the rule for each axis.

    Args:
        provided: height and width of the sender's representation.
        expected: height and width of the receiver's.
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
    return Bridge(provided, expected, (rules[0], rules[1]), (stride[0], stride[1]))
