"""Models that a function of the user's own builds: ``package.module:factory(name=value, ...)``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from torch import nn

from modelstitch.errors import ModelError
from modelstitch.models.blueprint import Blueprint, Built, built_watched
from modelstitch.util.imported import imported, imported_module
from modelstitch.wording import say


def recognises(target: str) -> bool:
    """Tell whether ``target`` is a dotted name of a Python module, a colon and a name."""
    module, colon, _ = target.partition(":")
    return bool(colon) and all(part.isidentifier() for part in module.split("."))


def blueprint(target: str, arguments: dict[str, Any]) -> Blueprint:
    """Return how to build the model; whether the factory loads weights is seen when it is called."""
    build = partial(build_from_factory, target, arguments)
    return Blueprint(architecture=f"{target}({arguments})", build=build, build_trained=partial(_built, build))


def _built(build: Callable[[], nn.Module]) -> Built:
    """Build the model, and tell which keys its own loading of weights left untrained.

    Keys that the file has beside those of the network are not told: a factory that loads with
    ``strict=False`` may have a backbone that ends earlier than the file's.
    """
    built = built_watched(build)
    return replace(built, misfit=replace(built.misfit, unexpected=()))


def build_from_factory(target: str, arguments: dict[str, Any]) -> nn.Module:
    """Import ``package.module`` (also from the current folder), call ``factory`` and return its module.

    Raises:
        ModelError: the module cannot be imported, has no such factory, or the call fails.
    """
    factory = imported(target, "factory", "model", ModelError)
    try:
        model = factory(**arguments)
    except TypeError as error:
        raise ModelError(f"cannot build {target!r} with {arguments}: {error}") from error
    if not isinstance(model, nn.Module):
        raise ModelError(f"{target!r} returned {type(model).__name__}: expected a torch.nn.Module")
    return model


def names(pattern: str) -> dict[str, str]:
    """Return what of a module may build a model: functions and classes of its own that fit a pattern.

    Args:
        pattern: ``package.module:PATTERN``.

    Raises:
        ModelError: the module cannot be imported.
    """
    module, _, names = pattern.partition(":")
    held = vars(imported_module(module, pattern, "models", ModelError))
    return {
        f"{module}:{name}": say(
            "choice.callable", kind="class" if isinstance(value, type) else "function", module=module
        )
        for name, value in sorted(held.items())
        if getattr(value, "__module__", None) == module
        and name[0] != "_"
        and fnmatchcase(name, names)
        and (issubclass(value, nn.Module) if isinstance(value, type) else callable(value))
    }
