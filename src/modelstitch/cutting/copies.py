"""Tell whether two models are one architecture with other weights; one graph serves both then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

_PLAIN = (int, float, complex, str, bytes, bool, type(None), torch.dtype, torch.device, torch.Size)
_WEIGHTS = ("_parameters", "_buffers", "_modules", "training")

_Compared = dict[tuple[int, int], Any]
"""Pairs under comparison, by id; kept alive, so that no other object takes the id."""


def are_copies(one: nn.Module, other: nn.Module) -> bool:
    """Tell whether two models differ only in the values of parameters and buffers.

    All other attributes of their modules are compared: numbers, strings, lists, tensors, functions.
    Attributes that cannot be compared count as different, unless they are the same object.

    Example:
        >>> are_copies(nn.Linear(2, 3), nn.Linear(2, 3)), are_copies(nn.Dropout(0.1), nn.Dropout(0.2))
        (True, False)
    """
    ours, theirs = (dict(model.named_modules(remove_duplicate=False)) for model in (one, other))
    if ours.keys() != theirs.keys():
        return False
    # A module with several paths must have the same ones in both.
    paths = [_first_paths(modules) for modules in (ours, theirs)]
    return paths[0] == paths[1] and all(
        _equal_modules(module, theirs[path], {}) for path, module in ours.items()
    )


def _first_paths(modules: Mapping[str, nn.Module]) -> dict[str, str]:
    first: dict[int, str] = {}
    return {path: first.setdefault(id(module), path) for path, module in modules.items()}


def _equal_modules(one: nn.Module, other: nn.Module, compared: _Compared) -> bool:
    if type(one) is not type(other):
        return False
    shapes = [
        {
            name: (held.shape, held.dtype)
            for name, held in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False))
        }
        for module in (one, other)
    ]
    rest = [
        {name: held for name, held in vars(module).items() if name not in _WEIGHTS} for module in (one, other)
    ]
    return shapes[0] == shapes[1] and _equal(rest[0], rest[1], compared)


def _equal(one: Any, other: Any, compared: _Compared) -> bool:
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, _PLAIN):
        return bool(one == other)
    if (id(one), id(other)) in compared:
        return True  # under comparison further out
    compared[id(one), id(other)] = (one, other)
    if isinstance(one, nn.Module):
        children = [dict(module.named_children()) for module in (one, other)]
        return _equal_modules(one, other, compared) and _equal(children[0], children[1], compared)
    if isinstance(one, Tensor):
        return one.shape == other.shape and one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, Mapping):
        return list(one) == list(other) and all(_equal(one[key], other[key], compared) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(
            _equal(*pair, compared) for pair in zip(one, other, strict=True)
        )
    if getattr(type(one), "__eq__", None) is not object.__eq__:  # such as a configuration
        try:
            return bool(one == other)
        except (TypeError, ValueError, RuntimeError):
            return False
    return False
