"""Import ``package.module:name`` of the user's own."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

from modelstitch.errors import InputError, expect_one_of


def imported(
    target: str,
    kind: str,
    of: str,
    error_class: type[InputError],
    fits: Callable[[Any], bool] = callable,
) -> Any:
    """Import ``package.module``, also from the current folder, and return what it calls ``name``.

    Args:
        target: ``package.module:name``.
        kind: what it is looked up for, such as ``factory``.
        of: the user of it, such as ``model``, for the error.
        error_class: of the error.
        fits: which of the module's values could have been meant.

    Raises:
        InputError: the module cannot be imported, or has nothing of that name.
    """
    module_name, _, attribute = target.partition(":")
    path_before = list(sys.path)
    sys.path.insert(0, "")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise error_class(f"cannot import {module_name!r} for {of} {target!r}: {error}") from error
    finally:
        sys.path[:] = path_before
    if not hasattr(module, attribute):
        public = {name: each for name, each in vars(module).items() if name[0] != "_" and fits(each)}
        # What it imported from elsewhere is no factory of its own; a package that gathers others' is left as it is.
        own = [name for name, each in public.items() if getattr(each, "__module__", None) == module.__name__]
        expect_one_of(f"{kind} in {module_name}", attribute, own or list(public), error_class)
    return getattr(module, attribute)
