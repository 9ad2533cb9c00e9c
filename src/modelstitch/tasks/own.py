"""Functions of the user's own, told apart by what they do."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from types import CodeType
from typing import Any

from torch import Tensor, nn

_PLAIN = (int, float, complex, str, bytes, type(None))


def told(function: Callable[..., Any]) -> str:
    """Return what can be told of a function of the user's own without running it; nothing of one of ours or of torch.

    Two functions that differ in their instructions, in the names or values they use, in their defaults or in what they were closed
    over, are told apart. What they call is told by name alone. The same function is told alike in every process.

    Example:
        >>> told(lambda outputs, y: outputs.abs()) == told(lambda outputs, y: outputs.square())
        False
        >>> told(nn.functional.mse_loss)
        ''
    """
    if isinstance(function, partial):
        return f"{told(function.func)}:{_held(function.args)}:{_held(function.keywords)}"
    if isinstance(function, nn.Module):
        settings = [
            (name, value)
            for module in function.modules()
            for name, value in vars(module).items()
            if isinstance(value, _PLAIN)
        ]
        return f"{function!r}:{_held(settings)}:{_held(dict(sorted(function.state_dict().items())))}"
    if str(getattr(function, "__module__", "")).startswith(("modelstitch.", "torch.")):
        return ""
    code = getattr(function, "__code__", None)
    if code is None:  # something built in, or an object that can be called
        called = _held(getattr(type(function), "__call__", None))  # noqa: B004
        return f"{_held(function)}:{getattr(function, '__qualname__', '')}:{called}:{_held(getattr(function, '__dict__', None))}"
    defaults = (function.__defaults__, function.__kwdefaults__)
    closed = [_held(cell.cell_contents) for cell in function.__closure__ or ()]
    return f"{_code(code)}:{_held(defaults)}:{closed}"


def _code(code: CodeType) -> str:
    return f"{code.co_qualname}:{code.co_code.hex()}:{code.co_names}:{_held(code.co_consts)}"


def _held(value: Any) -> str:
    """Say what a value is, in words that do not depend on where it lies in memory or on the order of a set."""
    if isinstance(value, CodeType):
        return _code(value)
    if isinstance(value, Tensor):
        return hashlib.sha256(repr(value.detach().cpu().tolist()).encode()).hexdigest()
    if isinstance(value, tuple | list):
        return f"[{','.join(map(_held, value))}]"
    if isinstance(value, set | frozenset):
        return f"{{{','.join(sorted(map(_held, value)))}}}"
    if isinstance(value, dict):
        return f"{{{','.join(f'{key}:{_held(each)}' for key, each in value.items())}}}"
    if isinstance(value, _PLAIN):
        return repr(value)
    # Of a function that is called its own instructions alone: one that calls itself would never end.
    code = getattr(value, "__code__", None)
    return _code(code) if code is not None else f"{type(value).__module__}.{type(value).__qualname__}"
