"""An untrained copy of a network: same architecture, every tensor at a start that is certified."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.export.unflatten import UnflattenedModule
from torch.nn.utils import parametrize
from torch.utils import _pytree as pytree

from modelstitch.controls import certificate
from modelstitch.controls.certificate import Findings, HeldByName, equal_names
from modelstitch.controls.computed import reset
from modelstitch.controls.held import Kind, attributes, held
from modelstitch.controls.permuted import permute
from modelstitch.cutting.layouts import channels_last
from modelstitch.data.parts import Data
from modelstitch.data.texts import reader_of
from modelstitch.data.views import show
from modelstitch.errors import ModelError, first_line
from modelstitch.models.drawn import Drawn
from modelstitch.models.network import Network, taken
from modelstitch.models.seeding import seeded

_CALIBRATION_EXAMPLES, _CALIBRATION_BATCH = 2048, 256
_SHOWN = 3


def untrained(network: Network, seed: int, data: Data | None = None) -> Network:
    """Return an untrained copy of ``network``, drawn from ``seed``; the network itself stays as it is.

    A source that can build the model builds it again without weights. Otherwise every submodule of a copy
    resets itself. Every tensor is certified: drawn, a constant of its initialiser, or a fixed table. The
    others are permuted within themselves where ``network.random`` says so.

    Args:
        network: the trained network.
        seed: of the draws.
        data: examples, on which a copy shows which plain tensors each call writes; those are no weights.

    Returns:
        The copy; ``drawn`` names what was not drawn.

    Raises:
        ModelError: tensors that are not certified, or a model that cannot be copied.
    """
    start = _built(network, seed) if network.rebuild is not None else _reset_copy(network, seed, data)
    module, findings = start.module, start.findings
    permuted: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    if network.random == "permute":
        permuted, kept = permute(start.held, findings.refused, seed)
    left = {name: why for name, why in findings.refused.items() if name not in (*permuted, *kept)}
    if left:
        raise ModelError(_refusal(network, start, left))
    reference = next(network.module.parameters(), torch.empty(0))
    module = module.to(device=reference.device, dtype=reference.dtype).eval()
    if network.rebuild is not None:
        channels_last(module)
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    return replace(
        network,
        module=module,
        name=f"{network.name}, untrained (seed {seed})",
        drawn=Drawn(initial=findings.initial, tables=findings.tables, permuted=permuted, kept=kept),
    )


def calibrated(network: Network, data: Data) -> Network:
    """Return a copy of ``network`` whose batch norms hold the statistics of its own activations.

    Batch norms of an untrained network hold 0 and 1, so that its activations grow or die with depth: no fair
    control. The statistics are averaged over 2,048 training examples, drawn with a fixed seed; all batches
    weigh the same. Parameters stay as they are.
    """
    module = _copied(network).eval()
    norms = [layer for layer in module.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
        norm.train()
    order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(0))[
        :_CALIBRATION_EXAMPLES
    ]
    _run(module, network, data, [some for some in order.split(_CALIBRATION_BATCH) if len(some) > 1])
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
    return replace(network, module=module, name=f"{network.name}, batch norms calibrated")


def _run(module: nn.Module, network: Network, data: Data, batches: Sequence[Tensor]) -> None:
    """Run a copy of a network on batches of training examples, as the network takes them."""
    read = reader_of(network.view, data) if data.is_text else None
    with torch.no_grad():
        for some in batches:
            batch = data.train.take(some)
            if read is None:
                x, kwargs = show(batch.images, network.view, data.rate, batch.samples), batch.kwargs
            else:
                x, kwargs = read(batch.images)
            module(x, **{name: kwargs[name] for name in taken(module, kwargs)})


@dataclass(frozen=True)
class _Start:
    """A copy at its start.

    Attributes:
        module: the copy.
        held: its tensors.
        findings: what was found of them.
        is_the_same: whether its source gives the same parameters with every seed.
    """

    module: nn.Module
    held: HeldByName
    findings: Findings
    is_the_same: bool = False


def _built(network: Network, seed: int) -> _Start:
    """Build a network twice, with two seeds, and certify the first copy by the second."""
    assert network.rebuild is not None
    with seeded(seed):
        module = network.rebuild()
    with seeded(seed + 1):
        other = network.rebuild()
    drawn, with_another = held(module), held(other)
    findings = certificate.of_build(held(network.module), drawn, with_another)
    packed, again = _packed(module), _packed(other)
    refused = {name: _PACKED for name, values in packed.items() if again.get(name) == values}
    parameters = [name for name, entry in drawn.items() if entry.kind is Kind.PARAMETER]
    is_the_same = bool(parameters) and equal_names(drawn, with_another).issuperset(parameters)
    return _Start(module, drawn, findings.refusing(refused), is_the_same)


def _reset_copy(network: Network, seed: int, data: Data | None) -> _Start:
    """Reset three copies of a network, and certify the first.

    The second starts from overwritten values, the third has another seed.
    """
    if isinstance(network.module, UnflattenedModule):
        raise ModelError(
            f"cannot make an untrained copy of {network.name}: an exported program does not say how its "
            "parameters are drawn; give the model it was exported from, or leave the random controls out"
        )
    trained = held(network.module)
    if data is not None:
        written = _written(network, trained, data)
        trained = {name: entry for name, entry in trained.items() if name not in written}

    def of(module: nn.Module) -> HeldByName:
        # Copies of what a call left behind look like tensors of the network's own.
        return {
            name: entry
            for name, entry in held(module).items()
            if entry.kind is not Kind.ATTRIBUTE or name in trained
        }

    module = _copied(network)
    _reset(module, seed, network.name)
    drawn = of(module)
    elsewhere = _copied(network)
    overwritten = certificate.overwrite(of(elsewhere))
    _reset(elsewhere, seed, network.name)
    independent = equal_names(drawn, of(elsewhere)) & overwritten
    del elsewhere
    other = _copied(network)
    _reset(other, seed + 1, network.name)
    constant = equal_names(drawn, of(other))
    findings = certificate.of_reset(trained, drawn, independent, constant)
    return _Start(module, drawn, findings.refusing(dict.fromkeys(_packed(module), _PACKED)))


def _written(network: Network, trained: HeldByName, data: Data) -> frozenset[str]:
    """Return the names of the plain tensors of a network that each call writes anew."""
    plain = [
        name
        for name, entry in trained.items()
        if entry.kind is Kind.ATTRIBUTE and not entry.value.requires_grad
    ]
    if not plain:
        return frozenset()
    module = _copied(network).eval()
    before = held(module)
    _run(module, network, data, [torch.arange(min(2, len(data.train)))])
    after = held(module)
    same = {
        name for name in plain if name in before and name in after and before[name].value is after[name].value
    }
    return frozenset(plain) - same


def _copied(network: Network) -> nn.Module:
    """Return a deep copy of a network's module.

    Raises:
        ModelError: it cannot be copied.
    """
    # Only leaves can be copied; a call in training leaves others behind.
    memo = {
        id(value): value.detach().clone()
        for layer in network.module.modules()
        for _, value in attributes(layer)
        if isinstance(value, Tensor) and not value.is_leaf
    }
    try:
        return copy.deepcopy(network.module, memo)
    except (RuntimeError, TypeError, NotImplementedError) as error:
        raise ModelError(
            f"cannot make an untrained copy of {network.name}: it cannot be copied ({first_line(error)}); "
            "give it as package.module:factory, or leave the random controls out"
        ) from error


def _reset(module: nn.Module, seed: int, name: str) -> None:
    """Let every layer of a network reset itself, drawn from ``seed``.

    Raises:
        ModelError: a layer fails in its own reset.
    """
    # A parametrisation is written when its layer is reset.
    inside = {
        part
        for layer in module.modules()
        if parametrize.is_parametrized(layer)
        for part in layer.get_submodule("parametrizations").modules()
    }
    with seeded(seed):
        for path, layer in module.named_modules():
            if layer in inside:
                continue
            try:
                reset(layer)
            except (RuntimeError, TypeError, ValueError, AttributeError) as error:
                raise ModelError(
                    f"cannot make an untrained copy of {name}: the reset of {path or 'the model itself'} "
                    f"({type(layer).__name__}) fails ({first_line(error)}); give the model as "
                    "package.module:factory, or leave the random controls out"
                ) from error


_PACKED = "is packed, so that nothing draws it"


def _packed(module: nn.Module) -> dict[str, str]:
    """Return what a network saves beside parameters and buffers, such as quantised weights, as text."""
    plain = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    plain |= {name for name, _ in module.named_buffers(remove_duplicate=False)}
    entries = {name: pytree.tree_leaves(e) for name, e in module.state_dict().items() if name not in plain}
    return {
        name: "\n".join(repr(_unpacked(leaf)) for leaf in leaves)
        for name, leaves in entries.items()
        if any(isinstance(leaf, Tensor) and leaf.numel() > 1 for leaf in leaves)
    }


def _unpacked(leaf: object) -> object:
    if not isinstance(leaf, Tensor):
        return leaf
    return (leaf.dequantize() if leaf.is_quantized else leaf).flatten().tolist()


def _refusal(network: Network, start: _Start, left: Mapping[str, str]) -> str:
    """Return the error of an untrained copy some of whose tensors are not certified."""
    begin = f"cannot make an untrained copy of {network.name}"
    redraw = "permute them within themselves (--random permute), " if network.random == "redraw" else ""
    if start.is_the_same:
        return (
            f"{begin}: its source builds the same parameters whatever the seed; give a factory that loads no "
            f"weights and sets no seed, and the file as its weights, {redraw}or leave the random controls out"
        )
    named = [f"{name} {_owner(start, name)}{why}" for name, why in list(left.items())[:_SHOWN]]
    more = f", and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
    factory = (
        "give the model as package.module:factory"
        if network.rebuild is None
        else "give a factory that loads no weights, and the file as its weights"
    )
    return (
        f"{begin}: {len(left)} of {len(start.held)} tensors would not be at a start: "
        f"{'; '.join(named)}{more}; {factory}, {redraw}or leave the random controls out"
    )


def _owner(start: _Start, name: str) -> str:
    return f"({type(start.held[name].owner).__name__}) " if name in start.held else ""
