"""Data sets in memory: a training part and a held-out part."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from modelstitch.data.absent import Unscored
from modelstitch.data.checks import check_data
from modelstitch.data.label_sets import FinestLabels, LabelSet
from modelstitch.errors import DataError, expect_one_of
from modelstitch.tasks import CLASSIFICATION, Targets, Task, at, by_label_set
from modelstitch.util.arguments import read_fields

PartName = Literal["train", "held-out"]
"""A part of a data set by name."""


@dataclass(frozen=True)
class DataPart:
    """One part of a data set.

    Attributes:
        images: (N, ...) inputs in uint8 or floating, or tokens (N, T) in int64.
        labels: (N,) in int64, the class of each example.
        given_targets: (N, ...) targets, if they are not the labels.
        kwargs: (N, ...) further inputs by name of argument, such as a mask; a network gets those it takes.
        samples: (N,) in int64, number of samples of each sound as it was, before silence was added or its end
            cut off; None where all fill their length.
        groups: (N,) in int64, number of the group of each example, such as a patient, whose examples come
            into one part and are no independent draws; None where the data name none.
    """

    images: Tensor
    labels: Tensor
    given_targets: Tensor | None = None
    kwargs: Mapping[str, Tensor] = field(default_factory=dict)
    samples: Tensor | None = None
    groups: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        held = ", ".join(f"{name} {value.dtype} {tuple(value.shape)}" for name, value in self.tensors.items())
        return f"DataPart({held})"

    @property
    def targets(self) -> Tensor:
        """Targets of the task, (N, ...)."""
        return self.labels if self.given_targets is None else self.given_targets

    @property
    def present(self) -> Tensor | None:
        """Positions (N, T) that are not padding, from a further input that is a mask; None without a mask.

        ``attention_mask`` and ``mask`` are 1 at tokens; a name that ends in ``padding_mask`` is 1 at padding.
        """
        for name, value in self.kwargs.items():
            if value.ndim == 2 and name in ("attention_mask", "mask"):
                return value != 0
            if value.ndim == 2 and name.endswith("padding_mask"):
                return value == 0
        return None

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Every tensor by name."""
        given = {"targets": self.given_targets, "samples": self.samples, "groups": self.groups}
        further = {name: value for name, value in given.items() if value is not None}
        return {"images": self.images, "labels": self.labels, **further, **self.kwargs}

    def targets_for(self, task: Task, indices: Tensor | None = None) -> Targets:
        """Return the targets at ``indices``, or all, in the form that the task's loss and score take."""
        if not task.takes_batch:
            return self.targets if indices is None else at(self.targets, indices)
        some = self if indices is None else self.take(indices)
        return task.targets(some.images, some.targets, some.kwargs)

    def mapped(self, change: Callable[[Tensor], Tensor]) -> DataPart:
        """Return the same part with every tensor changed."""
        return DataPart(
            change(self.images),
            change(self.labels),
            None if self.given_targets is None else change(self.given_targets),
            {name: change(value) for name, value in self.kwargs.items()},
            None if self.samples is None else change(self.samples),
            None if self.groups is None else change(self.groups),
        )

    def take(self, indices: Tensor) -> DataPart:
        """Return the examples at ``indices``, in that order."""
        return self.mapped(lambda value: value[indices.to(value.device)])


@read_fields
@dataclass(frozen=True)
class Data:
    """A checked data set.

    Attributes:
        train, heldout: the two parts; nothing is ever fitted on the second.
        classes: names of the classes, in the order of the labels.
        name: what to call the set.
        division: how the two parts came about.
        label_sets: coarser labels that :meth:`by` can use instead of the classes.
        finest: the original labels, after :meth:`by`.
        scored_by: the task, if it is not classification.
        rate: samples a second, if the examples are sounds (N, C, L).
        is_text: whether the examples are texts, as bytes of UTF-8 (N, L) padded with zeros.
        numbers: number of each class in the label set of the source, where some classes of the set have no
            training example; None for 0, 1, ...
        unscored: these classes, which take no part in scores; None where there are none.
        copies_left_out: held-out examples that were left out, since they also stand in the training part.

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
    numbers: tuple[int, ...] | None = None
    unscored: Unscored | None = None
    copies_left_out: int = 0

    def __post_init__(self) -> None:
        check_data(self)

    def __repr__(self) -> str:
        shape = tuple(self.train.images.shape[1:])
        labels = f"{len(self.classes)} classes" if self.scored_by is None else f"task {self.scored_by.name}"
        return (
            f"Data({self.name}: {len(self.train)} training and {len(self.heldout)} held-out examples of "
            f"shape {shape} in {self.train.images.dtype}, {labels}; {self.division})"
        )

    @property
    def task(self) -> Task:
        """The task: ``scored_by``, or classification, after :meth:`by` into coarser labels."""
        if self.scored_by is not None:
            return self.scored_by
        return CLASSIFICATION if self.finest is None else by_label_set(self.finest.by.label_of)

    def with_label_sets(self, label_sets: Iterable[LabelSet]) -> Data:
        """Return the same data with label sets of all classes of the source, for those that are present."""
        if self.numbers is None:
            return replace(self, label_sets=tuple(label_sets))
        restricted = [label_set.restricted(self.numbers) for label_set in label_sets]
        return replace(self, label_sets=tuple(each for each in restricted if each is not None))

    def by(self, name: str) -> Data:
        """Return the same examples labelled by the label set called ``name``.

        A network with one output per finest class is scored by the sums of its probabilities over the classes
        of each label; a network with one output per label is scored as it is.

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
                f"data {self.name} is scored by {self.scored_by.name}: expected coarser labels with "
                f"classification alone, got {name!r}"
            )
        if not self.label_sets:
            raise DataError(f"data {self.name} has no coarser label set, got {name!r}")
        sets = {label_set.name: label_set for label_set in self.label_sets}
        expect_one_of(f"label set of data {self.name}", name, sets, DataError)
        chosen = sets[name]
        if self.finest is not None:
            raise DataError(
                f"data {self.name} is labelled by {self.finest.by.name!r} already: choose {name!r} from the "
                "data as loaded"
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
        """SHA-256 of both parts, the class names, the label sets and the task."""
        hasher = hashlib.sha256("\0".join(self.classes).encode())
        hasher.update(repr(self.label_sets).encode())
        if self.finest is not None:
            hasher.update(repr((self.finest.by, self.finest.classes)).encode())
            hasher.update(self.finest.heldout.cpu().numpy().tobytes())
        for tag in (
            self.scored_by and self.scored_by.identity,
            self.rate and str(self.rate),
            self.is_text and "text",
            self.numbers and repr(self.numbers),
        ):
            hasher.update((tag or "").encode())
        for part in (self.train, self.heldout):
            for name, tensor in part.tensors.items():
                if name not in ("images", "labels"):
                    hasher.update(f"{name}:{len(name)}:".encode())
                hasher.update(f"{tensor.dtype}:{tuple(tensor.shape)}".encode())
                plain = tensor.detach().cpu().contiguous().reshape(-1)
                hasher.update(plain.view(torch.uint8).numpy().tobytes())
        return hasher.hexdigest()

    def to(self, device: torch.device) -> Data:
        """Return the same data on ``device``."""
        parts = [part.mapped(lambda value: value.to(device)) for part in (self.train, self.heldout)]
        finest = self.finest and replace(self.finest, heldout=self.finest.heldout.to(device))
        return replace(self, train=parts[0], heldout=parts[1], finest=finest)
