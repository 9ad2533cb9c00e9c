"""The options of a function, or the fields of a spec, with their annotations."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, Union, get_args, get_origin

OWN = "modelstitch"

MARK = "_modelstitch_fields_are_read"
"""Attribute of a dataclass whose fields are read by their annotations."""


def options_of(target: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotation of each option of a function, or of each field of a dataclass, by name.

    What cannot be looked up, such as a name that is imported for type checkers alone, is ``Any``.

    Example:
        >>> options_of(options_of)["target"]
        collections.abc.Callable[..., typing.Any]
    """
    known = _annotations(inspect.unwrap(target))
    return {
        name: known.get(name, Any)
        for name, each in inspect.signature(target).parameters.items()
        if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL) and name not in ("self", "cls")
    }


@cache
def _annotations(target: Callable[..., Any]) -> dict[str, Any]:
    module = sys.modules[target.__module__]
    return {
        name: _evaluated(each, vars(module))
        for name, each in inspect.get_annotations(target).items()
        if name != "return"
    }


def _evaluated(annotation: Any, names: dict[str, Any]) -> Any:
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, {}, _Names(names))  # of this package's own source
    except (NameError, AttributeError, TypeError):
        return Any


class _Names(dict[str, Any]):
    """Names of a module; what it imports for type checkers alone is looked up among the public names."""

    def __missing__(self, name: str) -> Any:
        if name not in public():
            raise KeyError(name)
        return getattr(import_module(OWN), name)


def arms_of(want: Any) -> tuple[Any, ...]:
    """Return what an annotation allows, one by one."""
    if get_origin(want) in (Union, types.UnionType):
        return tuple(arm for each in get_args(want) for arm in arms_of(each))
    return (want,)


def is_spec(want: Any) -> bool:
    """Tell whether a class is a choice that users build: a public one whose fields are read as here."""
    return inspect.isclass(want) and MARK in vars(want) and want.__name__ in public()


@cache
def public() -> tuple[str, ...]:
    """Return the public names of the package."""
    return tuple(import_module(OWN).__all__)
