"""Labelled examples, in memory, in two parts: one to fit on, one held out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from modelstitch.errors import DataError


@dataclass(frozen=True)
class Split:
    """One part: ``images`` (N, ...) in uint8 or floating, ``labels`` (N,) in int64."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Tensor) -> Split:
        """Return the examples at ``indices``, in that order."""
        return Split(self.images[indices], self.labels[indices])


@dataclass(frozen=True)
class Data:
    """A checked data set.

    Attributes:
        train, heldout: the two parts; nothing is ever fitted on the second.
        classes: names of the classes, in the order of the labels.
        name: what to call the set.
        division: how the two parts came about.

    Raises:
        DataError: shapes, labels or values that cannot be used.
    """

    train: Split
    heldout: Split
    classes: tuple[str, ...]
    name: str
    division: str

    def __post_init__(self) -> None:
        for part, split in (("training", self.train), ("held-out", self.heldout)):
            self._check(part, split)
        if self.train.images.shape[1:] != self.heldout.images.shape[1:]:
            raise DataError(
                f"data {self.name}: expected examples of one shape, got {tuple(self.train.images.shape[1:])} in the "
                f"training part and {tuple(self.heldout.images.shape[1:])} in the held-out part"
            )
        absent = sorted(set(range(len(self.classes))) - set(self.train.labels.unique().tolist()))
        if absent:
            names = ", ".join(repr(self.classes[label]) for label in absent[:5])
            raise DataError(
                f"data {self.name}: {len(absent)} of {len(self.classes)} classes have no training example "
                f"({names}); expected at least one of each: give more examples or fewer classes"
            )

    def _check(self, part: str, split: Split) -> None:
        where = f"data {self.name}, {part} part"
        if len(split) == 0 or len(split.images) != len(split.labels):
            raise DataError(
                f"{where}: expected as many labels as images and at least one, "
                f"got {len(split.images)} images and {len(split.labels)} labels"
            )
        if split.images.ndim < 2 or not (
            split.images.is_floating_point() or split.images.dtype == torch.uint8
        ):
            raise DataError(
                f"{where}: expected images (N, ...) in uint8 (0-255) or floating (0-1), "
                f"got {split.images.dtype} of shape {tuple(split.images.shape)}"
            )
        if split.labels.ndim != 1 or split.labels.dtype != torch.int64:
            raise DataError(
                f"{where}: expected labels (N,) in torch.int64, "
                f"got {split.labels.dtype} of shape {tuple(split.labels.shape)}"
            )
        if split.images.is_floating_point() and not split.images.isfinite().all():
            wrong = (~split.images.isfinite()).flatten(1).any(1).nonzero().flatten()
            raise DataError(
                f"{where}: {len(wrong)} examples hold NaN or infinity, the first is number {int(wrong[0])}; "
                "expected finite values"
            )
        low, high = int(split.labels.min()), int(split.labels.max())
        if low < 0 or high >= len(self.classes):
            raise DataError(
                f"{where}: label {low if low < 0 else high} is outside the {len(self.classes)} classes, "
                f"expected 0 to {len(self.classes) - 1}"
            )

    @property
    def digest(self) -> str:
        """SHA-256 of the images, labels and class names."""
        hasher = hashlib.sha256("\0".join(self.classes).encode())
        for split in (self.train, self.heldout):
            for tensor in (split.images, split.labels):
                hasher.update(f"{tensor.dtype}:{tuple(tensor.shape)}".encode())
                plain = tensor.detach().cpu().contiguous().reshape(-1)
                hasher.update(plain.view(torch.uint8).numpy().tobytes())
        return hasher.hexdigest()

    def to(self, device: torch.device) -> Data:
        """Return the same data on ``device``."""
        parts = [
            Split(split.images.to(device), split.labels.to(device)) for split in (self.train, self.heldout)
        ]
        return Data(parts[0], parts[1], self.classes, self.name, self.division)
