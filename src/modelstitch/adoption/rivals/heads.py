"""A linear head on a frozen representation: a probe at a cut, a network cut short, a new last layer."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modelstitch.adoption.rivals.training import FitOutcome, Spent, fitted, of_task
from modelstitch.adoption.work import Load
from modelstitch.cutting.layouts import Layout
from modelstitch.data.parts import PartName
from modelstitch.grid.representations import Representations
from modelstitch.grid.side import Side
from modelstitch.specs import FitSpec
from modelstitch.stitches import Fittable

MOST_FEATURES = 4096
"""Numbers of one example that a head reads at most; a larger map is averaged over patches first."""

_POOLS: dict[int, Callable[[Tensor, Any], Tensor]] = {
    2: F.adaptive_avg_pool2d,
    3: F.adaptive_avg_pool3d,
}


@final
class LinearHead(Fittable):
    """Outputs (N, K) from features (N, F), which are standardised first.

    Args:
        features: (N, F) of the examples that it is fitted on; they give mean and standard deviation.
        n_outputs: K.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, features: Tensor, n_outputs: int) -> None:
        super().__init__()
        std, mean = torch.std_mean(features, 0)
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", torch.where(std > 0, std, 1.0))
        self.linear = nn.Linear(features.shape[1], n_outputs, device=features.device)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs of features (n, F)."""
        output: Tensor = self.linear((x - self.mean) / self.deviation)
        return output

    @property
    def load(self) -> Load:
        """What the head costs."""
        k, f = self.linear.weight.shape
        return Load(k * (f + 1), k * f)


@dataclass(frozen=True)
class FittedHead:
    """A head that was fitted on a representation.

    Attributes:
        head: the head.
        size: side of the grid of patches that the representation is averaged to; 1 is one mean.
        outcome: how the fit ended; what was spent counts both heads, and the frozen part once.
    """

    head: LinearHead
    size: int
    outcome: FitOutcome

    def outputs(self, side: Side, cut: str, part: PartName, indices: Tensor) -> Tensor:
        """Return outputs (n, K) of some examples of a part."""
        outputs: Tensor = self.head(features(side, cut, part, indices, self.size))
        return outputs


def pooled(x: Tensor, layout: Layout, size: int) -> Tensor:
    """Return features (N, F) of a representation (N, *shape): means of patches, beside extra tokens.

    Args:
        x: (N, *shape).
        layout: of the representation.
        size: patches along each axis at most.

    Example:
        >>> from modelstitch.cutting.layouts import as_layout
        >>> pooled(torch.ones(3, 8, 4, 4), as_layout((8, 4, 4)), 2).shape
        torch.Size([3, 32])
    """
    grid, extra = layout.to_grid(x.float())
    sizes = [min(size, n) for n in grid.shape[2:]]
    flat = _POOLS[len(sizes)](grid, sizes).flatten(1)
    return flat if extra is None else torch.cat([flat, extra.flatten(1)], 1)


def sizes_of(layout: Layout) -> list[int]:
    """Return the grids that a head is fitted on: one mean, and the finest with few enough numbers.

    Example:
        >>> from modelstitch.cutting.layouts import as_layout
        >>> sizes_of(as_layout((8, 4, 4))), sizes_of(as_layout((8,))), sizes_of(as_layout((512, 28, 28)))
        ([1, 4], [1], [1, 2])
    """
    longest = max(layout.positions)
    room = MOST_FEATURES // layout.n_features
    finest = max(
        (k for k in range(1, longest + 1) if math.prod(min(k, n) for n in layout.positions) <= room),
        default=1,
    )
    return sorted({1, finest})


def features(side: Side, cut: str, part: PartName, indices: Tensor, size: int) -> Tensor:
    """Return features (n, F) of some examples of a part at a cut."""
    look_up = Representations(side, (cut,), part, "recompute").at(cut)
    layout = side.cut(cut).layout
    return torch.cat([pooled(look_up(some), layout, size) for some in indices.split(side.score_batch)])


def n_outputs_of(side: Side) -> int:
    """Return how many outputs a head of the data's task has: one for each class, or as the receiver has."""
    return len(side.data.classes) if side.data.task.has_classes else side.n_outputs


def why_no_head(side: Side) -> str | None:
    """Return why no linear head can do the task, or None."""
    task = side.data.task
    if task.by_position:
        return f"the task {task.name} asks for an answer at every position, a head gives one an example"
    return None


def fit_head(
    side: Side, cut: str, spec: FitSpec, *, n_outputs: int, before: int, seed: int = 0
) -> FittedHead:
    """Fit a linear head on the frozen representation at a cut, and keep the better of two.

    One reads the mean over positions, one the finest grid of means with at most 4,096 numbers; the
    validation examples decide. The other one need not be at its end where it is farther behind than its last
    doubling gained.

    Args:
        side: the network.
        cut: where the head stands.
        spec: how to fit.
        n_outputs: number of outputs.
        before: multiply-adds before the cut, of one example.
        seed: of the order of examples.
    """
    train, task = side.data.train, side.data.task
    every = torch.arange(len(train))
    criterion = of_task(task, lambda indices: train.targets_for(task, indices))
    found: list[FittedHead] = []
    for size in sizes_of(side.cut(cut).layout):
        x = features(side, cut, "train", every, size)
        head = LinearHead(x, n_outputs)
        outcome = fitted(
            head,
            criterion,
            lambda indices, x=x: x[indices.to(x.device)],  # type: ignore[misc]
            len(train),
            spec,
            head.load.multiply_adds,
            seed=seed,
        )
        found.append(FittedHead(head, size, outcome))
    best = max(found, key=lambda one: one.outcome.score)
    spent = Spent(
        sum(one.outcome.spent.steps for one in found),
        sum(one.outcome.spent.examples for one in found),
        sum(one.outcome.spent.multiply_adds for one in found) + before * len(train),
    )
    # The other head matters where as much as its last doubling gained would bring it to the kept one.
    converged = all(
        one.outcome.converged
        or (one is not best and best.outcome.score - one.outcome.score > max(0.0, one.outcome.gain or 0.0))
        for one in found
    )
    return replace(best, outcome=replace(best.outcome, spent=spent, converged=converged))
