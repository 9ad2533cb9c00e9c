"""What the halves of a model are compared with: the model without the fast path of torch's own attention.

``nn.TransformerEncoder`` has a second implementation, which it takes in eval mode without gradients. With a
mask of padding it leaves padded positions out, and gives zeros there.
"""

from __future__ import annotations

import warnings
from typing import Any

from torch import Tensor, nn

from modelstitch.cutting.capture import NO_KWARGS, Kwargs, eval_mode, no_fused_attention, run_eagerly
from modelstitch.cutting.outputs import leaves

_HAVE_ONE = (nn.TransformerEncoder, nn.TransformerEncoderLayer, nn.MultiheadAttention)
_ROUNDING = 1e-4
"""Largest difference, relative to the largest value, that two kernels may give."""


def reference_of(
    model: nn.Module, example: Tensor, name: str = "model", kwargs: Kwargs = NO_KWARGS, plain: Any = None
) -> str:
    """Return in words where the reference differs from what the model gives under ``torch.no_grad``.

    Args:
        model: the model.
        example: (N, ...) inputs.
        name: what to call the model in errors.
        kwargs: (N, ...) further inputs by name of argument.
        plain: what the model gives without the fast path, if it has been run already.

    Returns:
        Part of a sentence; empty where both agree up to rounding.

    Example:
        >>> import torch
        >>> reference_of(nn.Linear(2, 2), torch.zeros(3, 2))
        ''
    """
    if not any(isinstance(module, _HAVE_ONE) for module in model.modules()):
        return ""
    with eval_mode(model), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch about its nested tensors
        fast = run_eagerly(model, example, name, kwargs)
        if plain is None:
            with no_fused_attention():
                plain = run_eagerly(model, example, name, kwargs)
    gap, most, padded = _apart(fast, plain)
    if gap <= _ROUNDING * most:
        return ""
    given = (
        "gives zeros at padded positions"
        if padded
        else f"gives other outputs (by up to {gap:.2g}, of values up to {most:.2g})"
    )
    return (
        ", compared with the model without torch's fast path "
        f"(torch.backends.mha.set_fastpath_enabled(False)), which {given}"
    )


def _apart(fast: Any, plain: Any) -> tuple[float, float, bool]:
    """Return the largest difference, the largest value, and whether they differ at zeros of one alone."""
    gap, most, padded = 0.0, 0.0, True
    for one, other in zip(leaves(fast), leaves(plain), strict=True):
        if not (isinstance(other, Tensor) and other.is_floating_point() and other.numel()):
            continue
        if one.shape != other.shape:
            return float("inf"), 1.0, False
        most = max(most, other.abs().max().item())
        apart = (one.double() - other.double()).abs()
        gap = max(gap, apart.max().item())
        zero = (one == 0).all(-1, keepdim=True).expand_as(one)
        padded &= bool((apart[~zero] <= _ROUNDING * other.abs().max().item()).all())
    return gap, most, padded
