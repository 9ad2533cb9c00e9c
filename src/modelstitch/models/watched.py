"""See what a builder's own loading of weights leaves out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from modelstitch.models.weights.fit import Misfit
from modelstitch.models.weights.sets import is_counter


@dataclass
class Loads:
    """Calls of ``load_state_dict``, in order.

    Attributes:
        missing: by module, the values of the keys that a call did not fill, as they were then.
        filled: by module, the keys that some call filled.
        unexpected: by module, the keys that a call was given and the module does not have.
    """

    missing: dict[nn.Module, dict[str, Tensor]] = field(default_factory=dict)
    filled: dict[nn.Module, set[str]] = field(default_factory=dict)
    unexpected: dict[nn.Module, list[str]] = field(default_factory=dict)

    def add(self, module: nn.Module, result: Any) -> None:
        """Record one call that ended well."""
        own = module.state_dict()
        missing = {
            key: own[key].detach().clone()
            for key in result.missing_keys
            if isinstance(own.get(key), Tensor) and not is_counter(key)
        }
        self.missing.setdefault(module, {}).update(missing)
        self.filled.setdefault(module, set()).update(own.keys() - missing.keys())
        self.unexpected.setdefault(module, []).extend(result.unexpected_keys)

    def misfit(self, module: nn.Module) -> Misfit:
        """Return what all calls together left out of a module that was built by them.

        A key counts as missing if no call filled it and its value is still what it was: a builder may have
        set it in another way.
        """
        own = module.state_dict()
        names = {part: f"{name}." if name else "" for name, part in module.named_modules()}
        filled = {
            own[names[part] + key].data_ptr()
            for part, keys in self.filled.items()
            for key in keys
            if part in names and isinstance(own.get(names[part] + key), Tensor)
        }
        missing = {
            names[part] + key
            for part, values in self.missing.items()
            for key, value in values.items()
            if part in names
            and isinstance(now := own.get(names[part] + key), Tensor)
            and now.data_ptr() not in filled
            and now.shape == value.shape
            and torch.equal(now.cpu(), value.cpu())
        }
        unexpected = {
            names[part] + key for part, keys in self.unexpected.items() for key in keys if part in names
        }
        return Misfit(missing=tuple(sorted(missing)), unexpected=tuple(sorted(unexpected)))


@contextlib.contextmanager
def watched_loads() -> Iterator[Loads]:
    """Record every ``load_state_dict`` inside the block."""
    loads, original = Loads(), nn.Module.load_state_dict
    depth = 0

    def load_state_dict(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        nonlocal depth
        depth += 1
        try:
            result = original(self, *args, **kwargs)
        finally:
            depth -= 1
        if not depth:  # a call within a call is part of it
            loads.add(self, result)
        return result

    nn.Module.load_state_dict = load_state_dict  # type: ignore[method-assign]
    try:
        yield loads
    finally:
        nn.Module.load_state_dict = original  # type: ignore[method-assign]
