"""Build a model by calling ``package.module:factory`` of the user's own."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from torch import nn

from modelstitch.errors import ModelError, expect_one_of


def build_from_factory(target: str, arguments: dict[str, Any]) -> nn.Module:
    """Import ``package.module`` (also from the current folder), call ``factory`` and return its module.

    Raises:
        ModelError: the module cannot be imported, has no such factory, or the call fails.
    """
    module_name, _, attribute = target.partition(":")
    path_before = list(sys.path)
    sys.path.insert(0, "")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ModelError(f"cannot import {module_name!r} for model {target!r}: {error}") from error
    finally:
        sys.path[:] = path_before
    if not hasattr(module, attribute):
        public = {name: each for name, each in vars(module).items() if name[0] != "_" and callable(each)}
        # What it imported from elsewhere is no factory of its own; a package that gathers others' is left as it is.
        own = [name for name, each in public.items() if getattr(each, "__module__", None) == module.__name__]
        expect_one_of(f"factory in {module_name}", attribute, own or list(public), ModelError)
    try:
        model = getattr(module, attribute)(**arguments)
    except TypeError as error:
        raise ModelError(f"cannot build {target!r} with {arguments}: {error}") from error
    if not isinstance(model, nn.Module):
        raise ModelError(f"{target!r} returned {type(model).__name__}: expected a torch.nn.Module")
    return model
