"""Measure how the positions of representations lie in a model that is cut by hooks.

Each position's gradient goes back to the input itself. The kind of the last layer before a cut is a first
guess of the axis that holds features; where no grid is found so, the other axis is tried.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from modelstitch.cutting.capture import Kwargs
from modelstitch.cutting.hook_halves import HookPrefix
from modelstitch.cutting.layouts import Layout
from modelstitch.cutting.looks import N_CODES, arranged, shares
from modelstitch.cutting.orders import nesting_of
from modelstitch.cutting.positions import MOST_POSITIONS, arranged_layout, places_of, shown

MOST_OPERATIONS = 10**11
"""Multiplications and additions to measure one cut; one that needs more is read by the kinds of layers."""


def measured_layout(
    model: nn.Module,
    example: Tensor,
    call: tuple[str, int],
    axis: int,
    guess: Layout,
    operations: int,
    kwargs: Kwargs,
) -> Layout:
    """Return the layout of a call's output, with the order of its positions where it can be measured.

    Args:
        model: in eval mode.
        example: (N, ...) inputs.
        call: path of the module and number of its call.
        axis: batch axis of its output.
        guess: the layout by the kinds of layers.
        operations: multiply-adds of the model up to the call, for one example.
        kwargs: further inputs by name of argument.
    """
    shape = guess.shape
    if len(shape) < 2 or not example.is_floating_point() or 6 * N_CODES * operations > MOST_OPERATIONS:
        return guess
    prefix = HookPrefix(model, [call], frozen=True, axes=[axis])
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(1, *example.shape[1:], generator=generator).to(example)
    x = example.mean() + noise * example.std().clamp_min(1e-3)
    for last in (guess.features_last, not guess.features_last):
        n_positions = Layout("tokens", shape, first=not last).n_tokens
        if not 1 < n_positions <= MOST_POSITIONS:
            continue
        at, read = places_of(None, tuple(x.shape[1:]), n_positions, generator)
        run = partial(_positions, prefix, {name: value[:1] for name, value in kwargs.items()}, last=last)
        try:
            with torch.inference_mode(False), torch.enable_grad():
                share = shares(run, x, read, n_positions, generator)
        except (RuntimeError, ValueError, TypeError, IndexError, AssertionError):
            return guess  # a part that runs on no other values than its own tells nothing
        arrangement = arranged(share, at) if share.shape[1] == len(at) else None
        if arrangement is None:
            continue
        first = min(arrangement.order)
        regular = nesting_of(tuple(n - first for n in arrangement.order), arrangement.grid) is not None
        whole = arrangement.order == tuple(range(n_positions))
        # Another axis of features than that of the last layer needs more than a likeness.
        if whole if last != guess.features_last else regular:
            return shown(arranged_layout(shape, arrangement, last=last))
    return guess


def _positions(prefix: nn.Module, further: Kwargs, x: Tensor, *, last: bool) -> Tensor:
    """Return the representation of copies of an example, features first and its positions in a row."""
    more = {name: value.expand(len(x), *value.shape[1:]) for name, value in further.items()}
    y: Tensor = prefix(x, **more)[0]
    return (y.movedim(-1, 1) if last else y).flatten(2)
