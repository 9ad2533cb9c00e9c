"""Models as a caller gives them: by name, by spec, loaded, or as a module of their own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import replace

import torch
from torch import nn
from torch.export import ExportedProgram

from modelstitch.cutting.capture import eval_mode
from modelstitch.cutting.deterministic import as_module
from modelstitch.models.load import load_model
from modelstitch.models.network import Network, wrap
from modelstitch.specs import ModelSpec
from modelstitch.util.devices import choose_device

Model = str | ModelSpec | Network | nn.Module | ExportedProgram
"""A source's name, a spec, a loaded network, any module, or an exported program."""


def spec_of(model: Model, role: str, seed: int) -> ModelSpec:
    """Return the spec of a model.

    Args:
        model: as given.
        role: part of the name of a module that has none.
        seed: draws an untrained model that is given by its source's name alone.
    """
    if isinstance(model, ModelSpec):
        return model
    if isinstance(model, str):
        return ModelSpec(source=model, seed=seed)
    if isinstance(model, Network):
        known = model.loaded_from or ModelSpec(source=model.name)
        return replace(known, output=model.output, output_scale=model.output_scale)
    return ModelSpec(source=f"{type(model).__name__} ({role})")


def as_network(model: Model, role: str, seed: int, device: torch.device) -> Network:
    """Load or wrap a model; a module of the caller's own stays as it is, where it is.

    Args:
        model, role, seed: as for :func:`spec_of`.
        device: where a loaded model goes.

    Raises:
        ModelError: a model that cannot be run as it is; :func:`as_module` says when.
    """
    if isinstance(model, Network):
        return model
    spec = spec_of(model, role, seed)
    if isinstance(model, nn.Module | ExportedProgram):
        return wrap(as_module(model, spec.source), spec.source)
    network = replace(load_model(spec), loaded_from=spec)
    as_module(network.module, network.name)
    network.module.to(device)
    return network


def device_for(name: str, models: Iterable[Model]) -> torch.device:
    """Return the device called ``name``; ``auto`` is that of the caller's own modules, else a GPU.

    Raises:
        SpecError: this machine has no such device.
    """
    own = next((p for model in models if isinstance(model, nn.Module) for p in model.parameters()), None)
    return own.device if own is not None and name == "auto" else choose_device(name)


@contextlib.contextmanager
def in_eval_mode(models: Iterable[Model]) -> Iterator[None]:
    """Put the caller's own modules in eval mode inside the block, and restore their modes behind it."""
    with contextlib.ExitStack() as stack:
        for model in models:
            module = model.module if isinstance(model, Network) else model
            if isinstance(module, nn.Module):
                stack.enter_context(eval_mode(module))
        yield
