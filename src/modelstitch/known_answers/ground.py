"""What planted senders are made from: a receiver at one cut, and the statistics of its representations."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from modelstitch.controls.roles import Given, mixed
from modelstitch.fitting.schedules import spread
from modelstitch.grid.scoring import score_batches
from modelstitch.grid.side import Side

_FOR_DIRECTIONS = 4000
"""Training examples that directions are computed from, at most."""


@dataclass(frozen=True, eq=False)
class Ground:
    """What a plant is made from: a network, one of its cuts, and a seed.

    Attributes:
        side: the network; of most plants it is the receiver, which is stitched into itself.
        cut: where.
        seed: of everything that is drawn.
    """

    side: Side
    cut: str
    seed: int

    def generator(self, purpose: str) -> torch.Generator:
        """Return a generator whose seed depends on the ground and the purpose alone."""
        return torch.Generator().manual_seed(mixed(self.seed, self.cut, purpose, 0))

    @property
    def n_channels(self) -> int:
        return self.side.cut(self.cut).layout.n_features

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one representation, features first."""
        return self.side.cut(self.cut).layout.features_first_shape

    @cached_property
    def training(self) -> Tensor:
        """Representations of all training examples, (N, C, ...)."""
        train = self.side.data.train
        layout = self.side.cut(self.cut).layout
        return torch.cat(
            [
                layout.features_first(self.side.represent((self.cut,), "train", some, torch.float32)[0])
                for some in score_batches(len(train))
            ]
        )

    @cached_property
    def means(self) -> Tensor:
        """Mean representation of each class, (K, C, ...); 0 for a class without an example."""
        x, labels = self.training, self.side.data.train.labels
        sums = x.new_zeros(len(self.side.data.classes), *x.shape[1:]).index_add_(0, labels, x)
        counts = labels.bincount(minlength=len(sums)).clamp_min(1)
        return sums / counts.reshape(-1, *[1] * (x.ndim - 1))

    @cached_property
    def residuals(self) -> Tensor:
        """Representations of some training examples less the means of their classes, (M, C, ...)."""
        some = spread(torch.arange(len(self.training)), _FOR_DIRECTIONS)
        return self.training[some] - self.means[self.side.data.train.labels[some]]

    @cached_property
    def spread(self) -> Tensor:
        """Standard deviation of each channel within classes, (C, 1, ...)."""
        by_channel = self.residuals.transpose(0, 1).flatten(1)
        return by_channel.square().mean(1).sqrt().reshape(-1, *[1] * (len(self.shape) - 1))

    @cached_property
    def channel_directions(self) -> tuple[Tensor, Tensor]:
        """Variances (C,), falling, and directions (C, C) in columns, of the channels within classes."""
        by_channel = self.residuals.transpose(0, 1).flatten(1).double()
        values, vectors = torch.linalg.eigh(by_channel @ by_channel.T / by_channel.shape[1])
        return values.flip(0).clamp_min(0).float(), vectors.flip(1).float()

    @cached_property
    def directions(self) -> tuple[Tensor, Tensor]:
        """Variances (R,), falling, and directions (D, R) in columns, of whole representations within classes.

        They come from the examples, so that R is at most their number.
        """
        flat = self.residuals.flatten(1).double()
        wide = flat.shape[1] > len(flat)
        values, vectors = torch.linalg.eigh(flat @ flat.T if wide else flat.T @ flat)
        values, vectors = values.flip(0).clamp_min(0), vectors.flip(1)
        kept = values > 1e-9 * values[0]
        values, vectors = values[kept], vectors[:, kept]
        if wide:
            vectors = flat.T @ vectors / values.sqrt()
        return (values / len(flat)).float(), vectors.float()


def mixed_channels(x: Tensor, matrix: Tensor) -> Tensor:
    """Return ``matrix`` (C', C) times the channels of (N, C, ...)."""
    return torch.einsum("dc,nc...->nd...", matrix.to(x), x)


def others(given: Given, seed: int, *, same_class: bool) -> Tensor:
    """Return for each example another one of the same part: the next in a shuffled circle."""
    labels = given.labels.cpu()
    following = torch.empty(len(labels), dtype=torch.int64)
    generator = torch.Generator().manual_seed(mixed(seed, given.cut, given.part, 0))
    groups = (
        [(labels == label).nonzero().flatten() for label in labels.unique()]
        if same_class
        else [torch.arange(len(labels))]
    )
    for members in groups:
        circle = members[torch.randperm(len(members), generator=generator)]
        following[circle] = circle.roll(1)
    return following[given.indices.cpu()]
