"""Build a model by calling ``package.module:factory`` of the user's own."""

from __future__ import annotations

from typing import Any

from torch import nn

from modelstitch.errors import ModelError
from modelstitch.util.imported import imported


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
