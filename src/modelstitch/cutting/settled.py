"""What a model must hold to before it can be cut: in eval mode it says the same again, and changes nothing of itself."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram, unflatten

from modelstitch.cutting.capture import More, eval_mode, leaves, plain_attention, run_eagerly, same_buffers
from modelstitch.cutting.certify import relative_difference
from modelstitch.errors import CutError, ModelError

_SAME, _SAME_IN_HALF = 1e-4, 2e-2
"""Largest relative difference between two runs on the same inputs: rounding in another order is far below it, noise above."""


def as_module(model: Any, name: str = "model") -> nn.Module:
    """Return a model as a module that can be read: itself, or the module that an ``ExportedProgram`` holds.

    Raises:
        ModelError: something else, or a module of TorchScript, which hides what it computes.
    """
    if isinstance(model, ExportedProgram):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of torch about itself
            return unflatten(model)
    if isinstance(model, torch.jit.ScriptModule):
        raise ModelError(
            f"model {name} is a module of TorchScript, which hides what it computes: give the module that it was made from, or what "
            "torch.export made of that"
        )
    if not isinstance(model, nn.Module):
        raise ModelError(f"expected a torch.nn.Module as model {name}, got {type(model).__name__}")
    return model


def expect_settled(model: nn.Module, example: Tensor, name: str, more: More) -> None:
    """Run a model twice in eval mode, and leave it as it was.

    Raises:
        ModelError: it does not run on ``example``, gives no numbers, or something else the second time.
        CutError: it changes its own buffers.
    """
    with eval_mode(model), plain_attention(), same_buffers(model):
        before = {path: buffer.clone() for path, buffer in model.named_buffers()}
        first = run_eagerly(model, example, name, more, keep=False)
        after = dict(model.named_buffers())
        changed = sorted(
            path for path, value in before.items() if path not in after or not _same(after[path], value)
        )
        if changed:
            raise CutError(
                f"model {name} changes its own buffers in eval mode ({', '.join(changed[:3])}): "
                "expected a model that is frozen in eval mode"
            )
        lost = [leaf for leaf in leaves(first) if isinstance(leaf, Tensor) and leaf.isnan().any()]
        if lost and not example.isnan().any():
            wrong = [
                path
                for path, held in model.state_dict().items()
                if isinstance(held, Tensor) and _not_finite(held)
            ]
            told = (
                f"its {wrong[0]} holds some, as do {len(wrong) - 1} more"
                if wrong
                else "its weights hold none"
            )
            raise ModelError(
                f"model {name} gives NaN for inputs that are numbers; {told}: give weights that were trained to the end"
            )
        again = run_eagerly(model, example, name, more)
        difference = relative_difference(again, first)
        halves = any(held.dtype in (torch.float16, torch.bfloat16) for held in model.parameters())
        if difference > (_SAME_IN_HALF if halves else _SAME):
            raise ModelError(
                f"model {name} gives something else for the same inputs when it is run again in eval mode (relative difference "
                f"{difference:.1e}): expected a model without dropout, noise or counting there"
            )


def _same(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape:
        return False
    return torch.equal(one, other) or bool(((one == other) | ((one != one) & (other != other))).all())


def _not_finite(held: Tensor) -> bool:
    return held.is_floating_point() and not bool(held.isfinite().all())
