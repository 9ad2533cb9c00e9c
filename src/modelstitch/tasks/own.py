"""Functions of the user's own, told apart by what they compute."""

from __future__ import annotations

import hashlib
import sys
import sysconfig
from collections.abc import Callable
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

_PLAIN = (int, float, complex, str, bytes, type(None), torch.dtype, torch.device, torch.Size)
_STATE = ("_parameters", "_buffers", "_modules", "training")
_INSTALLED = ("site-packages", "dist-packages", sysconfig.get_paths()["stdlib"])

Seen = dict[int, Any]
"""What was told already, by where it lies; held, so that nothing else comes to lie there."""


def told(function: Callable[..., Any]) -> str:
    """Return what can be told of a function without running it; the same in every process.

    Two functions are told apart that differ in their instructions, in their defaults, in what they were closed over, or in the
    variables and functions that they name. What comes from installed packages is told by name alone.

    Example:
        >>> told(nn.functional.mse_loss)
        'torch.nn.functional.mse_loss'
        >>> told(partial(nn.functional.mse_loss, reduction="sum")) == told(partial(nn.functional.mse_loss, reduction="mean"))
        False
    """
    value = _value(function, {})
    return value if len(value) < 100 else hashlib.sha256(value.encode()).hexdigest()


def name_of(value: Any) -> str:
    """Return the name of a function or a class, with that of its module."""
    return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__qualname__)}"


def _is_installed(value: Any) -> bool:
    """Tell whether a function or a class comes from an installed package."""
    name = str(getattr(value, "__module__", ""))
    file = getattr(sys.modules.get(name), "__file__", None) or ""
    packages = name.startswith(("modelstitch.", "torch.", "builtins"))
    return packages or any(each in file for each in _INSTALLED)


def _value(value: Any, seen: Seen) -> str:
    """Say what a value is, in words that do not depend on where it lies in memory or on the order of a set."""
    if isinstance(value, _PLAIN):
        return f"{type(value).__name__} {value!r}"
    if isinstance(value, Tensor | np.ndarray):
        return _array(value)
    if isinstance(value, tuple):
        return f"({','.join(_value(each, seen) for each in value)})"
    if isinstance(value, set | frozenset):
        return f"{{{','.join(sorted(_value(each, seen) for each in value))}}}"
    if isinstance(value, CodeType):
        return f"{value.co_qualname}:{value.co_code.hex()}:{value.co_names}:{_value(value.co_consts, seen)}"
    if id(value) in seen:
        return "again"
    seen[id(value)] = value
    if isinstance(value, list):
        return f"[{','.join(_value(each, seen) for each in value)}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{_value(key, seen)}:{_value(each, seen)}' for key, each in value.items())}}}"
    if isinstance(value, partial):
        return f"partial {_value((value.func, value.args, value.keywords), seen)}"
    if isinstance(value, MethodType):
        return f"method {_value((value.__func__, value.__self__), seen)}"
    if isinstance(value, FunctionType):
        return name_of(value) if _is_installed(value) else _function(value, seen)
    if isinstance(value, type):
        return name_of(value)
    if isinstance(value, ModuleType):
        return value.__name__
    return _object(value, seen)


def _function(function: FunctionType, seen: Seen) -> str:
    closed = tuple(_content(cell) for cell in function.__closure__ or ())
    used = {
        name: function.__globals__[name]
        for name in sorted(_names(function.__code__))
        if name in function.__globals__
    }
    return f"function {_value((function.__code__, function.__defaults__, function.__kwdefaults__, closed, used), seen)}"


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _names(code: CodeType) -> set[str]:
    """Return the names that instructions use, those of inner functions too."""
    inner = (_names(each) for each in code.co_consts if isinstance(each, CodeType))
    return set(code.co_names).union(*inner)


def _object(value: Any, seen: Seen) -> str:
    kinds = [kind for kind in type(value).__mro__ if not _is_installed(kind)]
    methods = {
        f"{kind.__qualname__}.{name}": each
        for kind in kinds
        for name, each in sorted(vars(kind).items())
        if isinstance(each, FunctionType)
    }
    held = {name: each for name, each in getattr(value, "__dict__", {}).items() if name not in _STATE}
    if isinstance(value, nn.Module):
        held["weights"] = dict(value.named_parameters(recurse=False)) | dict(
            value.named_buffers(recurse=False)
        )
        held["modules"] = dict(value.named_children())
    name = name_of(value if hasattr(value, "__qualname__") else type(value))
    return f"{name} {_value(methods, seen)} {_value(held, seen)}"


def _array(value: Tensor | np.ndarray) -> str:
    plain = (
        value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        if isinstance(value, Tensor)
        else value
    )
    return f"{value.dtype} {tuple(value.shape)} {hashlib.sha256(np.ascontiguousarray(plain).tobytes()).hexdigest()}"
