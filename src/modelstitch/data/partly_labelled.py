"""New examples, of which some or all may have no label yet: as they come from use."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modelstitch.data import class_folders
from modelstitch.data.given_inputs import in_single
from modelstitch.data.load import as_data
from modelstitch.data.parts import Data, DataPart
from modelstitch.data.sources import npz
from modelstitch.data.sources.image_folder import IMAGES
from modelstitch.data.sources.wav_folder import SOUNDS
from modelstitch.data.splitting import third_held_out
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec


@dataclass(frozen=True)
class PartlyLabelled:
    """Examples with the class of each, where it is known.

    Attributes:
        images: (N, ...) inputs, as :class:`DataPart` holds them.
        labels: name of the class of each example, or its number as a text; None without a label.
        places: where each example lies, such as the name of its file.
        name: of the data.
        kwargs, samples, rate, is_text: as of :class:`DataPart` and :class:`Data`.
        groups: the group of each example, such as a patient; None where the data name none.

    Raises:
        DataError: no example, or NaN.
    """

    images: Tensor
    labels: tuple[str | None, ...]
    places: tuple[str, ...]
    name: str
    kwargs: Mapping[str, Tensor] = field(default_factory=dict)
    samples: Tensor | None = None
    rate: int | None = None
    is_text: bool = False
    groups: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not len(self.images):
            raise DataError(f"data {self.name}: expected at least one example, got none")
        if self.images.is_floating_point():
            wrong = (~self.images.isfinite()).reshape(len(self.images), -1).any(1).nonzero().flatten()
            if len(wrong):
                raise DataError(
                    f"data {self.name}: {len(wrong)} examples hold NaN or infinity, the first is "
                    f"{self.places[int(wrong[0])]}; expected finite values"
                )

    def as_data(self, classes: Sequence[str]) -> Data:
        """Return the examples as held-out ones of a data set with given classes.

        An example without a label has the first one: nobody may score it. The training part holds the same
        examples under labels that mean nothing, since a data set has an example of each class.

        Args:
            classes: names, in the order of the labels.

        Raises:
            DataError: a label that is none of them.
        """
        place = {name: number for number, name in enumerate(classes)}
        unknown = sorted({label for label in self.labels if label is not None} - place.keys())
        if unknown:
            raise DataError(
                f"data {self.name} have another label set: expected labels among {_few(classes)}, got "
                f"{_few(unknown)}; an .npz file names its classes in the array classes"
            )
        labels = torch.tensor([0 if label is None else place[label] for label in self.labels])
        part = DataPart(self.images, labels, None, dict(self.kwargs), self.samples)
        rows = torch.arange(max(len(part), len(classes)))
        train = part.take(rows % len(part))
        train = DataPart(train.images, rows % len(classes), None, train.kwargs, train.samples)
        return Data(
            train, part, tuple(classes), self.name, "new examples", rate=self.rate, is_text=self.is_text
        )


def new_examples(given: Any, spec: DataSpec) -> PartlyLabelled:
    """Read new examples for classification.

    An ``.npz`` file has no label where ``y`` is -1, NaN or empty, and none at all without ``y``; a folder of
    images or sounds has none for files that lie in no folder of a class. Every other source has all labels.
    Data in one part are taken whole, of data in two parts the held-out one.

    Args:
        given: ``Data``, a source's name, or ``(x, y)`` with None, or -1 in ``y``, where there is no label.
        spec: options of the source.

    Raises:
        DataError: data that cannot be read.
    """
    if isinstance(given, tuple):
        return _of_pair(given)
    if isinstance(given, Data):
        return of_data(given, spec)
    source = str(given)
    if Path(source).suffix == ".npz":
        found, name = npz.partly_labelled(spec), Path(source).stem
        return PartlyLabelled(
            found.x,
            names_of(found.labels, len(found.x), name),
            tuple(f"row {row} of x{found.ending}" for row in range(len(found.x))),
            name,
            found.kwargs,
            groups=found.groups,
        )
    for kind in (IMAGES, SOUNDS):
        if class_folders.holds(source, kind) or (
            Path(source).is_dir() and class_folders.holds_files(source, kind)
        ):
            if spec.group_column is not None:
                raise DataError(f"expected no group column with a folder of files, got {spec.group_column!r}")
            return _of_folder(spec, kind)
    return of_data(as_data(spec), spec)


def of_data(data: Data, spec: DataSpec) -> PartlyLabelled:
    """Return the examples of a data set, all with labels; of two parts the held-out one."""
    # One rule divides data in one part; its words are compared with themselves.
    whole = data.division.startswith(third_held_out(spec.seed))
    parts = [("train", data.train)] if whole else []
    parts.append(("held-out", data.heldout))
    tensors = [part.tensors for _, part in parts]

    def joined(name: str) -> Tensor:
        return torch.cat([each[name].cpu() for each in tensors])

    labels = tuple(data.classes[label] for label in joined("labels").tolist())
    return PartlyLabelled(
        images=joined("images"),
        labels=labels,
        places=tuple(f"{name} {row}" for name, part in parts for row in range(len(part))),
        name=data.name,
        kwargs={name: joined(name) for name in data.heldout.kwargs},
        samples=None if data.heldout.samples is None else joined("samples"),
        rate=data.rate,
        is_text=data.is_text,
        groups=None if data.heldout.groups is None else tuple(map(str, joined("groups").tolist())),
    )


def names_of(labels: Any, n: int, name: str, classes: Sequence[str] | None = None) -> tuple[str | None, ...]:
    """Return labels as names of classes, None where there is none.

    Args:
        labels: (n,) whole numbers (-1: none), real ones (NaN: none) or names (empty: none); None for none.
        n: number of examples.
        name: of the data, for errors.
        classes: names by number.

    Raises:
        DataError: another number of labels, or labels that are none of these.

    Example:
        >>> names_of([2, -1], 2, "new"), names_of(["a", ""], 2, "new"), names_of(None, 1, "new")
        (('2', None), ('a', None), (None,))
    """
    if labels is None:
        return (None,) * n
    values = labels.tolist() if isinstance(labels, Tensor | np.ndarray) else list(labels)
    if len(values) != n:
        raise DataError(f"data {name}: expected a label for each of {n} examples, got {len(values)}")
    return tuple(_name(value, row, name, classes) for row, value in enumerate(values))


def _name(value: Any, row: int, name: str, classes: Sequence[str] | None) -> str | None:
    while isinstance(value, list) and len(value) == 1:
        (value,) = value
    if value is None or (isinstance(value, float) and math.isnan(value)) or value == -1:
        return None
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, str):
        return value if value.strip() else None
    number = int(value) if isinstance(value, bool | int | float) and value == int(value) else -1
    if number < 0 or (classes is not None and number >= len(classes)):
        raise DataError(
            f"data {name}: expected a label as a whole number from 0 on, a name, or -1 for none, got "
            f"{str(value)[:40]} at example {row}"
        )
    return str(number) if classes is None else classes[number]


def _of_pair(given: tuple[Any, ...]) -> PartlyLabelled:
    x, y = (*given, None)[:2]
    images = in_single(torch.as_tensor(x).cpu())
    places = tuple(f"row {row}" for row in range(len(images)))
    return PartlyLabelled(images, names_of(y, len(images), "in memory"), places, "in memory")


def _of_folder(spec: DataSpec, kind: class_folders.FileType) -> PartlyLabelled:
    root, files, labels = class_folders.partly_labelled(spec, kind)
    (images,), fields = kind.read([files], spec, root)
    samples = fields.get("samples", [None])[0]
    places = tuple(file.relative_to(root).as_posix() for file in files)
    return PartlyLabelled(images, tuple(labels), places, root.name, {}, samples, fields.get("rate"))


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f", ... ({len(names)})" if len(names) > 5 else "")
