r"""How much of a planted sender comes across: computed from how it is made, without a stitch.

The best affine map of the features, the same at every position, is fitted in closed form from the planted to
the expected representation of all training examples. What it makes of held-out examples runs through the
receiver's later layers. At the cut, at every later cut and in the output, a linear reader recovers a share of
the variance within classes; the truth is the smallest share. It is 1 for the receiver itself. It is 0 for a
sender that holds the label alone, which the map turns into the means of the classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import final

import torch
from torch import Tensor, nn

from modelstitch.cutting.layouts import Layout
from modelstitch.data.parts import PartName
from modelstitch.evidence.kinds.kept import recovered
from modelstitch.evidence.within import ReceiverResiduals
from modelstitch.grid.side import Side

_MOST_EXAMPLES = 50_000
_RIDGE = 1e-7
"""Ridge as a share of the largest variance: no more than rounding of float32."""


@dataclass(frozen=True)
class Truth:
    """What of a planted sender comes across.

    Attributes:
        places: share at the cut, at every later cut and in the output, by place.
    """

    places: dict[str, float]

    @property
    def value(self) -> float:
        """The smallest share, from 0 to 1; NaN where the receiver holds nothing within classes."""
        values = list(self.places.values())
        return math.nan if any(map(math.isnan, values)) else min(1.0, max(0.0, min(values)))


def truth_of(sender: Side, receiver: Side, cut: str, within: ReceiverResiduals) -> Truth:
    """Return the truth of a sender at the cut of a receiver that has the same shape.

    Args:
        sender: planted.
        receiver: the network that is stitched into.
        cut: of both.
        within: the receiver's own residuals.
    """
    best = best_affine(sender, receiver, cut)
    represent = partial(represented, sender, cut, within)
    places = within.beside(cut, receiver.later(cut), best, represent)
    shares = {at.place: recovered(at)[0].value for at in places}
    return Truth(shares)


@final
class AffineMap(nn.Module):
    """One affine map of the features (C, C'), the same at every position."""

    def __init__(self, weight: Tensor, offset: Tensor, layout: Layout) -> None:
        super().__init__()
        self.weight, self.offset, self.layout = weight, offset, layout

    def forward(self, x: Tensor) -> Tensor:
        first = self.layout.features_first(x)
        mapped = torch.einsum("nc...,ce->ne...", first, self.weight.to(first))
        moved = mapped + self.offset.to(first).reshape(-1, *[1] * (first.ndim - 2))
        return self.layout.features_back(moved)


def best_affine(sender: Side, receiver: Side, cut: str) -> AffineMap:
    """Return the affine map with the least squared error from planted to expected representation."""
    layout = receiver.cut(cut).layout
    indices = torch.arange(min(len(receiver.data.train), _MOST_EXAMPLES))
    n = 0
    sums: list[Tensor] = []
    both = zip(
        _batches(sender, cut, "train", indices),
        _batches(receiver, cut, "train", indices),
        strict=True,
    )
    for x, y in both:
        rows_x, rows_y = _rows(x, layout), _rows(y, layout)
        n += len(rows_x)
        more = [rows_x.sum(0), rows_y.sum(0), rows_x.T @ rows_x, rows_x.T @ rows_y]
        sums = more if not sums else [one + other for one, other in zip(sums, more, strict=True)]
    mean_x, mean_y, square, product = (each / n for each in sums)
    covariance, cross = square - torch.outer(mean_x, mean_x), product - torch.outer(mean_x, mean_y)
    values, vectors = torch.linalg.eigh(covariance)
    values = values.clamp_min(0)
    shrunk = torch.where(values > 0, 1 / (values + _RIDGE * values[-1]).clamp_min(1e-300), 0.0)
    weight = (vectors * shrunk) @ (vectors.T @ cross)
    return AffineMap(weight, mean_y - mean_x @ weight, layout)


def represented(sender: Side, cut: str, within: ReceiverResiduals, part: PartName, rows: Tensor) -> Tensor:
    """Return a sender's representations of some examples that readers are fitted to, or judged on."""
    units = within.training.units if part == "train" else within.heldout.units
    return torch.cat(list(_batches(sender, cut, part, units.indices[rows])))


def _batches(side: Side, cut: str, part: PartName, indices: Tensor) -> Iterator[Tensor]:
    for some in indices.split(256):
        yield side.represent((cut,), part, some, torch.float32)[0]


def _rows(x: Tensor, layout: Layout) -> Tensor:
    first = layout.features_first(x)
    return first.transpose(1, -1).flatten(0, -2).double() if first.ndim > 2 else first.double()
