"""A small network of a given cost: a copy of the receiver with fewer channels, or one of the zoo."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from modelstitch.adoption.work import Load, load_of
from modelstitch.errors import ModelError
from modelstitch.models import zoo
from modelstitch.models.seeding import seeded
from modelstitch.wording import Sentence, say

_WIDEST = 4.0
"""Times the receiver's channels that a student has at most."""

_STEPS = 12
"""Halvings of the interval in which the share of channels is looked for."""

_MOST_WIDTH = 512
_LARGEST_SIDE = 64
"""Pixels a side of the images that a network of the zoo is given; larger ones are averaged first."""

_CONVOLUTIONS: dict[type[nn.Module], type[Any]] = {
    nn.Conv1d: nn.LazyConv1d,
    nn.Conv2d: nn.LazyConv2d,
    nn.Conv3d: nn.LazyConv3d,
}
_NORMS: dict[type[nn.Module], type[Any]] = {
    nn.BatchNorm1d: nn.LazyBatchNorm1d,
    nn.BatchNorm2d: nn.LazyBatchNorm2d,
    nn.BatchNorm3d: nn.LazyBatchNorm3d,
}


@dataclass(frozen=True)
class Student:
    """An untrained network of at most a given cost.

    Attributes:
        module: the network.
        load: what it costs.
        rule: how its architecture was found.
    """

    module: nn.Module
    load: Load
    rule: Sentence


def student(
    receiver: nn.Module, x: Tensor, kwargs: Mapping[str, Tensor], bound: Load, n_outputs: int, seed: int
) -> Student:
    """Return the largest untrained student that costs no more than ``bound`` in either number.

    It is a copy of the receiver with another number of channels in every layer. Where such a copy cannot be
    made, and the inputs are images, it is ``R1111`` of the zoo of another width.

    Args:
        receiver: the network to be like.
        x: (N, ...) some inputs.
        kwargs: (N, ...) further inputs by name.
        bound: parameters and multiply-adds.
        n_outputs: number of outputs.
        seed: of the weights.

    Raises:
        ModelError: no such network; the message says why.
    """
    why = why_not_slimmed(receiver)
    if why is None:
        try:
            return _slimmed(receiver, x, kwargs, bound, n_outputs, seed)
        except (RuntimeError, ValueError, ModelError) as error:
            why = f"its copy with fewer channels does not run ({_first_line(error)})"
    if x.ndim != 4 or not x.is_floating_point() or kwargs:
        raise ModelError(
            f"no student of the receiver's kind: {why}; and a network of the zoo takes images alone"
        )
    return _of_zoo(x, bound, n_outputs, seed)


def why_not_slimmed(receiver: nn.Module) -> str | None:
    """Return why no copy with fewer channels can be made, or None.

    Example:
        >>> why_not_slimmed(nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3)))
        'it has parameters in a LayerNorm'
    """
    known = (nn.Linear, *_CONVOLUTIONS, *_NORMS)
    for module in receiver.modules():
        own = [*module.parameters(recurse=False)]
        if own and type(module) not in known:
            return f"it has parameters in a {type(module).__name__}"
    return None


def slimmed(
    receiver: nn.Module, x: Tensor, kwargs: Mapping[str, Tensor], share: float, n_outputs: int
) -> nn.Module:
    """Return an untrained copy of a network with ``share`` times the channels in every layer but the last.

    Args:
        receiver: linear layers, convolutions and batch norms, and what has no parameters.
        x: (N, ...) some inputs.
        kwargs: (N, ...) further inputs by name.
        share: of the channels; at least one is left.
        n_outputs: of the last layer.

    Raises:
        RuntimeError: the copy does not run, such as where a number of channels stands in the code.
    """
    copied = copy.deepcopy(receiver)
    last = _last_layer(copied, x, kwargs)
    for parent in [*copied.modules()]:
        for name, child in [*parent.named_children()]:
            layer = _layer(child, share, n_outputs if child is last else None)
            if layer is not None:
                setattr(parent, name, layer.to(x.device))
    with torch.no_grad():
        copied.eval()(x, **kwargs)  # gives every layer the number of its inputs
    return copied.requires_grad_(True)


def _last_layer(module: nn.Module, x: Tensor, kwargs: Mapping[str, Tensor]) -> nn.Module:
    """Return the layer with weights that is called last: its outputs are those of the network."""
    called: list[nn.Module] = []
    layers = [one for one in module.modules() if isinstance(one, (nn.Linear, *_CONVOLUTIONS))]
    if not layers:
        raise ModelError("it has no layer with weights")
    hooks = [one.register_forward_hook(lambda layer, *_: called.append(layer)) for one in layers]
    with torch.no_grad():
        module.eval()(x, **kwargs)
    for hook in hooks:
        hook.remove()
    if len(called) > len(set(called)):
        raise ModelError("it calls a layer more than once")
    return called[-1]


def _layer(layer: nn.Module, share: float, n_outputs: int | None) -> nn.Module | None:
    """Return an untrained layer in the place of ``layer``; None for one without weights."""

    def scaled(n: int, groups: int = 1) -> int:
        return n_outputs or max(1, round(share * n / groups)) * groups

    if type(layer) is nn.Linear:
        return nn.LazyLinear(scaled(layer.out_features), bias=layer.bias is not None)
    if type(layer) in _NORMS:
        assert isinstance(layer, nn.modules.batchnorm._BatchNorm)
        return _NORMS[type(layer)](  # type: ignore[no-any-return]
            eps=layer.eps, momentum=layer.momentum, affine=layer.affine
        )
    if type(layer) not in _CONVOLUTIONS:
        return None
    assert isinstance(layer, nn.modules.conv._ConvNd)
    by_channel = 1 < layer.groups == layer.in_channels
    if layer.groups > 1 and not by_channel:
        raise ModelError("it has a convolution in groups")
    n = scaled(layer.out_channels)
    return _CONVOLUTIONS[type(layer)](  # type: ignore[no-any-return]
        n,
        layer.kernel_size,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        groups=n if by_channel else 1,
        bias=layer.bias is not None,
        padding_mode=layer.padding_mode,
    )


def _slimmed(
    receiver: nn.Module, x: Tensor, kwargs: Mapping[str, Tensor], bound: Load, n_outputs: int, seed: int
) -> Student:
    def made(share: float) -> nn.Module:
        with seeded(seed):
            return slimmed(receiver, x, kwargs, share, n_outputs)

    def load(share: float) -> Load:
        return load_of(made(share), x, **kwargs)

    low, high = 0.0, _WIDEST
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if load(middle).within(bound) else (low, middle)
    module = made(low)
    found = load_of(module, x, **kwargs)
    if not found.within(bound):
        raise ModelError("a copy with one channel in every layer costs more than the candidate")
    return Student(module, found, say("rival.student.slim", share=low))


def _of_zoo(x: Tensor, bound: Load, n_outputs: int, seed: int) -> Student:
    pool = 1
    while max(x.shape[2:]) / pool > _LARGEST_SIDE:
        pool *= 2

    def made(width: int) -> nn.Module:
        with seeded(seed):
            network = zoo.build("R1111", width=width, classes=n_outputs, channels=x.shape[1])
        return network if pool == 1 else nn.Sequential(nn.AvgPool2d(pool, ceil_mode=True), network)

    def fits(width: int) -> bool:
        with torch.device("meta"):  # counts without computing
            return load_of(made(width).to("meta").eval(), x.to("meta")).within(bound)

    if not fits(1):
        raise ModelError("R1111 of width 1 costs more than the candidate")
    width = largest(fits, _MOST_WIDTH)
    module = made(width).to(x.device)
    rule = say("rival.student.zoo", width=width, pool=pool)
    return Student(module, load_of(module.eval(), x), rule)


def largest(fits: Callable[[int], bool], most: int) -> int:
    """Return the largest whole number up to ``most`` that fits; 1 does, and none above one that does not.

    Example:
        >>> largest(lambda n: n * n <= 90, 512)
        9
    """
    low, high = 1, most + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
