"""Which of a model's outputs it is cut for, and what of its outputs are caches of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from itertools import compress
from typing import Any

from torch import nn
from torch.utils import _pytree as pytree

from modelstitch.cutting.forwards import with_forward
from modelstitch.errors import ModelError
from modelstitch.tasks.outputs import listed_outputs, named_outputs

CACHES = ("past_key_values", "cache", "cache_params", "mems", "past_buckets_states")
"""Names of outputs that a model keeps for its own next call."""

SCORED = ("logits", "scores", "last_hidden_state")
"""Names of the output that a model is cut for, where it gives several and none is asked for."""


def leaves(output: Any) -> list[Any]:
    """Return the leaves of an output without its caches, with those inside dataclasses unknown to torch.

    None is no leaf: it stands for an output that a half does not give.
    """
    return _leaves(without_caches(output))


def _leaves(output: Any) -> list[Any]:
    flat = []
    for leaf in pytree.tree_leaves(output):
        if _is_unknown_dataclass(leaf):
            flat += _leaves([getattr(leaf, item.name, None) for item in fields(leaf)])
        elif leaf is not None:
            flat.append(leaf)
    return flat


def _is_unknown_dataclass(leaf: Any) -> bool:
    return is_dataclass(leaf) and not isinstance(leaf, type)


def without_caches(output: Any) -> Any:
    """Return an output without what a model keeps for its own next call; None stands in its place in a tuple.

    A cache has one of the names of :data:`CACHES`, or is an object of a class called so.

    Example:
        >>> import torch
        >>> without_caches({"logits": torch.ones(1), "past_key_values": (torch.zeros(1),)})
        {'logits': tensor([1.])}
    """
    if isinstance(output, Mapping):
        kept = {key: without_caches(part) for key, part in output.items() if not _is_cache(key, part)}
        if all(key in kept and kept[key] is output[key] for key in output):
            return output
        return type(output)(**kept) if is_dataclass(output) else type(output)(kept)  # type: ignore[call-arg]
    if isinstance(output, tuple) and hasattr(output, "_fields"):
        parts = zip(output._fields, output, strict=True)
        kept = {key: None if _is_cache(key, part) else without_caches(part) for key, part in parts}
        return type(output)(**kept)
    if type(output) in (tuple, list):
        inner = [None if _is_cache("", part) else without_caches(part) for part in output]
        changes = any(new is not part for new, part in zip(inner, output, strict=True))
        return type(output)(inner) if changes else output
    return output


def _is_cache(key: Any, part: Any) -> bool:
    return key in CACHES or type(part).__name__.endswith("Cache")


@contextlib.contextmanager
def caches_off(model: nn.Module) -> Iterator[int]:
    """Let a model give no caches: the switch of its configurations is off, and its outputs are reduced.

    Yields:
        How many configurations had such a switch on.
    """
    configurations = _configurations(model)
    before = [(held, held["use_cache"]) for held in configurations]
    own = model.forward

    def reduced(*args: Any, **kwargs: Any) -> Any:
        return without_caches(own(*args, **kwargs))

    reduced.__wrapped__ = own  # type: ignore[attr-defined]
    for held in configurations:
        held["use_cache"] = False
    try:
        with with_forward(model, reduced):
            yield len(configurations)
    finally:
        for held, value in before:
            held["use_cache"] = value


def _configurations(model: nn.Module) -> list[dict[str, Any]]:
    """Return the attributes of every configuration in a model that has such a switch, each once."""
    found: dict[int, dict[str, Any]] = {}
    pending = [getattr(module, "config", None) for module in model.modules()]
    while pending:
        held = getattr(pending.pop(), "__dict__", None)
        if isinstance(held, dict) and id(held) not in found:
            found[id(held)] = held
            # A model of two parts has a configuration for each inside its own.
            pending += [part for key, part in held.items() if key.endswith("config")]
    return [held for held in found.values() if held.get("use_cache")]


def chosen_leaves(output: Any, chosen: Sequence[bool] | None) -> list[Any]:
    """Return the leaves of an output, or the chosen ones alone."""
    every = leaves(output)
    return every if chosen is None else list(compress(every, chosen))


def with_none_for(output: Any, given: Sequence[bool]) -> Any:
    """Return an output without caches, and with None for each leaf that is not given.

    Example:
        >>> with_none_for((1, {"logits": 2}), (False, True))
        (None, {'logits': 2})
    """
    left = iter(given)

    def kept(leaf: Any) -> Any:
        if _is_unknown_dataclass(leaf):
            parts = {item.name: mapped(getattr(leaf, item.name)) for item in fields(leaf) if item.init}
            return replace(leaf, **parts)
        return leaf if leaf is None or next(left) else None

    def mapped(part: Any) -> Any:
        return pytree.tree_map(kept, part)

    return mapped(without_caches(output))


def what_is_cut(output: Any, asked: str | None) -> str:
    """Say for which output a model is cut, and which caches are left out; nothing where it gives one output.

    Example:
        >>> import torch
        >>> what_is_cut({"logits": torch.ones(1, 2), "past_key_values": (torch.zeros(1),)}, None)
        ', without its cache (past_key_values)'
    """
    reduced = without_caches(output)
    names = [name for name in _names(output) if name not in _names(reduced)]
    every = named_outputs(reduced)
    chosen = asked if asked is not None else next((name for name in SCORED if name in every), None)
    of_several = f", for its output {chosen}" if chosen is not None and len(every) > 1 else ""
    if reduced is output:
        return of_several
    called = "".join(f" ({name})" for name in names[:1] if name != "cache")
    return f"{of_several}, without its cache{called}"


def _names(output: Any) -> tuple[Any, ...]:
    return tuple(output) if isinstance(output, Mapping) else ()


def scored_leaf(output: Any, asked: str | None = None) -> int | None:
    """Return which of the leaves of an output a model is cut for; None where nothing tells.

    Args:
        output: what the model gives.
        asked: name or number of an output; by default the one called as in :data:`SCORED`, or the only tensor
            of floating-point numbers that has an axis.

    Raises:
        ModelError: no output of this name.

    Example:
        >>> import torch
        >>> scored_leaf({"hidden": torch.zeros(2, 3), "logits": torch.zeros(2, 4)})
        1
    """
    reduced = without_caches(output)
    every = named_outputs(reduced)
    if asked is not None and asked not in every:
        raise ModelError(f"there is no output {asked!r}: expected one of {listed_outputs(every) or '(none)'}")
    floating = [name for name, part in every.items() if part.is_floating_point() and part.ndim]
    only = floating[0] if len(floating) == 1 else None
    chosen = next((name for name in (asked, *SCORED, only) if name in every), None)
    if chosen is None:
        return None
    return next((place for place, leaf in enumerate(_leaves(reduced)) if leaf is every[chosen]), None)
