"""Tensors that a layer computes from others: weight norm, spectral norm, pruning, parametrisations.

``reset_parameters`` of such a layer draws the tensor that is computed, and leaves those it is computed from
as they were. So the layer is shown to its own ``reset_parameters`` as it was before it was wrapped. What that
draws is then written back as the wrapping itself would write it: the function is that of a fresh layer.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import _SpectralNorm
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

_POWER_ITERATIONS = 15
"""As many as torch takes itself for a fresh layer."""


@dataclass(frozen=True)
class _Recipe:
    """How a layer computes one tensor.

    Attributes:
        originals: names of the parameters and buffers that it is computed from, and that a reset may not see.
        write: sets these so that the computed tensor is that of a fresh layer with the given value.
        structure: names of those that belong to the layer's structure: the mask of pruned weights.
    """

    originals: tuple[str, ...]
    write: Callable[[Tensor], None]
    structure: tuple[str, ...] = ()


def computed_names(layer: nn.Module) -> tuple[str, ...]:
    """Return the names of the tensors that a layer computes.

    Example:
        >>> computed_names(nn.utils.parametrizations.weight_norm(nn.Linear(2, 3)))
        ('weight',)
    """
    return tuple(_recipes(layer))


def structure_names(layer: nn.Module) -> tuple[str, ...]:
    """Return the names of the masks that a layer computes pruned tensors with.

    Example:
        >>> structure_names(nn.utils.prune.random_unstructured(nn.Linear(2, 3), "weight", 0.5))
        ('weight_mask',)
    """
    return tuple(name for recipe in _recipes(layer).values() for name in recipe.structure)


def reset(layer: nn.Module) -> bool:
    """Let a layer reset itself; tensors that it computes are those of a fresh layer behind it.

    Returns:
        Whether the layer has anything that resets it.
    """
    # nn.MultiheadAttention and nn.Transformer spell it with an underscore.
    own = getattr(layer, "reset_parameters", None) or getattr(layer, "_reset_parameters", None)
    if not callable(own):
        return False
    with _unwrapped(layer):
        own()
    return True


@contextlib.contextmanager
def _unwrapped(layer: nn.Module) -> Iterator[None]:
    """Show the computed tensors of a layer as its parameters, and write what they hold behind the block."""
    recipes = _recipes(layer)
    if not recipes:
        yield
        return
    inner = {name for recipe in recipes.values() for name in recipe.originals}
    outer = [name for name in recipes if name not in inner]
    _compute(layer)
    shown = {name: getattr(layer, name).detach().clone() for name in outer}
    own_class, held = type(layer), {table: dict(getattr(layer, table)) for table in _TABLES}
    plain = {name: layer.__dict__.pop(name) for name in recipes if name in layer.__dict__}
    for table in _TABLES:
        for name in inner:
            getattr(layer, table).pop(name, None)
    if layer._modules.pop("parametrizations", None) is not None:
        layer.__class__ = own_class.__bases__[0]
    for name, value in shown.items():
        layer._parameters[name] = nn.Parameter(value, requires_grad=False)
    try:
        yield
        shown = {name: getattr(layer, name).detach() for name in outer}
    finally:
        layer.__class__ = own_class
        for table, entries in held.items():
            getattr(layer, table).clear()
            getattr(layer, table).update(entries)
        layer.__dict__.update(plain)
    for name in outer:
        recipes[name].write(shown[name])


_TABLES = ("_parameters", "_buffers", "_modules")


def _recipes(layer: nn.Module) -> dict[str, _Recipe]:
    """Return how a layer computes its tensors, by name."""
    found: dict[str, _Recipe] = {}
    for hook in layer._forward_pre_hooks.values():
        for kind, recipe in _HOOKS.items():
            if isinstance(hook, kind):
                name = hook._tensor_name if isinstance(hook, BasePruningMethod) else hook.name
                found[name] = recipe(layer, hook, name)
    if parametrize.is_parametrized(layer):
        stacks: Any = layer.parametrizations
        for name, stack in stacks.items():
            found[name] = _Recipe((), partial(_write_parametrised, stack))
    return found


def _compute(layer: nn.Module) -> None:
    """Compute the tensors anew that hooks compute before each call: those of the last call may be old."""
    with torch.no_grad():
        for hook in layer._forward_pre_hooks.values():
            if isinstance(hook, tuple(_HOOKS)):
                hook(layer, ())


def _put(layer: nn.Module, name: str, value: Tensor) -> None:
    """Set a tensor of a layer, through what it is computed from where it is computed itself."""
    recipe = _recipes(layer).get(name)
    if recipe is not None:
        recipe.write(value)
        return
    held = getattr(layer, name)
    with torch.no_grad():
        held.copy_(value)


def _weight_norm(layer: nn.Module, hook: WeightNorm, name: str) -> _Recipe:
    def write(value: Tensor) -> None:
        _put(layer, f"{name}_v", value)
        _put(layer, f"{name}_g", torch.norm_except_dim(value, 2, hook.dim))

    return _Recipe((f"{name}_g", f"{name}_v"), write)


def _spectral_norm(layer: nn.Module, hook: SpectralNorm, name: str) -> _Recipe:
    def write(value: Tensor) -> None:
        _put(layer, f"{name}_orig", value)
        matrix = hook.reshape_weight_to_matrix(value)
        left = F.normalize(torch.randn_like(matrix[:, 0]), dim=0, eps=hook.eps)
        for _ in range(_POWER_ITERATIONS):
            right = F.normalize(torch.mv(matrix.t(), left), dim=0, eps=hook.eps)
            left = F.normalize(torch.mv(matrix, right), dim=0, eps=hook.eps)
        _put(layer, f"{name}_u", left)
        _put(layer, f"{name}_v", right)

    return _Recipe((f"{name}_orig", f"{name}_u", f"{name}_v"), write)


def _pruned(layer: nn.Module, hook: BasePruningMethod, name: str) -> _Recipe:
    mask = f"{name}_mask"
    return _Recipe((f"{name}_orig", mask), partial(_put, layer, f"{name}_orig"), (mask,))


_HOOKS: Mapping[Any, Callable[[nn.Module, Any, str], _Recipe]] = {
    WeightNorm: _weight_norm,
    SpectralNorm: _spectral_norm,
    BasePruningMethod: _pruned,
}


def _write_parametrised(stack: Any, value: Tensor) -> None:
    """Set the tensors behind a parametrisation as if it had just been registered on ``value``."""
    with torch.no_grad():
        new: Any = value
        for step in reversed(stack):
            _redraw(step, new)
            if hasattr(step, "right_inverse"):
                # torch takes the identity where an inverse is missing.
                with contextlib.suppress(NotImplementedError):
                    new = step.right_inverse(new)
        if stack.is_tensor:
            stack.original.copy_(new)
            return
        for number, part in enumerate(new):
            getattr(stack, f"original{number}").copy_(part)


def _redraw(step: nn.Module, value: Tensor) -> None:
    """Redraw what one parametrisation holds itself."""
    if isinstance(step, _SpectralNorm) and hasattr(step, "_u"):
        matrix = step._reshape_weight_to_matrix(value)
        step._u.copy_(F.normalize(torch.randn_like(step._u), dim=0, eps=step.eps))
        step._v.copy_(F.normalize(torch.randn_like(step._v), dim=0, eps=step.eps))
        step._power_method(matrix, _POWER_ITERATIONS)
        return
    for part in step.modules():
        reset(part)
