"""Are two models one architecture with other weights? Then a graph of the one is a graph of the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

_PLAIN = (int, float, complex, str, bytes, bool, type(None), torch.dtype, torch.device, torch.Size)
_WEIGHTS = ("_parameters", "_buffers", "_modules", "training")

Seen = dict[tuple[int, int], Any]
"""Pairs that are being compared, by where they lie; held, so that nothing else comes to lie there."""


def are_copies(one: nn.Module, other: nn.Module) -> bool:
    """Tell whether two models differ in the values of their parameters and buffers alone.

    Everything else that their modules hold is compared, whatever its name: numbers, texts, lists, tensors, functions. What cannot be
    compared counts as different, unless it is one and the same object.

    Example:
        >>> are_copies(nn.Linear(2, 3), nn.Linear(2, 3)), are_copies(nn.Dropout(0.1), nn.Dropout(0.2))
        (True, False)
    """
    ours, theirs = (dict(model.named_modules(remove_duplicate=False)) for model in (one, other))
    if ours.keys() != theirs.keys():
        return False
    # Of a module that stands in several places, the places too.
    paths = [_first_paths(each) for each in (ours, theirs)]
    return paths[0] == paths[1] and all(_alike_modules(mine, theirs[path], {}) for path, mine in ours.items())


def _first_paths(modules: Mapping[str, nn.Module]) -> dict[str, str]:
    first: dict[int, str] = {}
    return {path: first.setdefault(id(module), path) for path, module in modules.items()}


def _alike_modules(one: nn.Module, other: nn.Module, seen: Seen) -> bool:
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
    return shapes[0] == shapes[1] and _alike(rest[0], rest[1], seen)


def _alike(one: Any, other: Any, seen: Seen) -> bool:
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, _PLAIN):
        return bool(one == other)
    if (id(one), id(other)) in seen:
        return True  # being compared further out
    seen[id(one), id(other)] = (one, other)
    if isinstance(one, nn.Module):
        children = [dict(module.named_children()) for module in (one, other)]
        return _alike_modules(one, other, seen) and _alike(children[0], children[1], seen)
    if isinstance(one, Tensor):
        return one.shape == other.shape and one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, Mapping):
        return list(one) == list(other) and all(_alike(one[key], other[key], seen) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(_alike(*pair, seen) for pair in zip(one, other, strict=True))
    if (
        getattr(type(one), "__eq__", None) is not object.__eq__
    ):  # such as a configuration, which knows what is like it
        try:
            return bool(one == other)
        except (TypeError, ValueError, RuntimeError):
            return False
    return False
