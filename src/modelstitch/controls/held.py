"""Every tensor that a network holds, by name, with the module that it belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from modelstitch.controls.computed import computed_names, structure_names


class Kind(StrEnum):
    """How a network holds a tensor."""

    PARAMETER = "parameter"
    BUFFER = "buffer"
    STRUCTURE = "structure"
    """A buffer that is not saved, or the mask of pruned weights: a constant of the architecture."""
    ATTRIBUTE = "attribute"
    """Not registered: a plain attribute, or a part of a module in a plain list or dictionary."""


@dataclass(frozen=True, eq=False)
class Held:
    """One tensor of a network.

    Attributes:
        value: the tensor itself.
        owner: the layer that it belongs to; of parametrised tensors the layer that is parametrised.
        kind: how it is held.
    """

    value: Tensor
    owner: nn.Module
    kind: Kind


def held(module: nn.Module) -> dict[str, Held]:
    """Return every tensor of a network once, by name.

    What a layer computes from others in each call is left out, as is what a call of the network left behind.

    Example:
        >>> sorted(held(nn.BatchNorm1d(2)))
        ['bias', 'num_batches_tracked', 'running_mean', 'running_var', 'weight']
    """
    found: dict[str, Held] = {}
    seen: set[int] = set()
    for name, entry in _walked(module, "", set()):
        if id(entry.value) not in seen:
            seen.add(id(entry.value))
            found[name] = entry
    return found


def is_lazy(value: Tensor) -> bool:
    """Tell whether a tensor has no shape before the first call."""
    return bool(nn.parameter.is_lazy(value))


def is_plain(value: Tensor) -> bool:
    """Tell whether the values of a tensor can be read and written one by one."""
    return not is_lazy(value) and not value.is_quantized and value.layout == torch.strided


def _walked(module: nn.Module, prefix: str, walked: set[int]) -> Iterator[tuple[str, Held]]:
    registered = dict(module.named_modules())
    owners = _owners(registered)
    walked |= {id(layer) for layer in registered.values()}
    places = [(layer, f"{prefix}{path}." if path else prefix) for path, layer in registered.items()]
    for layer, at in places:
        unsaved = {*layer._non_persistent_buffers_set, *structure_names(layer)}
        tables = ((layer._parameters, Kind.PARAMETER), (layer._buffers, Kind.BUFFER))
        for table, kind in tables:
            for name, value in table.items():
                if value is not None:
                    own = Kind.STRUCTURE if name in unsaved else kind
                    yield f"{at}{name}", Held(value, owners[layer], own)
    for layer, at in places:
        yield from _unregistered(layer, at, owners[layer], walked)


def _owners(registered: Mapping[str, nn.Module]) -> dict[nn.Module, nn.Module]:
    """Return every module as its own owner, and a parametrised layer as that of its parametrisations."""
    inside = {
        part: layer
        for layer in reversed(list(registered.values()))
        if parametrize.is_parametrized(layer)
        for part in layer.get_submodule("parametrizations").modules()
    }
    return {layer: inside.get(layer, layer) for layer in registered.values()}


def _unregistered(
    layer: nn.Module, at: str, owner: nn.Module, walked: set[int]
) -> Iterator[tuple[str, Held]]:
    computed = [id(vars(layer).get(name)) for name in computed_names(layer)]
    for name, value in attributes(layer):
        if isinstance(value, nn.Module):
            if id(value) not in walked:
                for inner, entry in _walked(value, f"{at}{name}.", walked):
                    yield inner, Held(entry.value, entry.owner, Kind.ATTRIBUTE)
        elif id(value) not in computed and _is_own(value):
            yield f"{at}{name}", Held(value, owner, Kind.ATTRIBUTE)


def attributes(layer: nn.Module) -> Iterator[tuple[str, Tensor | nn.Module]]:
    """Yield the tensors and modules in the plain attributes of a layer, also inside containers, by name."""
    yield from _leaves({name: value for name, value in vars(layer).items() if name not in _OF_MODULE})


def _is_own(value: Tensor) -> bool:
    """Tell whether a plain tensor may be a weight; else a call of the network has left it behind."""
    return value.is_leaf and not value.is_inference() and (value.is_floating_point() or value.is_complex())


_OF_MODULE = frozenset(vars(nn.Module()))
_DEEPEST = 4
"""How many containers inside each other are looked into."""


def _leaves(value: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield tensors and modules inside nested containers, each with where it stands."""
    if isinstance(value, Tensor | nn.Module):
        yield name, value
    elif depth > _DEEPEST:
        return
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _leaves(part, f"{name}[{key!r}]" if name else str(key), depth + 1)
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            yield from _leaves(part, f"{name}[{number}]", depth + 1)
