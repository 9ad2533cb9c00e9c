"""Import an object of the user's own code, given as ``package.module:name``."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from modelstitch.errors import InputError, expect_one_of


def imported(
    target: str,
    kind: str,
    of: str,
    error_class: type[InputError],
    fits: Callable[[Any], bool] = callable,
) -> Any:
    """Import ``package.module``, also from the current folder, and return its attribute ``name``.

    Args:
        target: ``package.module:name``.
        kind: what the attribute is, such as ``factory``, for the error.
        of: what needs it, such as ``model``, for the error.
        error_class: class of the error.
        fits: which attributes an error may suggest.

    Raises:
        InputError: the module cannot be imported, or has no such attribute.
    """
    module_name, _, attribute = target.partition(":")
    module = imported_module(module_name, target, of, error_class)
    if not hasattr(module, attribute):
        public = {name: value for name, value in vars(module).items() if name[0] != "_" and fits(value)}
        # Suggest what the module itself defines; a package that only re-exports suggests what it re-exports.
        own = [
            name for name, value in public.items() if getattr(value, "__module__", None) == module.__name__
        ]
        expect_one_of(f"{kind} in {module_name}", attribute, own or list(public), error_class)
    return getattr(module, attribute)


def imported_module(name: str, target: str, of: str, error_class: type[InputError]) -> ModuleType:
    """Import a module, also from the current folder; ``target`` and ``of`` say in an error what it is for.

    Raises:
        InputError: it cannot be imported.
    """
    path_before = list(sys.path)
    sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise error_class(f"cannot import {name!r} for {of} {target!r}: {error}") from error
    finally:
        sys.path[:] = path_before
