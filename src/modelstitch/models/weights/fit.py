"""How weights fit a network: what is missing, too much, of another shape or type, or there twice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from modelstitch.errors import WeightsError
from modelstitch.models.weights.facts import listed
from modelstitch.models.weights.file import Entry
from modelstitch.models.weights.sets import State, WeightsSet, is_counter, same_shape

_OF_TRAINING = re.compile(
    r"(.*_)?(criterion|criteria|loss|losses|loss_?fn|loss_?func|loss_?function|metrics?)(_.*)?"
    r"|(train|val|valid|validation|test)_(acc|accuracy|auc|auroc|f1|iou|map|mae|mse|error)(_.*)?",
    re.IGNORECASE,
)
"""First names of keys that belong to a loss or a metric and not to a network."""

_COUNTERS = frozenset(
    {"n_averaged", "num_updates", "decay", "initted", "step", "steps", "global_step", "epoch"}
)
"""Names of single numbers that averages and training loops keep beside weights."""


@dataclass(frozen=True)
class Misfit:
    """All that keeps weights from filling a network and nothing else.

    Attributes:
        missing: keys of the network that nothing fills.
        unexpected: keys under the network's prefix that it does not have.
        reshaped: by key both shapes in words.
        retyped: by key both types in words: numbers of another kind, which a conversion would change.
        doubled: keys with two values.
    """

    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    reshaped: Mapping[str, str] = field(default_factory=dict)
    retyped: Mapping[str, str] = field(default_factory=dict)
    doubled: tuple[str, ...] = ()

    @property
    def untrained(self) -> tuple[str, ...]:
        """Keys of the network that stay as they are when what fits is loaded."""
        return tuple(sorted({*self.missing, *self.reshaped, *self.retyped}))

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected or self.reshaped or self.retyped or self.doubled)

    def __str__(self) -> str:
        parts = (
            ("missing", self.missing),
            ("unexpected", self.unexpected),
            ("of another shape", [f"{key} ({shapes})" for key, shapes in self.reshaped.items()]),
            ("of another type", [f"{key} ({types})" for key, types in self.retyped.items()]),
            ("with two values", self.doubled),
        )
        return "; ".join(f"{len(keys)} {what}: {listed(keys)}" for what, keys in parts if keys)


def expect_whole(misfit: Misfit, weights: str, name: str, n_keys: int, *, partial: bool) -> None:
    """Raise where weights do not fit, unless a part is enough: one rule for all sources.

    Args:
        misfit: of the weights.
        weights: what to call them.
        name: what to call the model.
        n_keys: number of its keys.
        partial: whether a part is enough.

    Raises:
        WeightsError: with how many keys of each kind, and the first three.
    """
    if misfit and not partial:
        raise WeightsError(
            f"{weights} do not fit model {name}: of {n_keys} keys, {misfit}; "
            "nothing was loaded (--partial, or partial=True, loads what fits)"
        )


@dataclass(frozen=True)
class WeightsFit:
    """What of a set of weights goes into a network.

    Attributes:
        values: by key of the network.
        misfit: what does not fit.
        converted: types that are converted, in words.
        tables: keys in the file of fixed tables that the network has already.
    """

    values: dict[str, Any]
    misfit: Misfit
    converted: tuple[str, ...]
    tables: frozenset[str]


def fit(
    module: nn.Module, chosen: WeightsSet, others: Iterable[str], entries: Mapping[str, Entry]
) -> WeightsFit:
    """Return what of a set of weights goes into a network.

    Args:
        module: the network.
        chosen: the set.
        others: keys in the file of sets that were not chosen.
        entries: of the file.
    """
    own: State = module.state_dict()
    values: dict[str, Any] = {}
    doubled: set[str] = set()
    for key in own:
        found = [entries[name].value for name in chosen.keys.get(key, ())]
        if found:
            values[key] = found[0]
            if not all(_same(found[0], other) for other in found[1:]):
                doubled.add(key)
    reshaped = {
        key: f"file {_shape(value)}, model {_shape(own[key])}"
        for key, value in values.items()
        if not same_shape(value, own[key])
    }
    retyped = {
        key: f"file {_type(value)}, model {_type(own[key])}"
        for key, value in values.items()
        if key not in reshaped and not _convertible(value, own[key])
    }
    fitting = {key: value for key, value in values.items() if key not in reshaped and key not in retyped}
    taken: dict[Any, str] = {}
    for key in list(fitting):
        first = taken.setdefault(_memory(own[key], key), key)
        if first != key and not _same(fitting[first], fitting.pop(key)):
            doubled |= {first, key}
    tied = {_memory(own[key], key) for key in fitting}
    missing = [
        key for key in own if key not in values and not is_counter(key) and _memory(own[key], key) not in tied
    ]
    unexpected, tables, other_tables = _unexpected(module, chosen, set(others), entries)
    misfit = Misfit(
        missing=tuple(sorted(missing)),
        unexpected=tuple(sorted(unexpected)),
        reshaped=dict(sorted(reshaped.items())),
        retyped=dict(sorted(retyped.items())),
        doubled=tuple(sorted({*doubled, *other_tables})),
    )
    converted = {
        f"{_type(value)} to {_type(own[key])}"
        for key, value in fitting.items()
        if isinstance(value, Tensor) and value.dtype != own[key].dtype
    }
    return WeightsFit(fitting, misfit, tuple(sorted(converted)), frozenset(tables))


def expect_finite(fitting: Mapping[str, Any], own: State, weights: str) -> None:
    """Raise where a value is not finite, in the file or after its conversion to the network's type.

    A table of the network that holds the same values, such as a mask of minus infinity, is no such value.

    Raises:
        WeightsError: with how many tensors, and the first three.
    """
    infinite = sorted(
        key
        for key, value in fitting.items()
        if isinstance(value, Tensor) and value.is_floating_point() and not _finite_or_own(value, own[key])
    )
    if infinite:
        raise WeightsError(
            f"{weights} hold values that are not finite, in {len(infinite)} tensors: {listed(infinite)}"
        )


def _finite_or_own(value: Tensor, own: Tensor) -> bool:
    if is_lazy(own):
        return bool(value.float().isfinite().all())
    converted = value.to(own.dtype)
    return bool(converted.float().isfinite().all()) or torch.equal(converted, own.detach().cpu())


def _unexpected(
    module: nn.Module, chosen: WeightsSet, others: set[str], entries: Mapping[str, Entry]
) -> tuple[set[str], set[str], set[str]]:
    """Return keys under the prefix: what the network lacks, its fixed tables, those with other values."""
    start = f"{chosen.prefix}." if chosen.prefix else ""
    containers = {entries[name].container for name in chosen.in_file}
    own_tables = dict(module.named_buffers())
    unexpected, tables, other_tables = set(), set(), set()
    for name, entry in entries.items():
        is_under = name.startswith(start) and entry.container in containers
        if not is_under or name in chosen.in_file or name in others:
            continue
        key = name.removeprefix(start)
        if key in own_tables:  # a buffer that its own state dict leaves out
            tables.add(name)
            if not _same_table(entry.value, own_tables[key]):
                other_tables.add(key)
        elif not _is_of_training(key, entry.value):
            unexpected.add(name)
    return unexpected, tables, other_tables


def _is_of_training(key: str, value: Any) -> bool:
    first, dot, _ = key.partition(".")
    if _OF_TRAINING.fullmatch(first) or not isinstance(value, Tensor):
        return True
    is_whole = not value.is_floating_point() and not value.is_complex()
    return value.ndim == 0 and not dot and (is_whole or first in _COUNTERS)


def _memory(value: Any, key: str) -> Any:
    """Return what is equal for tied weights alone."""
    if not isinstance(value, Tensor) or is_lazy(value) or not value.numel():
        return key
    return value.device, value.data_ptr(), value.shape, value.stride()


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.shape == other.shape and torch.equal(one, other)
    return type(one) is type(other) and bool(one == other)


def _same_table(value: Any, table: Tensor) -> bool:
    if not isinstance(value, Tensor) or value.shape != table.shape:
        return False
    return torch.equal(table.detach().cpu().to(value.dtype), value)


def _kind(value: Tensor) -> str:
    if value.is_quantized:
        return "quantised"
    if value.is_complex():
        return "complex"
    return "float" if value.is_floating_point() else "whole"


def _convertible(value: Any, own: Any) -> bool:
    """Tell whether a conversion to the network's type keeps what a number means."""
    if not isinstance(value, Tensor) or not isinstance(own, Tensor) or value.dtype == own.dtype:
        return True
    if _kind(value) != _kind(own) or _kind(value) == "quantised":
        return False
    return _kind(value) != "whole" or torch.equal(value.to(own.dtype).to(value.dtype), value)


def _type(value: Any) -> str:
    return str(value.dtype).removeprefix("torch.") if isinstance(value, Tensor) else type(value).__name__


def _shape(value: Any) -> str:
    return str(tuple(value.shape)) if isinstance(value, Tensor) else type(value).__name__
