"""Labelled examples, in memory, in two parts: one to fit on, one held out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from modelstitch.data.label_sets import FinestLabels, LabelSet
from modelstitch.errors import DataError, expect_one_of
from modelstitch.tasks import CLASSIFICATION, Targets, Task, at, by_label_set

PartName = Literal["train", "held-out"]
"""A part of a data set by name."""

_FEW = 10
"""Fewer examples than these may be alike by chance."""


@dataclass(frozen=True)
class DataPart:
    """One part of a data set.

    Attributes:
        images: (N, ...) in uint8 or floating, or tokens (N, T) in int64: what a network takes.
        labels: (N,) in int64: the class of each example.
        given_targets: (N, ...) the target of each example; None where the labels are the targets.
        more: (N, ...) further inputs by name of argument, such as a mask; a network is given those that it takes.
    """

    images: Tensor
    labels: Tensor
    given_targets: Tensor | None = None
    more: Mapping[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def targets(self) -> Tensor:
        """What the task wants of each example."""
        return self.labels if self.given_targets is None else self.given_targets

    @property
    def present(self) -> Tensor | None:
        """Which positions (N, T) of each example hold something, by a further input that is a mask; None where there is none.

        A mask called ``attention_mask`` or ``mask`` is 1 where there is a token, one whose name ends in ``padding_mask`` where there is none.
        """
        for name, value in self.more.items():
            if value.ndim == 2 and name in ("attention_mask", "mask"):
                return value != 0
            if value.ndim == 2 and name.endswith("padding_mask"):
                return value == 0
        return None

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Every tensor by name."""
        found = {"images": self.images, "labels": self.labels}
        return (
            found | ({} if self.given_targets is None else {"targets": self.given_targets}) | dict(self.more)
        )

    def targets_for(self, task: Task, indices: Tensor | None = None) -> Targets:
        """Return what ``task`` wants of the examples at ``indices``, or of all, as its loss and score are given it."""
        if not task.takes_batch:
            return self.targets if indices is None else at(self.targets, indices)
        some = self if indices is None else self.take(indices)
        return task.targets(some.images, some.targets, some.more)

    def mapped(self, change: Callable[[Tensor], Tensor]) -> DataPart:
        """Return the same part with every tensor changed."""
        return DataPart(
            change(self.images),
            change(self.labels),
            None if self.given_targets is None else change(self.given_targets),
            {name: change(value) for name, value in self.more.items()},
        )

    def take(self, indices: Tensor) -> DataPart:
        """Return the examples at ``indices``, in that order."""
        return self.mapped(lambda each: each[indices.to(each.device)])


@dataclass(frozen=True)
class Data:
    """A checked data set.

    Attributes:
        train, heldout: the two parts; nothing is ever fitted on the second.
        classes: names of the classes, in the order of the labels.
        name: what to call the set.
        division: how the two parts came about.
        label_sets: coarser labels that :meth:`by` can put in the place of the classes.
        finest: the labels before that was done; None where it was not.
        scored_by: the task, where it is not to name the class.
        rate: samples a second, where the examples are sounds (N, C, L).
        is_text: whether the examples are texts, as bytes of UTF-8 (N, L) filled up with zeros.

    Raises:
        DataError: shapes, labels or values that cannot be used.
    """

    train: DataPart
    heldout: DataPart
    classes: tuple[str, ...]
    name: str
    division: str
    label_sets: tuple[LabelSet, ...] = ()
    finest: FinestLabels | None = None
    scored_by: Task | None = None
    rate: int | None = None
    is_text: bool = False

    def __post_init__(self) -> None:
        for part, split in (("training", self.train), ("held-out", self.heldout)):
            self._check(part, split)
        if self.train.images.shape[1:] != self.heldout.images.shape[1:]:
            raise DataError(
                f"data {self.name}: expected examples of one shape, got {tuple(self.train.images.shape[1:])} in the "
                f"training part and {tuple(self.heldout.images.shape[1:])} in the held-out part"
            )
        shapes = [
            {name: tuple(each.shape[1:]) for name, each in part.tensors.items() if name != "images"}
            for part in (self.train, self.heldout)
        ]
        if shapes[0] != shapes[1]:
            differ = sorted(
                name
                for name in shapes[0].keys() | shapes[1].keys()
                if shapes[0].get(name) != shapes[1].get(name)
            )
            raise DataError(
                f"data {self.name}: expected {differ[0]} of the same shape in both parts, got {shapes[0].get(differ[0], 'nothing')} "
                f"in the training part and {shapes[1].get(differ[0], 'nothing')} in the held-out part"
            )
        absent = sorted(set(range(len(self.classes))) - set(self.train.labels.unique().tolist()))
        if absent:
            names = ", ".join(repr(self.classes[label]) for label in absent[:5])
            raise DataError(
                f"data {self.name}: {len(absent)} of {len(self.classes)} classes have no training example "
                f"({names}); expected at least one of each: give more examples or fewer classes"
            )
        n_classes = len(self.classes if self.finest is None else self.finest.classes)
        for each in self.label_sets:
            if len(each.label_of) != n_classes:
                raise DataError(
                    f"data {self.name}: expected label set {each.name!r} to give a label for each of {n_classes} classes, "
                    f"got {len(each.label_of)}"
                )

    def _check(self, part: str, split: DataPart) -> None:
        where = f"data {self.name}, {part} part"
        if len(split) == 0 or len(split.images) != len(split.labels):
            raise DataError(
                f"{where}: expected as many labels as images and at least one, "
                f"got {len(split.images)} images and {len(split.labels)} labels"
            )
        tokens = split.images.dtype == torch.int64 and split.images.ndim == 2
        if split.images.ndim < 2 or not (
            split.images.is_floating_point() or split.images.dtype == torch.uint8 or tokens
        ):
            raise DataError(
                f"{where}: expected images (N, ...) in uint8 (0-255) or floating (0-1), or tokens (N, T) in int64; "
                f"got {split.images.dtype} of shape {tuple(split.images.shape)}"
            )
        if tokens and int(split.images.min()) < 0:
            raise DataError(f"{where}: expected tokens from 0 on, got {int(split.images.min())}")
        if split.labels.ndim != 1 or split.labels.dtype != torch.int64:
            raise DataError(
                f"{where}: expected labels (N,) in torch.int64, "
                f"got {split.labels.dtype} of shape {tuple(split.labels.shape)}"
            )
        for name, each in split.tensors.items():
            if each.ndim == 0 or len(each) != len(split):
                raise DataError(
                    f"{where}: expected {name} of each of {len(split)} examples, got shape {tuple(each.shape)}"
                )
            if each.is_floating_point() and not each.isfinite().all():
                wrong = (~each.isfinite()).reshape(len(each), -1).any(1).nonzero().flatten()
                of = "" if name == "images" else f" in {name}"
                raise DataError(
                    f"{where}: {len(wrong)} examples hold NaN or infinity{of}, the first is number {int(wrong[0])}; "
                    "expected finite values"
                )
        if part == "training" and len(split) >= _FEW and split.images.min() == split.images.max():
            raise DataError(
                f"{where}: all {len(split)} examples hold nothing but the value {float(split.images.min()):g}; expected inputs that differ"
            )
        low, high = int(split.labels.min()), int(split.labels.max())
        if low < 0 or high >= len(self.classes):
            raise DataError(
                f"{where}: label {low if low < 0 else high} is outside the {len(self.classes)} classes, "
                f"expected 0 to {len(self.classes) - 1}"
            )

    @property
    def task(self) -> Task:
        """What outputs mean: classes, the coarser labels that took their place, or what the data are scored by instead."""
        if self.scored_by is not None:
            return self.scored_by
        return CLASSIFICATION if self.finest is None else by_label_set(self.finest.by.label_of)

    def can_score(self, n_outputs: int) -> bool:
        """Tell whether a network of ``n_outputs`` has scores for these labels, or for the finest ones that they were made of."""
        if self.scored_by is not None:
            return self.scored_by.takes(n_outputs, self.train.targets)
        if self.finest is None:
            return n_outputs >= len(self.classes)
        return n_outputs == len(self.classes) or n_outputs >= len(self.finest.classes)

    def by(self, name: str) -> Data:
        """Return the same examples labelled by the label set called ``name``.

        A network with an output for each of the finest classes is read by adding up its probabilities of those with one label;
        one with an output for each label of the set as it is.

        Raises:
            DataError: no such label set.

        Example:
            >>> from modelstitch.data.load import load_data
            >>> from modelstitch.specs import DataSpec
            >>> load_data(DataSpec(source="digits")).by("parity").classes
            ('even', 'odd')
        """
        if self.scored_by is not None:
            raise DataError(
                f"data {self.name} is scored by {self.scored_by.name}: expected coarser labels with classification alone, got {name!r}"
            )
        if not self.label_sets:
            raise DataError(f"data {self.name} has no coarser label set, got {name!r}")
        sets = {each.name: each for each in self.label_sets}
        expect_one_of(f"label set of data {self.name}", name, sets, DataError)
        chosen = sets[name]
        if self.finest is not None:
            raise DataError(
                f"data {self.name} is labelled by {self.finest.by.name!r} already: choose {name!r} from the data as loaded"
            )
        return replace(
            self,
            train=replace(self.train, labels=chosen.labels(self.train.labels)),
            heldout=replace(self.heldout, labels=chosen.labels(self.heldout.labels)),
            classes=chosen.classes,
            finest=FinestLabels(chosen, self.classes, self.heldout.labels),
        )

    @property
    def digest(self) -> str:
        """SHA-256 of everything in the two parts, the class names, the coarser label sets and the task."""
        hasher = hashlib.sha256("\0".join(self.classes).encode())
        hasher.update(repr(self.label_sets).encode())
        if self.finest is not None:
            hasher.update(repr((self.finest.by, self.finest.classes)).encode())
            hasher.update(self.finest.heldout.cpu().numpy().tobytes())
        for known in (
            self.scored_by and self.scored_by.identity,
            self.rate and str(self.rate),
            self.is_text and "text",
        ):
            hasher.update((known or "").encode())
        for split in (self.train, self.heldout):
            for name, tensor in split.tensors.items():
                if name not in ("images", "labels"):
                    hasher.update(f"{name}:{len(name)}:".encode())
                hasher.update(f"{tensor.dtype}:{tuple(tensor.shape)}".encode())
                plain = tensor.detach().cpu().contiguous().reshape(-1)
                hasher.update(plain.view(torch.uint8).numpy().tobytes())
        return hasher.hexdigest()

    def to(self, device: torch.device) -> Data:
        """Return the same data on ``device``."""
        parts = [split.mapped(lambda each: each.to(device)) for split in (self.train, self.heldout)]
        finest = self.finest and replace(self.finest, heldout=self.finest.heldout.to(device))
        return replace(self, train=parts[0], heldout=parts[1], finest=finest)
