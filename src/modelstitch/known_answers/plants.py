"""Senders whose truth follows from their construction: invertible maps, label-only senders, no label at all.

Each function returns a plant for the sender's side of a receiver stitched into itself at one cut.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from modelstitch.controls.label_only import write_labels
from modelstitch.controls.roles import Given, Plant, mixed
from modelstitch.grid.scoring import score_batches
from modelstitch.grid.side import Side


@dataclass(frozen=True)
class Ground:
    """What a plant is made from: the receiver, the cut and a seed.

    Attributes:
        side: the receiver.
        cut: where it is stitched into itself.
        seed: of everything that is drawn.
    """

    side: Side
    cut: str
    seed: int

    def generator(self, purpose: str) -> torch.Generator:
        return torch.Generator().manual_seed(mixed(self.seed, self.cut, purpose, 0))

    @property
    def n_channels(self) -> int:
        return self.side.cut(self.cut).layout.n_features

    def training(self) -> Tensor:
        """Return the representations of all training examples, (N, C, ...)."""
        train = self.side.data.train
        layout = self.side.cut(self.cut).layout
        return torch.cat(
            [
                layout.features_first(self.side.represent((self.cut,), "train", some, torch.float32)[0])
                for some in score_batches(len(train))
            ]
        )


def mixed_channels(x: Tensor, matrix: Tensor) -> Tensor:
    """Return ``matrix`` (C', C) times the channels of (N, C, ...)."""
    return torch.einsum("dc,nc...->nd...", matrix.to(x), x)


def itself(ground: Ground) -> Plant:
    """The receiver's own representation."""
    return lambda given: given.genuine(given.indices)


def permutation(ground: Ground) -> Plant:
    """Its channels in another order."""
    order = torch.randperm(ground.n_channels, generator=ground.generator("order"))
    return lambda given: given.genuine(given.indices)[:, order]


def rotation(ground: Ground) -> Plant:
    """Its channels rotated."""
    matrix = _rotation(ground)
    return lambda given: mixed_channels(given.genuine(given.indices), matrix)


def rescaling(ground: Ground) -> Plant:
    """Its channels rescaled, by factors from 1/10 to 10."""
    scale = 10 ** (2 * torch.rand(ground.n_channels, generator=ground.generator("scale")) - 1)
    return lambda given: mixed_channels(given.genuine(given.indices), torch.diag(scale))


def mixing(ground: Ground) -> Plant:
    """Its channels mixed by a full-rank matrix whose singular values lie between 1/5 and 5, and moved."""
    generator = ground.generator("mixing")
    n = ground.n_channels
    left, _ = torch.linalg.qr(torch.randn(n, n, generator=generator))
    right, _ = torch.linalg.qr(torch.randn(n, n, generator=generator))
    values = 5 ** (2 * torch.rand(n, generator=generator) - 1)
    offset = torch.randn(n, generator=generator)
    matrix = (left * values) @ right

    def plant(given: Given) -> Tensor:
        x = mixed_channels(given.genuine(given.indices), matrix)
        return x + offset.to(x).reshape(-1, *[1] * (x.ndim - 2))

    return plant


def one_hot(ground: Ground) -> Plant:
    """The label, at every position."""
    return lambda given: write_labels(given.own_labels, given.shape, given.n_classes)


def class_mean(ground: Ground) -> Plant:
    """The mean representation of the class, and noise of the spread that its members have."""
    x, labels = ground.training(), ground.side.data.train.labels
    n_classes = len(ground.side.data.classes)
    means = torch.stack([x[labels == label].mean(0) for label in range(n_classes)])
    spread = (x - means[labels]).square().mean(0).sqrt()
    return lambda given: means[given.own_labels] + spread * given.noise(ground.seed)


def clustered(ground: Ground) -> Plant:
    """One random pattern a class, and noise."""
    return lambda given: given.patterns(ground.seed)[given.own_labels, 0] + given.noise(ground.seed)


def clustered_several(ground: Ground) -> Plant:
    """Four random patterns a class, one of them drawn for each example, and half as much noise."""

    def plant(given: Given) -> Tensor:
        which = [
            mixed(ground.seed, given.cut, f"{given.part} cluster", i) % 4 for i in given.indices.tolist()
        ]
        patterns = given.patterns(ground.seed, per_class=4)
        return patterns[given.own_labels, torch.tensor(which)] + 0.5 * given.noise(ground.seed)

    return plant


def swapped(ground: Ground) -> Plant:
    """The genuine representation of another example of the same class."""
    return lambda given: given.genuine(_others(given, ground.seed, same_class=True))


def noise(ground: Ground) -> Plant:
    """Noise."""
    return lambda given: given.noise(ground.seed)


def another(ground: Ground) -> Plant:
    """The genuine representation of another example, of whatever class."""
    return lambda given: given.genuine(_others(given, ground.seed, same_class=False))


def constant(ground: Ground) -> Plant:
    """The mean representation, for every example."""
    mean = ground.training().mean(0)
    return lambda given: mean.expand(len(given.indices), *mean.shape).clone()


def rank_within_class(ground: Ground) -> Plant:
    r"""One number about the image, made independent of its label, along a fixed pattern.

    The number is the rank of the image within its class, by the projection of its mean over positions on the
    leading principal direction: :math:`x_n = z_n P` with :math:`z_n` from -1 to 1. Its distribution is the
    same in every class, so no function of it predicts the label better than a guess. (Linear erasure of the
    label, as by LEACE, is not enough: classes still differ in their covariance, and the largest of ten linear
    scores was then right on 37 % of the held-out digits.)
    """
    pooled = ground.training().flatten(2).mean(2)
    direction = torch.linalg.svd(pooled - pooled.mean(0), full_matrices=False)[2][0]
    pattern = torch.randn(
        ground.side.cut(ground.cut).layout.features_first_shape, generator=ground.generator("pattern")
    )
    ranks: dict[str, Tensor] = {}

    def plant(given: Given) -> Tensor:
        if given.part not in ranks:
            everything = torch.arange(len(given.labels))
            values = torch.cat(
                [given.genuine(some).flatten(2).mean(2) @ direction for some in everything.split(256)]
            )
            placed = torch.empty_like(values)
            for label in given.labels.unique():
                members = (given.labels == label).nonzero().flatten()
                placed[members] = 2 * (values[members].argsort().argsort() + 0.5) / len(members) - 1
            ranks[given.part] = placed
        z = ranks[given.part][given.indices.to(given.labels.device)]
        return z.reshape(-1, *[1] * pattern.ndim) * pattern.to(z)

    return plant


def _rotation(ground: Ground) -> Tensor:
    drawn = torch.randn(ground.n_channels, ground.n_channels, generator=ground.generator("rotation"))
    rotation: Tensor = torch.linalg.qr(drawn).Q
    return rotation


def _others(given: Given, seed: int, *, same_class: bool) -> Tensor:
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
