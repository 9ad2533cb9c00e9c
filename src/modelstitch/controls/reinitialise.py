"""An untrained copy of a network: same architecture, every parameter and buffer at its start."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import nn
from torch.export.unflatten import UnflattenedModule

from modelstitch.cutting.layouts import channels_last
from modelstitch.data.parts import Data
from modelstitch.data.texts import reader
from modelstitch.data.views import show
from modelstitch.errors import ModelError
from modelstitch.models.network import Network, taken
from modelstitch.models.seeding import seeded

_CALIBRATION_EXAMPLES, _CALIBRATION_BATCH = 2048, 256


def untrained(network: Network, seed: int) -> Network:
    """Return an untrained copy of ``network``, drawn from ``seed``; the network itself stays as it is.

    A source that can build the model builds it again without weights. Otherwise every submodule of a copy
    resets itself.

    Raises:
        ModelError: a submodule with parameters of its own and no ``reset_parameters``, or a source that
            builds the same network with every seed, such as one that loads weights itself.
    """
    module = _draw(network, seed)
    if _same(module, network.module) and _same(module, _draw(network, seed + 1)):
        raise ModelError(
            f"cannot make an untrained copy of {network.name}: its source builds the same parameters "
            "whatever the seed; give a factory that loads no weights and sets no seed, and the file as its "
            "weights, or leave the random controls out"
        )
    reference = next(network.module.parameters(), torch.empty(0))
    module = module.to(device=reference.device, dtype=reference.dtype).eval()
    if network.rebuild is not None:
        channels_last(module)
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    return replace(network, module=module, name=f"{network.name}, untrained (seed {seed})")


def calibrated(network: Network, data: Data) -> Network:
    """Return a copy of ``network`` whose batch norms hold the statistics of its own activations.

    Batch norms of an untrained network hold 0 and 1, so that its activations grow or die with depth: no fair
    control. The statistics are averaged over 2,048 training examples, drawn with a fixed seed; all batches
    weigh the same. Parameters stay as they are.
    """
    module = copy.deepcopy(network.module).eval()
    norms = [layer for layer in module.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
        norm.train()
    order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(0))[
        :_CALIBRATION_EXAMPLES
    ]
    read = reader(network.view, data.train.images) if data.is_text else None
    names = taken(module, data.train.kwargs if read is None else ("attention_mask",))
    with torch.no_grad():
        for some in order.split(_CALIBRATION_BATCH):
            if len(some) > 1:
                batch = data.train.take(some)
                if read is None:
                    x, kwargs = show(batch.images, network.view, data.rate), batch.kwargs
                else:
                    x, mask = read(batch.images)
                    kwargs = {"attention_mask": mask}
                module(x, **{name: kwargs[name] for name in names})
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
    return replace(network, module=module, name=f"{network.name}, batch norms calibrated")


def _draw(network: Network, seed: int) -> nn.Module:
    with seeded(seed):
        if network.rebuild is not None:
            return network.rebuild()
        if isinstance(network.module, UnflattenedModule):
            raise ModelError(
                f"cannot make an untrained copy of {network.name}: an exported program does not say how its "
                "parameters are drawn; give the model it was exported from, or leave the random controls out"
            )
        module = copy.deepcopy(network.module)
        _reset(module, network.name)
        return module


def _same(one: nn.Module, other: nn.Module) -> bool:
    pairs = list(zip(one.parameters(), other.parameters(), strict=False))
    return bool(pairs) and all(torch.equal(a.cpu(), b.cpu()) for a, b in pairs)


def _reset(module: nn.Module, name: str) -> None:
    for path, layer in module.named_modules():
        # A buffer that is not saved is a constant of the architecture, such as a causal mask.
        own = [
            value
            for name, value in (*layer.named_parameters(recurse=False), *layer.named_buffers(recurse=False))
            if name not in layer._non_persistent_buffers_set
        ]
        # nn.MultiheadAttention and nn.Transformer spell it with an underscore.
        reset = getattr(layer, "reset_parameters", None) or getattr(layer, "_reset_parameters", None)
        if callable(reset):
            reset()
        elif own:
            raise ModelError(
                f"cannot make an untrained copy of {name}: {path or 'the model itself'} "
                f"({type(layer).__name__}) holds parameters but has no reset_parameters; give the model as "
                "package.module:factory, or leave the random controls out"
            )
