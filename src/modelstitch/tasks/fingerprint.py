"""Fingerprints of functions: equal for equal code, defaults and data, in every process."""

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

_Visited = dict[int, Any]
"""Objects described already, by id; kept alive, so that no other object takes the id."""


def fingerprint(function: Callable[..., Any]) -> str:
    """Return the fingerprint of a function, without running it; the same in every process.

    It depends on the function's instructions and defaults, on the values it was closed over, and on the
    variables and functions it names. A function of an installed package counts by its name alone.

    Example:
        >>> fingerprint(nn.functional.mse_loss)
        'torch.nn.functional.mse_loss'
        >>> total, mean = (partial(nn.functional.mse_loss, reduction=how) for how in ("sum", "mean"))
        >>> fingerprint(total) == fingerprint(mean)
        False
    """
    text = _describe(function, {})
    return text if len(text) < 100 else hashlib.sha256(text.encode()).hexdigest()


def name_of(value: Any) -> str:
    """Return the name of a function or a class, with that of its module."""
    return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__qualname__)}"


def _is_installed(value: Any) -> bool:
    """Tell whether a function or a class comes from an installed package."""
    name = str(getattr(value, "__module__", ""))
    file = getattr(sys.modules.get(name), "__file__", None) or ""
    packages = name.startswith(("modelstitch.", "torch.", "builtins"))
    return packages or any(folder in file for folder in _INSTALLED)


def _describe(value: Any, visited: _Visited) -> str:
    """Describe a value independently of memory addresses and of the order of sets."""
    if isinstance(value, _PLAIN):
        return f"{type(value).__name__} {value!r}"
    if isinstance(value, Tensor | np.ndarray):
        return _array(value)
    if isinstance(value, tuple):
        return f"({','.join(_describe(item, visited) for item in value)})"
    if isinstance(value, set | frozenset):
        return f"{{{','.join(sorted(_describe(item, visited) for item in value))}}}"
    if isinstance(value, CodeType):
        constants = _describe(value.co_consts, visited)
        return f"{value.co_qualname}:{value.co_code.hex()}:{value.co_names}:{constants}"
    if id(value) in visited:
        return "again"
    visited[id(value)] = value
    if isinstance(value, list):
        return f"[{','.join(_describe(item, visited) for item in value)}]"
    if isinstance(value, dict):
        items = (f"{_describe(key, visited)}:{_describe(item, visited)}" for key, item in value.items())
        return f"{{{','.join(items)}}}"
    if isinstance(value, partial):
        return f"partial {_describe((value.func, value.args, value.keywords), visited)}"
    if isinstance(value, MethodType):
        return f"method {_describe((value.__func__, value.__self__), visited)}"
    if isinstance(value, FunctionType):
        return name_of(value) if _is_installed(value) else _function(value, visited)
    if isinstance(value, type):
        return name_of(value)
    if isinstance(value, ModuleType):
        return value.__name__
    return _object(value, visited)


def _function(function: FunctionType, visited: _Visited) -> str:
    closure = tuple(_content(cell) for cell in function.__closure__ or ())
    used = {
        name: function.__globals__[name]
        for name in sorted(_names(function.__code__))
        if name in function.__globals__
    }
    parts = (function.__code__, function.__defaults__, function.__kwdefaults__, closure, used)
    return f"function {_describe(parts, visited)}"


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _names(code: CodeType) -> set[str]:
    """Return the names that instructions use, those of inner functions too."""
    inner = (_names(constant) for constant in code.co_consts if isinstance(constant, CodeType))
    return set(code.co_names).union(*inner)


def _object(value: Any, visited: _Visited) -> str:
    classes = [base for base in type(value).__mro__ if not _is_installed(base)]
    methods = {
        f"{base.__qualname__}.{name}": member
        for base in classes
        for name, member in sorted(vars(base).items())
        if isinstance(member, FunctionType)
    }
    state = {name: item for name, item in getattr(value, "__dict__", {}).items() if name not in _STATE}
    if isinstance(value, nn.Module):
        buffers = dict(value.named_buffers(recurse=False))
        state["weights"] = dict(value.named_parameters(recurse=False)) | buffers
        state["modules"] = dict(value.named_children())
    name = name_of(value if hasattr(value, "__qualname__") else type(value))
    return f"{name} {_describe(methods, visited)} {_describe(state, visited)}"


def _array(value: Tensor | np.ndarray) -> str:
    if isinstance(value, Tensor):
        plain = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    else:
        plain = value
    digest = hashlib.sha256(np.ascontiguousarray(plain).tobytes()).hexdigest()
    return f"{value.dtype} {tuple(value.shape)} {digest}"
