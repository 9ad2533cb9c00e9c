"""A loaded network: the module, its view of an example, and what is known of it."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from modelstitch.models.drawn import Drawn
from modelstitch.models.weights.facts import WeightsFacts
from modelstitch.specs import ModelSpec, RandomName, View
from modelstitch.util.arguments import read_fields


@read_fields
@dataclass(frozen=True)
class Network:
    """A loaded model with its own view of an example.

    Attributes:
        module: the model, in eval mode.
        name: what to call it.
        view: size, channels, normalisation, rate or tokenizer of its input.
        rebuild: makes an untrained copy; None if only the module itself is known.
        architecture: the call that built it; networks of one call have the same graph. None if unknown.
        trained_on: fingerprint of its training examples, if its checkpoint has one.
        layouts: pairs of a cut and the layout to read it in, instead of the recognised one.
        classes: name of the class of each output, in their order; None if unknown.
        random: what becomes of tensors of its untrained copy that nothing draws.
        drawn: what was not drawn; None for a network that is no untrained copy.
        output: name or number of the output that is scored, where it gives several.
        output_scale: what its outputs are, where it cannot be recognised.
        weights: what it took of its weights, and what it did not; None if only the module itself is known.
        files: pairs of the name of a file that it was read from, without folders, and its SHA-256 then.
        loaded_from: what it was loaded from, where a run says so; None of a network of the caller's own.
    """

    module: nn.Module
    name: str
    view: View
    rebuild: Callable[[], nn.Module] | None = None
    architecture: str | None = None
    trained_on: tuple[str, ...] | None = None
    layouts: tuple[tuple[str, str], ...] = ()
    classes: tuple[str, ...] | None = None
    random: RandomName = "redraw"
    drawn: Drawn | None = None
    output: str | int | None = None
    output_scale: str | None = None
    weights: WeightsFacts | None = None
    files: tuple[tuple[str, str], ...] = ()
    loaded_from: ModelSpec | None = None


def wrap(module: nn.Module, name: str, view: View | None = None) -> Network:
    """Make a Network of a module that the caller built; the module is not changed."""
    return Network(module=module, name=name, view=view or View())


def taken(module: nn.Module, names: Iterable[str]) -> tuple[str, ...]:
    """Return which of the further inputs ``names`` are arguments of the model's ``forward``.

    Example:
        >>> taken(nn.TransformerEncoderLayer(4, 2), ["src_key_padding_mask", "attention_mask"])
        ('src_key_padding_mask',)
    """
    parameters = inspect.signature(module.forward).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return tuple(names)
    known = [parameter.name for parameter in parameters][1:]
    return tuple(name for name in names if name in known)


def digest(module: nn.Module) -> str:
    """Return the SHA-256 of all parameters and buffers: their names, types, shapes and bytes."""
    hasher = hashlib.sha256()
    for name, entry in sorted(module.state_dict().items()):
        # A quantised layer packs its weight and its scale into one entry.
        for value in (entry,) if isinstance(entry, Tensor) else pytree.tree_leaves(entry):
            if not isinstance(value, Tensor):
                hasher.update(f"{name}:{value!r}".encode())
                continue
            hasher.update(f"{name}:{value.dtype}:{tuple(value.shape)}".encode())
            plain = value.dequantize() if value.is_quantized else value
            raw = plain.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            hasher.update(raw.numpy().tobytes())
    return hasher.hexdigest()
