"""Certify on real inputs that a cut reproduces its model: outputs and the gradient at the input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from modelstitch.cutting.attributes import written
from modelstitch.cutting.capture import NO_KWARGS, Kwargs, eval_mode, no_fused_attention
from modelstitch.cutting.outputs import caches_off, chosen_leaves, leaves
from modelstitch.errors import CutError, TruthError

RELATIVE_TOLERANCE = 1e-5


def relative_difference(got: Any, expected: Any) -> float:
    r"""Return the largest absolute difference, relative to the largest absolute expected value.

    .. math:: \max_i |g_i - e_i| / \max_i |e_i|

    Example:
        >>> relative_difference(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
        0.5
    """
    worst = 0.0
    for one, other in zip(leaves(got), leaves(expected), strict=True):
        if isinstance(other, Tensor) and other.numel():
            gap = (one.double() - other.double()).abs().max().item()
            scale = other.double().abs().max().item()
            # NaN compares false with everything and would pass a plain "larger than" test.
            if not gap <= 0:
                worst = max(worst, gap / scale if scale > 0 else float("inf"))
                if worst != worst or gap != gap:
                    return float("inf")
    return worst


def has_nan(output: Any) -> bool:
    """Tell whether some tensor of an output holds NaN.

    Example:
        >>> has_nan((torch.zeros(2), {"logits": torch.tensor([float("nan")])}))
        True
    """
    return any(isinstance(leaf, Tensor) and bool(leaf.isnan().any()) for leaf in leaves(output))


def _forward_and_gradient(
    run: Callable[[Tensor], Any], x: Tensor, parameters: list[nn.Parameter]
) -> tuple[Any, Tensor | None]:
    x = x.clone().requires_grad_(x.is_floating_point())
    with torch.enable_grad():
        output = run(x)
    tensors = [leaf for leaf in leaves(output) if isinstance(leaf, Tensor)]
    # Unequal weights, so that a softmax or another normalised output does not sum to a constant.
    total = sum(
        (leaf * torch.linspace(0.5, 1.5, leaf.numel(), device=leaf.device).view(leaf.shape)).sum()
        for leaf in tensors
        if leaf.is_floating_point()
    )
    # Tokens have no gradient; the parameters before and after the cut do.
    sources = [x] if x.requires_grad else parameters
    if not (isinstance(total, Tensor) and total.requires_grad and sources):
        return output, None
    gradients = torch.autograd.grad(total, sources, allow_unused=True)
    if all(gradient is None for gradient in gradients):
        return output, None
    return output, torch.cat(
        [
            (torch.zeros_like(source) if gradient is None else gradient).flatten()
            for source, gradient in zip(sources, gradients, strict=True)
        ]
    )


def _own(
    model: nn.Module, whole: Callable[[Tensor], Any], x: Tensor, parameters: list[nn.Parameter]
) -> tuple[Any, Tensor | None]:
    """Return the model's output and gradient; where its cache has none, those of the model without it."""
    try:
        return _forward_and_gradient(whole, x, parameters)
    except RuntimeError:
        with caches_off(model) as n_switched:
            if not n_switched:
                raise
            return _forward_and_gradient(whole, x, parameters)


def _chosen(run: Callable[[Tensor], Any], outputs: Sequence[bool] | None, x: Tensor) -> list[Any]:
    return chosen_leaves(run(x), outputs)


def _joined(prefix: nn.Module, suffix: nn.Module, kwargs: Kwargs, x: Tensor) -> Any:
    own = getattr(suffix, "input_name", None)
    again = {} if own is None else {own: x}
    return suffix(prefix(x, **kwargs)[0], **kwargs, **again)


def certify(
    model: nn.Module,
    prefix: nn.Module,
    suffix: nn.Module,
    x: Tensor,
    where: str,
    kwargs: Kwargs = NO_KWARGS,
    outputs: Sequence[bool] | None = None,
) -> float:
    """Check that ``suffix(prefix(x))`` and its gradient at ``x`` are those of ``model``, at two batch sizes.

    Where ``x`` holds tokens, the gradient is taken at the model's parameters.

    Args:
        model: the whole model.
        prefix: input to a tuple of one representation.
        suffix: representation to output.
        x: (N, ...) real inputs, N >= 2.
        where: name of the cut, for the error.
        kwargs: (N, ...) further inputs by name of argument.
        outputs: of each leaf of the model's output whether the suffix gives it; all of them by default.

    Returns:
        The largest relative difference; 0 where all bits agree.

    Raises:
        CutError: the model itself has no backward pass.
        TruthError: a difference above 1e-5 (gradient: 1e-4), or NaN in the model's own output.
    """
    worst = 0.0
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    with eval_mode(model), no_fused_attention():
        for size in (len(x), max(1, len(x) // 2)):
            batch, further = x[:size], {name: value[:size] for name, value in kwargs.items()}
            whole = partial(_chosen, partial(model, **further), outputs)
            try:
                expected, expected_gradient = _own(model, whole, batch, parameters)
            except RuntimeError as error:
                first_line = str(error).splitlines()[0]
                raise CutError(
                    "the model itself cannot be differentiated, so no stitch can be fitted through it at "
                    f"{where}: {first_line}"
                ) from error
            halves = partial(_joined, prefix, suffix, further)
            got, gradient = _forward_and_gradient(halves, batch, parameters)
            if has_nan(expected):
                raise TruthError(
                    f"expected numbers from the model itself at {where}, got NaN for some of {len(batch)} "
                    "examples: take them out of the data, or mend the layer that makes it"
                )
            difference = relative_difference(got, expected)
            if difference > RELATIVE_TOLERANCE:
                names = written(model, partial(whole, batch))
                reason = f"; each call changes its attribute {names[0]}" if names else ""
                raise TruthError(
                    f"prefix and suffix do not reproduce the model at {where}: relative difference "
                    f"{difference:.1e} at batch {len(batch)}, expected at most {RELATIVE_TOLERANCE:.0e}"
                    f"{reason}"
                )
            worst = max(worst, difference)
            if expected_gradient is None and gradient is not None:
                raise TruthError(f"a gradient that the model stops passes through the cut at {where}")
            if expected_gradient is not None:
                if gradient is None:
                    raise TruthError(f"no gradient passes through the cut at {where}")
                difference = relative_difference(gradient, expected_gradient)
                # A backward pass may sum over paths in another order.
                if difference > 10 * RELATIVE_TOLERANCE:
                    raise TruthError(
                        f"prefix and suffix do not have the model's gradient at {where}: relative difference "
                        f"{difference:.1e}, expected at most {10 * RELATIVE_TOLERANCE:.0e}; a custom "
                        "autograd function or a no_grad block, which a graph capture loses, is the usual "
                        "reason"
                    )
    return worst
