"""Read probabilities as logits: what softmax, log-softmax and sigmoid give, recognised and undone."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from modelstitch.errors import ModelError

_LOGITS, _BETWEEN = "logits", "between 0 and 1"

_TOLERANCE = {torch.float16: 0.02, torch.bfloat16: 0.02}
"""How far sums of probabilities may be from 1; a thousandth in other precisions."""

_LEAST = {torch.float16: 2.0**-25}
"""What stands for a probability that was rounded to 0; the least normal number in other precisions."""


_CLOSEST = {torch.float16: 2.0**-12, torch.bfloat16: 2.0**-9}
"""What stands for the distance to 1 of a probability that was rounded to 1; 2^-25 in other precisions."""


def looks_like(outputs: Float[Tensor, "*n k"]) -> str:
    """Return the scale that outputs look like, or ``between 0 and 1``, which says too little to tell.

    Args:
        outputs: of several examples.

    Example:
        >>> scores = torch.tensor([[2.0, -1.0, 0.0], [0.0, 3.0, 1.0]])
        >>> looks_like(scores), looks_like(scores.softmax(1)), looks_like(scores.sigmoid())
        ('logits', 'probabilities', 'between 0 and 1')
    """
    tolerance = _TOLERANCE.get(outputs.dtype, 1e-3)
    x = outputs.double()
    if not len(x) or x.shape[-1] == 0 or not x.isfinite().all():
        # A log-probability may be minus infinity.
        is_log = x.numel() > 0 and not x.isnan().any() and bool((x <= tolerance).all())
        return "log-probabilities" if is_log and _sums_to_one(x.exp(), tolerance) else _LOGITS
    if bool((x >= -1e-6).all()) and bool((x <= 1 + tolerance).all()):
        return "probabilities" if _sums_to_one(x, tolerance) else _BETWEEN
    if bool((x <= tolerance).all()) and _sums_to_one(x.exp(), tolerance):
        return "log-probabilities"
    return _LOGITS


def needs_history(outputs: Float[Tensor, "*n k"]) -> bool:
    """Tell whether values alone may not say what outputs are."""
    return looks_like(outputs) != _LOGITS or bool((outputs <= 0).all())


def scale_of(outputs: Float[Tensor, "*n k"], logits: str, last: str | None) -> str | None:
    """Return the scale of outputs; None where they do not tell it.

    Args:
        outputs: of several examples.
        logits: what turns logits into probabilities, ``softmax`` or ``sigmoid``; see :class:`Task`.
        last: name of the last operation that made the outputs, as autograd has it; None where unknown.
    """
    seen = looks_like(outputs)
    if last == "LogSigmoidBackward":
        return "log-sigmoid"
    if seen != _BETWEEN and (logits == "softmax" or seen == _LOGITS):
        return seen
    if logits == "sigmoid" and seen == "log-probabilities":
        return _LOGITS
    if last in ("SigmoidBackward", "HardsigmoidBackward"):
        return "sigmoid"
    if last == "SoftmaxBackward":
        return "sigmoid" if logits == "sigmoid" else "probabilities"
    if last in _UNBOUNDED:
        return _LOGITS  # by chance: of few examples, or of a network that was not trained
    return None


_UNBOUNDED = frozenset(
    f"{name}Backward"
    for name in (
        *("Addmm", "Mm", "Linear", "Bmm", "Baddbmm", "Convolution", "MkldnnLinear", "Mv"),
        *("Relu", "LeakyRelu", "Elu", "Gelu", "Softplus"),
    )
)
"""Last operations whose values may be above 1."""

_CHANGE_NO_VALUE = frozenset(
    f"{name}Backward"
    for name in (
        *("View", "UnsafeView", "Reshape", "ReshapeAlias", "Squeeze", "Unsqueeze", "Slice", "Select", "T"),
        *("Transpose", "Permute", "Clone", "ToCopy", "Expand", "Alias", "Flatten", "Contiguous"),
    )
)


def last_operation(outputs: Tensor) -> str | None:
    """Return the name of the last operation that made values, such as ``SigmoidBackward``.

    Args:
        outputs: with their history; None is returned where autograd kept none.

    Example:
        >>> x = torch.zeros(2, 3, requires_grad=True)
        >>> last_operation(x.sigmoid().flatten()), last_operation(x.detach())
        ('SigmoidBackward', None)
    """
    node = outputs.grad_fn
    while node is not None:
        name = type(node).__name__.rstrip("0123456789")
        if name not in _CHANGE_NO_VALUE:
            return name
        node = node.next_functions[0][0] if node.next_functions else None
    return None


def as_logits(outputs: Float[Tensor, "*n k"], scale: str) -> Float[Tensor, "*n k"]:
    r"""Return logits of outputs on a scale; the order of an example's values stays as it is.

    .. math:: \log p \text{ of a softmax},\quad \log \frac{p}{1 - p} \text{ of a sigmoid}

    Example:
        >>> scores = torch.tensor([[1.0, -2.0]])
        >>> as_logits(scores.sigmoid(), "sigmoid").allclose(scores, atol=1e-5)
        True
    """
    if scale in (_LOGITS, "log-probabilities"):
        return outputs
    x = outputs if outputs.dtype == torch.float64 else outputs.float()
    closest = _CLOSEST.get(outputs.dtype, 2.0**-25)
    if scale == "log-sigmoid":
        return x - (-torch.expm1(x)).clamp_min(closest).log()
    least = _LEAST.get(outputs.dtype, torch.finfo(torch.float32).tiny)
    logs = x.clamp_min(least).log()
    return logs if scale == "probabilities" else logs - (1 - x).clamp_min(closest).log()


def expect_scale(outputs: Float[Tensor, "*n k"], scale: str) -> None:
    """Raise unless outputs can be on the scale that a user gave.

    Raises:
        ModelError: values outside, or rows that do not sum to 1.
    """
    tolerance = _TOLERANCE.get(outputs.dtype, 1e-3)
    x = outputs.double()
    low, high = float(x.min()), float(x.max())
    if scale in ("probabilities", "sigmoid") and (low < -1e-6 or high > 1 + tolerance):
        raise ModelError(f"expected {scale} from 0 to 1, got values from {low:.4g} to {high:.4g}")
    if scale in ("log-probabilities", "log-sigmoid") and high > tolerance:
        raise ModelError(f"expected {scale} of at most 0, got values up to {high:.4g}")
    sums = {"probabilities": x, "log-probabilities": x.exp()}.get(scale)
    if sums is not None and not _sums_to_one(sums, tolerance):
        raise ModelError(
            f"expected {scale} that sum to 1 over the classes of an example, got a sum of "
            f"{float(sums.sum(-1).flatten()[0]):.4g}"
        )


def _sums_to_one(x: Tensor, tolerance: float) -> bool:
    return x.shape[-1] > 1 and bool(((x.sum(-1) - 1).abs() <= tolerance).all())
