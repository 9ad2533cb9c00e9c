"""The fixed, parameter-free change of resolution inside a stitch.

Each axis of the grid of positions follows one rule: a multiple down is strided, a multiple up is repeated (nearest),
any other size is average-pooled down or linearly interpolated up. A bridge has two halves, `reduce` before the
transformation and `enlarge` after it: enlarging mixes positions and the transformation mixes channels with weights
that do not depend on position, so their order does not matter, and the transformation works on fewer positions.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Bridge:
    """How a grid of ``provided`` positions becomes one of ``expected`` positions.

    Attributes:
        provided, expected: height and width.
        rules: per axis one of ``same``, ``stride r``, ``nearest xr``, ``pool a->b``, ``linear a->b``.
        stride: kernel and stride that the transformation takes on, per axis.
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
        if tuple(y.shape[2:]) != self.expected:
            y = F.interpolate(y, size=self.expected, mode="bilinear", align_corners=False)
        return y


def plan(provided: tuple[int, int], expected: tuple[int, int]) -> Bridge:
    """Choose the rule for each axis.

    Args:
        provided: height and width of the sender's representation.
        expected: height and width of the receiver's.

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
        stride.append(had // wanted if had % wanted == 0 else 1)
        if had == wanted:
            rules.append("same")
        elif had % wanted == 0:
            rules.append(f"stride {had // wanted}")
        elif wanted % had == 0:
            rules.append(f"nearest x{wanted // had}")
        else:
            rules.append(f"{'pool' if had > wanted else 'linear'} {had}->{wanted}")
    return Bridge(provided, expected, (rules[0], rules[1]), (stride[0], stride[1]))
