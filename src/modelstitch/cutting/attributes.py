"""What a call of a model writes into the plain attributes of its modules, which no list of buffers shows."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

Prints = Mapping[str, str]
"""A fingerprint of the value of every plain attribute, by its name with the path of its module."""

_OF_MODULE = frozenset(vars(nn.Module()))
_DEEPEST = 4
"""How many containers and objects inside each other are looked into."""


def prints_of(model: nn.Module) -> Prints:
    """Return a fingerprint of every plain attribute of a model's modules.

    Example:
        >>> model = nn.Sequential(nn.ReLU())
        >>> before = prints_of(model)
        >>> model[0].calls = 1
        >>> changed(before, prints_of(model))
        ('0.calls',)
    """
    return {place.name: _print(place.value) for place in _attributes(model)}


def changed(before: Prints, after: Prints) -> tuple[str, ...]:
    """Return the names of the attributes that differ between two fingerprints."""
    return tuple(name for name, value in after.items() if before.get(name) != value)


def written(model: nn.Module, call: Callable[[], object]) -> tuple[str, ...]:
    """Return the names of the attributes that a call changes.

    Example:
        >>> model = nn.Linear(2, 2)
        >>> written(model, lambda: model(torch.zeros(1, 2)))
        ()
    """
    before = prints_of(model)
    call()
    return changed(before, prints_of(model))


@dataclass(frozen=True)
class Place:
    """Where a value stands.

    Attributes:
        name: path of the module and name of the attribute, with the keys inside it.
        holder: what holds it, by ``key``.
        key: its key.
        value: the value.
    """

    name: str
    holder: Any
    key: Any
    value: Any

    @contextlib.contextmanager
    def holding(self, value: Any) -> Iterator[None]:
        """Put another value there inside the block, and this one behind it."""
        self.holder[self.key] = value
        try:
            yield
        finally:
            self.holder[self.key] = self.value


def numbers_in(model: nn.Module, names: tuple[str, ...]) -> list[Place]:
    """Return the places of single numbers in the named attributes, also inside containers and objects."""
    inside = [
        inner for place in _attributes(model) if place.name in names for inner in _walked(place, _DEEPEST)
    ]
    return [place for place in inside if _is_number(place.value)]


def _attributes(model: nn.Module) -> Iterator[Place]:
    for path, module in list(model.named_modules()):
        for key, value in list(vars(module).items()):
            if key not in _OF_MODULE:
                yield Place(f"{path}.{key}" if path else key, vars(module), key, value)


def _walked(place: Place, depth: int) -> Iterator[Place]:
    yield place
    value = place.value
    if depth == 0 or isinstance(value, Tensor | nn.Module):
        return
    if isinstance(value, dict):
        inner = [Place(f"{place.name}[{key!r}]", value, key, part) for key, part in value.items()]
    elif isinstance(value, list):
        inner = [Place(f"{place.name}[{key}]", value, key, part) for key, part in enumerate(value)]
    elif hasattr(value, "__dict__") and not callable(value):
        held = vars(value)
        inner = [Place(f"{place.name}.{key}", held, key, part) for key, part in dict(held).items()]
    else:
        return
    for part in inner:
        yield from _walked(part, depth - 1)


def _is_number(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.numel() == 1 and value.dtype != torch.bool
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _print(value: Any, depth: int = 0) -> str:
    """Return a text that changes with the content of a value."""
    if isinstance(value, Tensor):
        return f"{value.dtype}{tuple(value.shape)}{_hash(_bytes(value))}"
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}{_hash(value.tobytes())}"
    if isinstance(value, torch.Generator):
        return _hash(_bytes(value.get_state()))
    if depth >= _DEEPEST or isinstance(value, nn.Module):
        return type(value).__name__
    if isinstance(value, dict):
        return "".join(f"{key!r}:{_print(part, depth + 1)};" for key, part in value.items())
    if isinstance(value, list | tuple):
        return "".join(f"{_print(part, depth + 1)};" for part in value)
    if hasattr(value, "__dict__") and not callable(value):
        return _print(dict(vars(value)), depth + 1)
    return repr(value)


def _bytes(value: Tensor) -> bytes:
    if value.is_quantized or value.layout != torch.strided or value.is_meta:
        return repr(value).encode()
    raw: bytes = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return raw


def _hash(raw: bytes) -> str:
    return hashlib.blake2b(raw, digest_size=8).hexdigest()
