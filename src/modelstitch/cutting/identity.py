"""The identity of a capture: everything that a graph of a model follows from, as one hash.

These are the source of every module of Python that its classes come from, what its modules hold beside their
weights, names, shapes and types of the weights, the form of the examples, and versions. Values of weights are
no part of it: the graph reads them anew.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import inspect
import sys
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from modelstitch.cutting.capture import Kwargs
from modelstitch.errors import CutError

_PLAIN = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    torch.dtype,
    torch.device,
    torch.Size,
    torch.layout,
)
_OF_MODULE = frozenset(vars(nn.Module()))
_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_forward_hooks_with_kwargs",
)
_GLOBAL_HOOKS = ("_global_forward_hooks", "_global_forward_pre_hooks")
_BY_VERSION = ("torch", "numpy", "modelstitch")
"""Packages that are told by their version; of others the source counts."""
_SOURCES = (".py", ".so", ".pyd")


class NoIdentityError(CutError):
    """A model holds something whose content cannot be told."""


def identity_of(model: nn.Module, example: Tensor, kwargs: Kwargs, output: str | None) -> str:
    """Return a hash of everything that the captured graph of a model follows from, but its weights' values.

    Args:
        model: the model.
        example: (N, ...) inputs; their form alone counts.
        kwargs: (N, ...) further inputs by name of argument.
        output: which output it is cut for.

    Raises:
        NoIdentityError: something of the model cannot be told: a class without a source file, a hook, a
            function with a closure, an object of an unknown kind.

    Example:
        >>> x = torch.zeros(2, 3)
        >>> one, other = (identity_of(nn.Linear(3, n), x, {}, None) for n in (1, 1))
        >>> one == other, one == identity_of(nn.Linear(3, 2), x, {}, None)
        (True, False)
    """
    told = _Told()
    told.add("versions", sys.version, torch.__version__, _own_source())
    told.add(
        "switches", torch.get_default_dtype(), torch.backends.mkldnn.enabled, torch.is_autocast_enabled()
    )
    told.add("output", output)
    for name, value in {"": example, **kwargs}.items():
        told.add("input", name, tuple(value.shape), value.stride(), value.dtype, value.device)
    first: dict[int, str] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        kind = type(module)
        told.add("module", path, first.setdefault(id(module), path), f"{kind.__module__}.{kind.__qualname__}")
        told.classes.update(kind.__mro__)
        _expect_no_hooks(path, module)
        for own, held in (*module._parameters.items(), *module._buffers.items()):
            place = f"{path}.{own}"
            if held is None:
                told.add("none", place)
                continue
            alias = first.setdefault(id(held), place)
            told.add("weight", place, alias, tuple(held.shape), held.dtype, held.device, held.requires_grad)
            told.add("role", own in module._parameters, own in module._non_persistent_buffers_set)
        for key, value in sorted(vars(module).items()):
            if key not in _OF_MODULE:
                told.attribute(f"{path}.{key}" if path else key, value)
    if any(getattr(nn.modules.module, name) for name in _GLOBAL_HOOKS):
        raise NoIdentityError("hooks are set for all modules, whose content cannot be told")
    for kind in sorted(told.classes, key=lambda kind: f"{kind.__module__}.{kind.__qualname__}"):
        told.methods(kind)
    for name, source in sorted(_sources(told.classes)):
        told.add("source", name, source)
    return told.hash.hexdigest()


class _Told:
    """What is known so far: a hash, and the classes met on the way."""

    def __init__(self) -> None:
        self.hash = hashlib.blake2b(digest_size=16)
        self.classes: set[type] = set()
        self._met: dict[int, tuple[int, Any]] = {}

    def add(self, *parts: Any) -> None:
        self.hash.update(repr(parts).encode())

    def attribute(self, name: str, value: Any) -> None:
        """Add a plain attribute, with everything in it."""
        if isinstance(value, enum.Enum):
            self.add(name, type(value).__qualname__, value.name)
        elif isinstance(value, _PLAIN):
            self.add(name, type(value).__name__, value)
        elif type(value) in (tuple, frozenset):  # whether two places hold one of these makes no difference
            self._inside(name, value)
        elif id(value) in self._met:
            self.add(name, "again", self._met[id(value)][0])
        else:
            self._met[id(value)] = len(self._met), value
            self._inside(name, value)

    def _inside(self, name: str, value: Any) -> None:
        kind = type(value)
        self.add(name, f"{kind.__module__}.{kind.__qualname__}")
        if isinstance(value, Tensor | np.ndarray):
            self._numbers(name, value)
        elif isinstance(value, Mapping):
            for key, part in value.items():
                self.attribute(f"{name} key", key)
                self.attribute(f"{name}[]", part)
        elif isinstance(value, list | tuple):
            for part in value:
                self.attribute(f"{name}[]", part)
        elif isinstance(value, set | frozenset):
            for part in sorted(value, key=repr):
                self.attribute(f"{name}[]", part)
        elif isinstance(value, functools.partial):
            for part in (value.func, value.args, value.keywords):
                self.attribute(f"{name} partial", part)
        elif isinstance(value, type):
            self.classes.update(value.__mro__)
            self.add(name, value.__module__, value.__qualname__)
        elif isinstance(value, types.BuiltinFunctionType):
            self.add(name, value.__module__, value.__qualname__)
        elif isinstance(value, types.FunctionType):
            self._function(name, value)
        elif isinstance(value, nn.Module) or not hasattr(value, "__dict__") or callable(value):
            raise NoIdentityError(f"its attribute {name} ({kind.__name__}) cannot be told")
        else:
            self.classes.update(kind.__mro__)
            for key, part in sorted(vars(value).items()):
                self.attribute(f"{name}.{key}", part)

    def _numbers(self, name: str, value: Tensor | np.ndarray) -> None:
        if isinstance(value, Tensor):
            if value.layout != torch.strided or value.is_meta or value.is_quantized:
                raise NoIdentityError(f"its attribute {name} is a tensor whose content cannot be told")
            self.add(tuple(value.shape), value.dtype, value.device)
            self.hash.update(
                value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
            )
        elif value.dtype.hasobject:
            raise NoIdentityError(f"its attribute {name} is an array of objects")
        else:
            self.add(value.shape, value.dtype)
            self.hash.update(value.tobytes())

    def _function(self, name: str, value: types.FunctionType) -> None:
        if value.__closure__:
            raise NoIdentityError(f"its attribute {name} is a function that reads variables around it")
        self.add(name, value.__module__, value.__qualname__)
        self._code(value.__code__)
        self.attribute(f"{name} defaults", value.__defaults__)

    def methods(self, kind: type) -> None:
        """Add the code of a class's methods, which may have been replaced since its file was read."""
        if kind.__module__.partition(".")[0] in (*_BY_VERSION, "builtins"):
            return
        self.add("class", kind.__module__, kind.__qualname__)
        pending = [value for _, value in sorted(vars(kind).items())]
        seen: set[int] = set()
        while pending:
            value = getattr(pending[0], "__func__", pending[0])
            pending = pending[1:]
            if isinstance(value, types.FunctionType) and id(value) not in seen:
                seen.add(id(value))
                self._code(value.__code__)
                # A decorated method is one of the variables of what stands in its place.
                pending += [cell.cell_contents for cell in value.__closure__ or () if _is_filled(cell)]

    def _code(self, code: types.CodeType) -> None:
        inner = [part for part in code.co_consts if isinstance(part, types.CodeType)]
        self.add(code.co_code, code.co_names, [_told_constant(c) for c in code.co_consts if c not in inner])
        for part in inner:
            self._code(part)


def _told_constant(value: Any) -> Any:
    """Return a constant of code in a form whose text is the same in every process."""
    return sorted(map(repr, value)) if isinstance(value, frozenset) else value


def _is_filled(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _expect_no_hooks(path: str, module: nn.Module) -> None:
    held = [name for name in _HOOKS if getattr(module, name, None)]
    if held or "forward" in vars(module):
        what = "a hook" if held else "a forward of its own"
        raise NoIdentityError(f"its module {path or '(the model)'} has {what}, whose content cannot be told")


def _sources(classes: set[type]) -> Iterator[tuple[str, str]]:
    """Return name and hash of the source of every file that may take part.

    These are all files of the installed packages that the classes come from, and all other files that were
    loaded from outside of the installed packages: helpers of a project lie beside its models.
    """
    packages = {kind.__module__.partition(".")[0] for kind in classes} - {*_BY_VERSION, "builtins"}
    for kind in classes:
        top = kind.__module__.partition(".")[0]
        if top in packages and not _is_standard(top) and _source_of(kind) is None:
            raise NoIdentityError(f"the class {kind.__qualname__} has no source file")
    for name, module in sorted(sys.modules.items()):
        file = getattr(module, "__file__", None)
        top = name.partition(".")[0]
        if not isinstance(file, str) or top in _BY_VERSION or _is_standard(top):
            continue
        if not _is_installed(file):
            yield name, _hash_of(file)
        elif name == top and top in packages:
            # Not the loaded files alone: a package loads further ones while it is used.
            yield name, _installed(Path(file))


def _is_installed(file: str) -> bool:
    return bool({"site-packages", "dist-packages"} & set(Path(file).parts))


def _installed(first: Path) -> str:
    """Return a hash of name, size and time of every source file of an installed package."""
    if first.name != "__init__.py":
        return _hash_of(str(first))
    told = hashlib.blake2b(digest_size=16)
    for file in sorted(first.parent.rglob("*")):
        if file.suffix in _SOURCES:
            about = file.stat()
            told.update(f"{file.relative_to(first.parent)} {about.st_size} {about.st_mtime_ns}".encode())
    return told.hexdigest()


def _source_of(kind: type) -> str | None:
    try:
        file = inspect.getsourcefile(kind)
    except (TypeError, OSError):
        return None
    return file if file is not None and Path(file).exists() else None


def _is_standard(top: str) -> bool:
    return top in sys.stdlib_module_names and top != "__main__"


def _hash_of(file: str) -> str:
    try:
        stat = Path(file).stat()
    except OSError as error:
        raise NoIdentityError(f"the source file {Path(file).name} is gone") from error
    return _read(file, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=10_000)
def _read(file: str, changed: int, size: int) -> str:
    return hashlib.blake2b(Path(file).read_bytes(), digest_size=16).hexdigest()


@functools.cache
def _own_source() -> str:
    """Return a hash of the source of the room that captures."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.blake2b(b"".join(file.read_bytes() for file in files), digest_size=16).hexdigest()
