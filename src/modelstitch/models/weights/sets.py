"""Find the sets of weights for a network in a file: every dotted name behind which its keys stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.parameter import is_lazy

from modelstitch.models.weights.file import Entry

State = Mapping[str, Any]
"""The state dict of a module; a quantised layer has entries that are no tensors."""

TOP = "."
"""How a set of weights that stands at the top of a file is called."""

WRAPPERS = frozenset(
    {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module"}
)
"""Names that wrappers of PyTorch put into keys, at any depth: parallel, compiled, sharded, checkpointed."""

_OF_OPTIMISER = frozenset(
    {"optim", "optimizer", "optimizers", "optimizer_states", "optimizer_state_dict", "exp_avg", "exp_avg_sq"}
    | {"momentum_buffer", "grad", "grads", "gradients"}
)
"""Names behind which an optimiser keeps tensors of the shapes and names of weights."""

_ENOUGH = 0.5
"""Another set of weights is one to choose if it fills at least this share of what the best one fills."""


@dataclass(frozen=True)
class WeightsSet:
    """Keys of a file that are a network's keys behind one name.

    Attributes:
        prefix: the name, without a dot behind it; empty at the top.
        keys: by key of the network its keys in the file; several where a wrapper's name stands in some.
        filled: number of values of the network that they fill, at the right shape.
    """

    prefix: str
    keys: Mapping[str, tuple[str, ...]]
    filled: int

    @property
    def name(self) -> str:
        """What a user calls it."""
        return self.prefix or TOP

    @property
    def in_file(self) -> frozenset[str]:
        """Its keys in the file."""
        return frozenset(key for keys in self.keys.values() for key in keys)


def is_counter(key: str) -> bool:
    """Tell whether a key is the counter of a batch norm, which eval mode never reads."""
    return key.rpartition(".")[2] == "num_batches_tracked"


def same_shape(value: Any, own: Any) -> bool:
    """Tell whether a value of a file has the shape of the network's own."""
    if isinstance(own, Tensor) and is_lazy(own):
        return isinstance(value, Tensor)
    if isinstance(own, Tensor) and isinstance(value, Tensor):
        return value.shape == own.shape
    return not isinstance(own, Tensor) and not isinstance(value, Tensor)


def find_sets(entries: Mapping[str, Entry], own: State) -> list[WeightsSet]:
    """Return all sets of weights for a network, the one that fills most first.

    Args:
        entries: of a file, by dotted name.
        own: state dict of the network.

    Example:
        >>> own = {"fc.weight": torch.zeros(2, 3)}
        >>> entries = {f"{name}.fc.weight": Entry(torch.ones(2, 3), name) for name in ("model", "ema")}
        >>> [found.name for found in find_sets(entries, own)]
        ['ema', 'model']
    """
    by_plain: dict[str, list[str]] = {}
    for key in own:
        by_plain.setdefault(_plain(key), []).append(key)
    squeezed = {key.replace(".", by): key for by in ("", "_") for key in own if "." in key}
    found: dict[str, dict[str, list[str]]] = {}
    for name in entries:
        places = list(_places(name, own, by_plain)) or list(_squeezed_places(name, squeezed))
        for prefix, key in places:
            found.setdefault(prefix, {}).setdefault(key, []).append(name)
    sets = [
        WeightsSet(prefix, {key: tuple(names) for key, names in keys.items()}, _filled(keys, entries, own))
        for prefix, keys in found.items()
        if not _OF_OPTIMISER & {*prefix.split(".")}
    ]
    return sorted(sets, key=lambda one: (-one.filled, -len(one.keys), len(one.prefix)))


def rivals(chosen: WeightsSet, sets: list[WeightsSet]) -> list[WeightsSet]:
    """Return the other sets that a user may have meant: they fill as much, and share no key with it."""
    taken = [chosen]
    for other in sets:
        enough = other.filled > 0 and other.filled >= _ENOUGH * chosen.filled
        if enough and all(not other.in_file & one.in_file for one in taken):
            taken.append(other)
    return taken[1:]


def nameless(entries: Mapping[str, Entry], parameters: list[Tensor]) -> list[str]:
    """Return names of lists that hold a tensor for each parameter in order, as some averages are saved."""
    if any(is_lazy(parameter) for parameter in parameters):
        return []
    shapes = [parameter.shape for parameter in parameters]
    return [
        name
        for name, entry in entries.items()
        if isinstance(entry.value, list | tuple)
        and shapes
        and len(entry.value) == len(shapes)
        and all(
            isinstance(value, Tensor) and value.shape == shape
            for value, shape in zip(entry.value, shapes, strict=True)
        )
    ]


def called(name: str, sets: list[WeightsSet]) -> list[WeightsSet]:
    """Return the sets that a user's name means: behind exactly this name, or with it inside their own.

    Example:
        >>> sets = [WeightsSet(prefix, {}, 1) for prefix in ("state_dict.teacher", "state_dict.student")]
        >>> [one.prefix for one in called("teacher", sets)]
        ['state_dict.teacher']
    """
    wanted = "" if name == TOP else name.removesuffix(".")
    exact = [one for one in sets if one.prefix == wanted or (wanted and one.prefix.startswith(f"{wanted}."))]
    if exact or not wanted:
        return exact
    return [one for one in sets if f".{wanted}." in f".{one.prefix}."]


def _plain(key: str) -> str:
    return ".".join(part for part in key.split(".") if part not in WRAPPERS)


def _places(name: str, own: State, by_plain: Mapping[str, list[str]]) -> Iterator[tuple[str, str]]:
    """Yield prefix and key of the network for every end of a name that is one of its keys."""
    parts = name.split(".")
    for start in range(len(parts)):
        tail = ".".join(parts[start:])
        prefix = ".".join(parts[:start])
        if tail in own:
            yield prefix, tail
        elif parts[start] not in WRAPPERS:
            for key in by_plain.get(_plain(tail), ()):
                yield prefix, key


def _squeezed_places(name: str, squeezed: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield prefix and key where the dots of a key were taken out or replaced, as some averages do."""
    before, dot, last = name.rpartition(".")
    for start in range(len(last)):
        key = squeezed.get(last[start:])
        if key is not None:
            yield f"{before}{dot}{last[:start]}".removesuffix("."), key


def _filled(keys: Mapping[str, list[str]], entries: Mapping[str, Entry], own: State) -> int:
    return sum(
        _size(own[key])
        for key, names in keys.items()
        if not is_counter(key) and any(same_shape(entries[name].value, own[key]) for name in names)
    )


def _size(value: Any) -> int:
    return value.numel() if isinstance(value, Tensor) and not is_lazy(value) else 1


def repeats(other: WeightsSet, chosen: WeightsSet, entries: Mapping[str, Entry]) -> bool:
    """Tell whether a set holds the same values as the chosen one."""
    pairs = [(other.keys[key][0], chosen.keys[key][0]) for key in other.keys if key in chosen.keys]
    return len(pairs) == len(other.keys) and all(
        isinstance(one := entries[a].value, Tensor)
        and isinstance(two := entries[b].value, Tensor)
        and one.shape == two.shape
        and torch.equal(one, two)
        for a, b in pairs
    )
