"""Data that the caller holds: tensors, arrays, or any map-style Dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence, Sized
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset, Subset

from modelstitch.data.absent import present_classes
from modelstitch.data.columns import Column, Wish, choose_inputs, choose_label, columns_of_example
from modelstitch.data.given_inputs import giving_files, in_single, inputs_of, stack_given
from modelstitch.data.images import Stacked, said
from modelstitch.data.label_sets import FurtherLabels, may_be_coarser
from modelstitch.data.labels import GivenLabels, numbered
from modelstitch.data.parts import Data, DataPart
from modelstitch.data.splitting import choose, hold_out_third, third_held_out
from modelstitch.data.texts import encoded, pad_alike
from modelstitch.data.together import Together, alike
from modelstitch.data.together import numbered as numbered_groups
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec

_PARTS = ("training", "held-out")
_PAIRS = "give pairs (input, label) in its place"
_WISH = Wish(say_label=_PAIRS, say_input=_PAIRS)


def from_whole(
    whole: DataPart,
    *,
    classes: tuple[str, ...] | None,
    name: str,
    spec: DataSpec,
    groups: Sequence[Hashable] | None = None,
) -> Data:
    """Divide one part into a training part and a held-out third, stratified and seeded.

    Exact copies come into one part, and examples of one of the ``groups``.
    """
    if len(whole) < 2:
        raise DataError(f"data {name}: expected at least 2 examples, got {len(whole)}")
    if groups is not None:
        whole = replace(whole, groups=numbered_groups(groups))
    kept = Together(alike(whole), whole.groups)
    train, heldout = (whole.take(rows) for rows in hold_out_third(whole.labels, spec.seed, together=kept))
    return from_parts(train, heldout, classes, name, third_held_out(spec.seed), spec)


def from_parts(
    train: DataPart,
    heldout: DataPart,
    classes: tuple[str, ...] | None,
    name: str,
    division: str,
    spec: DataSpec,
) -> Data:
    """Make checked data from two parts, within the limits of ``spec``; unnamed classes are numbered.

    Classes without a training example are left out, see :func:`present_classes`.
    """
    present = present_classes(
        train.take(choose(train.labels, spec.limit, spec.seed)),
        heldout.take(choose(heldout.labels, spec.heldout_limit, spec.seed)),
        classes,
        name,
    )
    return Data(
        present.train,
        present.heldout,
        present.classes,
        name,
        division,
        numbers=present.numbers,
        unscored=present.unscored,
    )


@dataclass(frozen=True)
class ReadParts:
    """The parts of a set, labelled alike.

    Attributes:
        parts: in the order in which they were given.
        classes: names of the classes; None where the labels are no more than numbers.
        is_text: whether the inputs are texts.
        notes: what was done by a rule, in words.
        further: second labels, of dictionaries that have some.
    """

    parts: tuple[DataPart, ...]
    classes: tuple[str, ...] | None
    is_text: bool = False
    notes: tuple[str, ...] = ()
    further: tuple[FurtherLabels, ...] = ()


@dataclass(frozen=True)
class _RawPart:
    inputs: Tensor
    labels: GivenLabels
    is_text: bool = False
    note: str = ""
    further: tuple[FurtherLabels, ...] = ()
    done: Counter[str] = field(default_factory=Counter)


def as_parts(
    given: Sequence[Any], name: str, spec: DataSpec, classes: tuple[str, ...] | None = None
) -> ReadParts:
    """Read one part or two, each ``(x, y)``, or a map-style Dataset of pairs or of dictionaries.

    Labels are whole numbers, names, or True and False. A class has one number in all parts: where each part
    names its classes (``classes`` or ``features`` of a Dataset), they are matched by name.

    Args:
        given: the parts, that for training first.
        name: of the set, for errors.
        spec: crop and channels of pictures.
        classes: names of the classes, where they are known.

    Raises:
        DataError: anything else, inputs of different shapes or in another number than labels, labels that
            cannot be used (the row is named), or dictionaries in which the label or the input is not clear.
    """
    whose = [f"data {name}"] if len(given) == 1 else [f"data {name}, {part} part" for part in _PARTS]
    raw = [_raw(part, where, spec) for part, where in zip(given, whose, strict=True)]
    found = numbered([replace(part.labels, names=classes or part.labels.names) for part in raw])
    for part, labels in zip(raw, found.parts, strict=True):
        if part.inputs.ndim == 0 or len(part.inputs) != len(labels):
            raise DataError(
                f"{part.labels.where}: expected as many labels as images, got {len(labels)} labels and "
                f"images of shape {tuple(part.inputs.shape)}"
            )
    if len({part.is_text for part in raw}) > 1:
        raise DataError(f"data {name}: expected texts in both parts or in none")
    parts = [DataPart(part.inputs, labels) for part, labels in zip(raw, found.parts, strict=True)]
    done = sum((part.done for part in raw), Counter[str]())
    pictures = said(done, sum(map(len, parts)))
    renumbered = "the held-out part is renumbered by the names of its classes" if found.renumbered else ""
    return ReadParts(
        tuple(pad_alike(parts) if raw[0].is_text else parts),
        found.classes,
        raw[0].is_text,
        tuple(note for note in (renumbered, raw[0].note, pictures) if note),
        _joined(raw),
    )


def _joined(raw: Sequence[_RawPart]) -> tuple[FurtherLabels, ...]:
    """Return the further labels that all parts have, under the same names of classes."""
    found = []
    for one in raw[0].further:
        others = [own for part in raw for own in part.further if own.name == one.name]
        if len(others) == len(raw) and all(own.classes in (None, one.classes) for own in others):
            found.append(replace(one, numbers=torch.cat([own.numbers for own in others])))
    return tuple(found)


def _raw(given: Any, where: str, spec: DataSpec) -> _RawPart:
    if isinstance(given, tuple | list) and len(given) == 2:
        inputs = inputs_of(given[0], where, spec.crop, spec.channels)
        return _RawPart(in_single(inputs.x), GivenLabels(given[1], where), done=inputs.done)
    is_mapping = isinstance(given, Mapping)
    if (
        isinstance(given, Sized)
        and not is_mapping
        and (isinstance(given, Dataset) or hasattr(given, "column_names"))
    ):
        return _of_dataset(given, where, spec)
    raise DataError(
        f"{where}: expected (x, y) or a map-style Dataset with a length, got {type(given).__name__}"
    )


def is_array(value: Any) -> bool:
    """Tell whether ``value`` is an array or a tensor."""
    return hasattr(value, "shape") and hasattr(value, "dtype")


def is_hub_set(given: Any) -> bool:
    """Tell whether ``given`` is a Dataset of the package datasets without a transform, or a mapping of them.

    A format such as ``torch`` is no transform: it has its own way with each mode of a picture, so the table
    under it is read.

    Example:
        >>> is_hub_set([0, 1])
        False
    """
    if isinstance(given, Mapping):
        return "train" in given and all(map(is_hub_set, given.values()))
    names = ("with_format", "features", "select_columns", "select", "format")
    return all(hasattr(given, name) for name in names) and given.format["type"] != "custom"


def _of_dataset(dataset: Any, where: str, spec: DataSpec) -> _RawPart:
    """Return the inputs (N, ...) and the labels of a Dataset."""
    files = giving_files(dataset)
    if files is not None:  # in colour, as torchvision promises
        dataset, spec = files, replace(spec, channels=spec.channels or 3)
    examples = [dataset[index] for index in range(len(dataset))]
    if not examples:
        raise DataError(f"{where}: expected at least one example, got an empty Dataset")
    if isinstance(examples[0], Mapping):
        return _of_dictionaries(examples, dataset, where, spec)
    for index, pair in enumerate(examples):
        if not isinstance(pair, tuple | list) or len(pair) < 2:
            raise DataError(
                f"{where}: expected pairs (image, label), got {type(pair).__name__} as example {index}"
            )
    labels = [pair[1] for pair in examples]
    names = _names_of(dataset, labels)
    inputs = _stacked([pair[0] for pair in examples], where, spec)
    return _RawPart(inputs.x, GivenLabels(labels, where, names), done=inputs.done)


def _of_dictionaries(examples: list[Any], dataset: Any, where: str, spec: DataSpec) -> _RawPart:
    """Choose the label and the input by the rule of :mod:`modelstitch.data.columns`."""
    features = getattr(dataset, "features", None)
    features = features if isinstance(features, Mapping) else {}
    columns = [
        replace(column, classes=_class_names(getattr(features.get(column.name), "names", None)))
        for column in columns_of_example(_shown(examples))
    ]
    label = choose_label(columns, _WISH, where)
    inputs = choose_inputs(columns, _WISH, where, label.name)
    wanted = [label.name, *(column.name for column in inputs.columns)]
    for index, example in enumerate(examples):
        lacking = [name for name in wanted if not isinstance(example, Mapping) or name not in example]
        if lacking:
            raise DataError(
                f"{where}: expected a dictionary with {', '.join(wanted)} as each example, got none with "
                f"{lacking[0]} as example {index}"
            )
    labels = GivenLabels([example[label.name] for example in examples], where, label.classes)
    values = [[example[column.name] for example in examples] for column in inputs.columns]
    further = _further(examples, [column for column in columns if column.name != label.name])
    if inputs.holds != "texts":
        given = _stacked(values[0], where, spec)
        return _RawPart(given.x, labels, note=inputs.said, done=given.done, further=further)
    for column in values:
        for row, text in enumerate(column):
            if not isinstance(text, str) or not text.strip():
                raise DataError(f"{labels.at(row)} holds no text")
    return _RawPart(encoded(*values), labels, is_text=True, note=inputs.said, further=further)


def _further(examples: list[Any], columns: Sequence[Column]) -> tuple[FurtherLabels, ...]:
    """Return the further columns of labels, where every example has a whole number in them."""
    found = []
    for column in columns:
        if not may_be_coarser(column.name) or column.holds != "whole numbers":
            continue
        cells = [example.get(column.name) for example in examples]
        plain = [cell.item() if is_array(cell) and not cell.shape else cell for cell in cells]
        if all(isinstance(cell, int) and not isinstance(cell, bool) for cell in plain):
            found.append(FurtherLabels(column.name, torch.tensor(plain, dtype=torch.int64), column.classes))
    return tuple(found)


def _shown(examples: list[Any]) -> dict[Any, Any]:
    """Return the first value of each column that is not missing; None of one without any."""
    values = dict.fromkeys(examples[0])
    lacking = set(values)
    for example in examples:
        if not lacking or not isinstance(example, Mapping):
            break
        found = {name for name in lacking if example.get(name) is not None}
        values |= {name: example[name] for name in found}
        lacking -= found
    return values


def _names_of(dataset: Any, labels: list[Any]) -> tuple[str, ...] | None:
    """Return the names of the classes that a Dataset of pairs, or the one that it is a subset of, gives."""
    while isinstance(dataset, Subset):
        dataset = dataset.dataset
    if getattr(dataset, "target_transform", None) is not None:
        return None  # its labels may be others than the classes
    names = _class_names(getattr(dataset, "classes", None))
    try:
        is_label_of = names is not None and all(0 <= int(label) < len(names) for label in labels)
    except (TypeError, ValueError):
        return None
    return names if is_label_of else None


def _class_names(names: Any) -> tuple[str, ...] | None:
    if not isinstance(names, list | tuple) or not names or len(set(map(str, names))) < len(names):
        return None
    return tuple(map(str, names))


def _stacked(values: list[Any], where: str, spec: DataSpec) -> Stacked:
    given = stack_given(values, where, spec.crop, spec.channels)
    return given._replace(x=in_single(given.x))
