"""Requirements on a model before it is cut: deterministic in eval mode, no buffer mutation."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram, unflatten

from modelstitch.cutting.capture import (
    Kwargs,
    eval_mode,
    leaves,
    no_fused_attention,
    restored_buffers,
    run_eagerly,
)
from modelstitch.cutting.certify import relative_difference
from modelstitch.errors import CutError, ModelError

_SAME, _SAME_IN_HALF = 1e-4, 2e-2
"""Largest relative difference between two runs on the same inputs: above rounding, below noise."""


def as_module(model: Any, name: str = "model") -> nn.Module:
    """Return a model as a module: itself, or the module inside an ``ExportedProgram``.

    Raises:
        ModelError: anything else; a module of TorchScript too, which hides what it computes.
    """
    if isinstance(model, ExportedProgram):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch about itself
            return unflatten(model)
    if isinstance(model, torch.jit.ScriptModule):
        raise ModelError(
            f"model {name} is a module of TorchScript, which hides what it computes: give the module that "
            "it was made from, or what torch.export made of that"
        )
    if not isinstance(model, nn.Module):
        raise ModelError(f"expected a torch.nn.Module as model {name}, got {type(model).__name__}")
    return model


def expect_deterministic(model: nn.Module, example: Tensor, name: str, kwargs: Kwargs) -> None:
    """Run a model twice in eval mode, and leave it unchanged.

    Raises:
        ModelError: it does not run on ``example``, outputs NaN, or outputs something else the second time.
        CutError: it mutates its buffers.
    """
    with eval_mode(model), no_fused_attention(), restored_buffers(model):
        before = {path: buffer.clone() for path, buffer in model.named_buffers()}
        first = run_eagerly(model, example, name, kwargs, keep=False)
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
            raise ModelError(
                f"model {name} gives NaN for inputs that are numbers; {_where_not_finite(model)}: "
                "give weights that were trained to the end"
            )
        again = run_eagerly(model, example, name, kwargs)
        difference = relative_difference(again, first)
        halves = any(p.dtype in (torch.float16, torch.bfloat16) for p in model.parameters())
        if difference > (_SAME_IN_HALF if halves else _SAME):
            raise ModelError(
                f"model {name} gives something else for the same inputs when it is run again in eval mode "
                f"(relative difference {difference:.1e}): expected a model without dropout, noise or "
                "counting there"
            )


def _same(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape:
        return False
    return torch.equal(one, other) or bool(((one == other) | ((one != one) & (other != other))).all())


def _where_not_finite(model: nn.Module) -> str:
    paths = [
        path
        for path, value in model.state_dict().items()
        if isinstance(value, Tensor) and value.is_floating_point() and not bool(value.isfinite().all())
    ]
    return f"its {paths[0]} holds some, as do {len(paths) - 1} more" if paths else "its weights hold none"
