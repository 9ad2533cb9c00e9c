"""What a control stitches: other networks, planted representations, a fixed read-out, other labels."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from modelstitch.data.parts import PartName
from modelstitch.models.network import Network


@dataclass(frozen=True)
class Given:
    """What a plant makes representations from: some examples at one cut.

    Attributes:
        cut, shape: name of the cut and shape of one representation, features first.
        part: ``train`` or ``held-out``.
        indices: of the examples asked for, (n,).
        labels: of all examples of the part, (N,), or (N, T) where every position has its own.
        n_classes: number of labels.
        genuine: computes the sender's own representations of the examples at some indices.
    """

    cut: str
    shape: tuple[int, ...]
    part: PartName
    indices: Tensor
    labels: Tensor
    n_classes: int
    genuine: Callable[[Tensor], Tensor]

    @property
    def own_labels(self) -> Tensor:
        """Labels (n,), or (n, T), of the examples asked for."""
        return self.labels[self.indices.to(self.labels.device)]

    @property
    def own_labels_by_position(self) -> Tensor:
        """Labels (n, P) at the P positions of the representation, over which the T labels are spread."""
        labels, n_positions = self.own_labels, math.prod(self.shape[1:])
        places = torch.arange(n_positions, device=labels.device) * labels.shape[1] // n_positions
        return labels[:, places]

    def noise(self, seed: int) -> Tensor:
        """Draw standard normal values (n, *shape) that depend on seed, cut, part and example alone."""
        generator = torch.Generator()
        drawn = torch.empty(len(self.indices), *self.shape)
        for row, index in zip(drawn, self.indices.tolist(), strict=True):
            generator.manual_seed(mixed(seed, self.cut, self.part, index))
            row.normal_(generator=generator)
        return drawn.to(self.labels.device)

    def patterns(self, seed: int, per_class: int = 1) -> Tensor:
        """Draw fixed standard normal patterns (n_classes, per_class, *shape), the same in both parts."""
        generator = torch.Generator().manual_seed(mixed(seed, self.cut, "patterns", 0))
        drawn = torch.randn(self.n_classes, per_class, *self.shape, generator=generator)
        return drawn.to(self.labels.device)


Plant = Callable[[Given], Tensor]
"""Makes representations (n, *shape) at one cut."""


@dataclass(frozen=True)
class Roles:
    """The pair that a control stitches.

    Attributes:
        sender, receiver: the two networks.
        plant: makes the sender's representations, in the place of its prefix.
        read_out: whether a fixed read-out stands in the place of the receiver's later layers.
        label_seed: of a permutation of the training labels; None leaves them as they are.
    """

    sender: Network
    receiver: Network
    plant: Plant | None = None
    read_out: bool = False
    label_seed: int | None = None


def mixed(seed: int, cut: str, part: str, index: int) -> int:
    """Return a 63-bit seed that changes in all its bits with any argument.

    Example:
        >>> mixed(0, "a", "train", 1) == mixed(0, "a", "train", 1) != mixed(0, "a", "train", 2)
        True
    """
    text = f"{seed}\0{cut}\0{part}\0{index}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little") >> 1


def drawn_seed(seed: int, draw: int) -> int:
    """Return the seed of one of the untrained copies of a seed; the first has the seed itself.

    Example:
        >>> drawn_seed(3, 0), drawn_seed(3, 1) == drawn_seed(4, 1)
        (3, False)
    """
    return seed if draw == 0 else mixed(seed, "", "draw", draw) % 2**31
