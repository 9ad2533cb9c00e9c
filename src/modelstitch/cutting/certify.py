"""Certify on real inputs that a cut reproduces its model: outputs and the gradient at the input."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from modelstitch.cutting.attributes import written
from modelstitch.cutting.capture import NO_KWARGS, Kwargs, eval_mode, no_fused_attention
from modelstitch.cutting.outputs import caches_off, chosen_leaves, leaves
from modelstitch.errors import CutError, TruthError

RELATIVE_TOLERANCE = 1e-5

_GRADIENT_TOLERANCE = 10 * RELATIVE_TOLERANCE
"""A backward pass may sum over paths in another order."""

_AT_ONCE = 2**20
"""How many numbers are compared in double precision at once."""

_SMALL = 2**16
"""Most numbers of a parameter whose gradient is compared, where the input has none."""


def relative_difference(got: Any, expected: Any) -> float:
    r"""Return the largest absolute difference, relative to the largest absolute expected value.

    .. math:: \max_i |g_i - e_i| / \max_i |e_i|

    Example:
        >>> relative_difference(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
        0.5
    """
    worst = 0.0
    for one, other in zip(leaves(got), leaves(expected), strict=True):
        if isinstance(other, Tensor) and other.numel() and not _same_bits(one, other):
            gap, scale = _gap_and_scale(one, other)
            # NaN compares false with everything and would pass a plain "larger than" test.
            if not gap <= 0:
                worst = max(worst, gap / scale if scale > 0 else float("inf"))
                if worst != worst or gap != gap:
                    return float("inf")
    return worst


def _same_bits(one: Any, other: Tensor) -> bool:
    same = isinstance(one, Tensor) and one.shape == other.shape and one.dtype == other.dtype
    return same and torch.equal(one, other)


def _gap_and_scale(one: Tensor, other: Tensor) -> tuple[float, float]:
    """Return the largest absolute difference and expected value; NaN where one is, or shapes differ."""
    if not isinstance(one, Tensor) or one.shape != other.shape:
        return float("nan"), float("nan")
    pairs = zip(one.reshape(-1).split(_AT_ONCE), other.reshape(-1).split(_AT_ONCE), strict=True)
    found = torch.tensor(
        [
            [(mine.double() - theirs.double()).abs().max().item(), theirs.double().abs().max().item()]
            for mine, theirs in pairs
        ],
        dtype=torch.float64,
    )
    gap, scale = found.max(0).values.tolist()
    return gap, scale


def has_nan(output: Any) -> bool:
    """Tell whether some tensor of an output holds NaN.

    Example:
        >>> has_nan((torch.zeros(2), {"logits": torch.tensor([float("nan")])}))
        True
    """
    return any(isinstance(leaf, Tensor) and bool(leaf.isnan().any()) for leaf in leaves(output))


@contextlib.contextmanager
def _gradient_at(model: nn.Module, sources: Sequence[nn.Parameter]) -> Iterator[None]:
    """Let ``sources`` have a gradient, and no other parameter of a model: others would need memory for it."""
    parameters = [parameter for parameter in model.parameters() if not parameter.is_inference()]
    before = [parameter.requires_grad for parameter in parameters]
    wanted = {id(source) for source in sources}
    try:
        for parameter in parameters:
            parameter.requires_grad_(id(parameter) in wanted)
        yield
    finally:
        for parameter, required in zip(parameters, before, strict=True):
            parameter.requires_grad_(required)


def _sources(prefix: nn.Module, x: Tensor) -> list[nn.Parameter]:
    """Return where the gradient is taken if the input has none: the small parameters of a prefix."""
    if x.is_floating_point():
        return []
    read = [p for p in prefix.parameters() if p.is_floating_point() and not p.is_inference()]
    small = [parameter for parameter in read if parameter.numel() <= _SMALL]
    return small or sorted(read, key=lambda parameter: parameter.numel())[:1]


_Result = tuple[Any, Sequence[Tensor | None] | None]
"""An output, and the gradient at each source; None where it has none at all."""


def _forward_and_gradient(run: Callable[[Tensor], Any], x: Tensor, parameters: list[nn.Parameter]) -> _Result:
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
    detached = [leaf.detach() if isinstance(leaf, Tensor) else leaf for leaf in leaves(output)]
    # Tokens have no gradient; the parameters before the cut do.
    sources = [x] if x.requires_grad else parameters
    if not (isinstance(total, Tensor) and total.requires_grad and sources):
        return detached, None
    gradients = torch.autograd.grad(total, sources, allow_unused=True)
    return detached, None if all(gradient is None for gradient in gradients) else gradients


def _gradient_difference(got: Sequence[Tensor | None], expected: Sequence[Tensor | None]) -> float:
    """Return the largest difference of the gradient, relative to its largest value."""
    gap, scale = 0.0, 0.0
    for mine, theirs in zip(got, expected, strict=True):
        like = theirs if theirs is not None else mine
        if like is not None:
            zero = torch.zeros((), dtype=like.dtype, device=like.device).expand(like.shape)
            pair = zero if mine is None else mine, zero if theirs is None else theirs
            apart, most = (0.0, _most(pair[1])) if _same_bits(*pair) else _gap_and_scale(*pair)
            if apart != apart or most != most:
                return float("inf")
            gap, scale = max(gap, apart), max(scale, most)
    return 0.0 if gap == 0 else gap / scale if scale > 0 else float("inf")


def _most(x: Tensor) -> float:
    return float(x.abs().max()) if x.numel() else 0.0


def _own(
    model: nn.Module, whole: Callable[[Tensor], Any], x: Tensor, sources: list[nn.Parameter], where: str
) -> _Result:
    """Return the model's output and gradient; where its cache has none, those of the model without it.

    Raises:
        CutError: it has no backward pass.
    """
    try:
        try:
            return _forward_and_gradient(whole, x, sources)
        except RuntimeError:
            with caches_off(model) as n_switched:
                if not n_switched:
                    raise
                return _forward_and_gradient(whole, x, sources)
    except RuntimeError as error:
        first_line = str(error).splitlines()[0]
        raise CutError(
            "the model itself cannot be differentiated, so no stitch can be fitted through it at "
            f"{where}: {first_line}"
        ) from error


@dataclass
class KnownAnswers:
    """What a model gives by itself, kept from one check to the next of the same model and examples.

    Attributes:
        whole: every leaf of its output for all examples, without gradients.
        asked: for which of the outputs, and at which parameters, the gradient was taken.
        part: output and gradient for the first half of the examples.
    """

    whole: list[Any] | None = None
    asked: object = None
    part: _Result | None = None


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
    known: KnownAnswers | None = None,
) -> float:
    """Check that ``suffix(prefix(x))`` and its gradient at ``x`` are those of ``model``, at two batch sizes.

    All examples are run without gradients, the first half of them with. Where ``x`` holds tokens, the
    gradient is taken at the small parameters of the prefix.

    Args:
        model: the whole model.
        prefix: input to a tuple of one representation.
        suffix: representation to output.
        x: (N, ...) real inputs, N >= 2.
        where: name of the cut, for the error.
        kwargs: (N, ...) further inputs by name of argument.
        outputs: of each leaf of the model's output whether the suffix gives it; all of them by default.
        known: keeps what the model itself gives for ``x``, for the next check. A difference from what it
            keeps is measured again, since the model may have changed in between.

    Returns:
        The largest relative difference; 0 where all bits agree.

    Raises:
        CutError: the model itself has no backward pass.
        TruthError: a difference above 1e-5 (gradient: 1e-4), or NaN in the model's own output.
    """
    known = KnownAnswers() if known is None else known
    sources = _sources(prefix, x)
    asked = outputs if outputs is None else tuple(outputs), tuple(map(id, sources))
    half = max(1, len(x) // 2)
    batch, further = x[:half], {name: value[:half] for name, value in kwargs.items()}
    whole = partial(_leaves_of, model, x, kwargs)
    part = partial(_chosen, partial(model, **further), outputs)
    with eval_mode(model), no_fused_attention(), _gradient_at(model, sources):
        kept = known.part if known.asked == asked else None
        known.asked, known.part = asked, kept or _own(model, part, batch, sources, where)
        with torch.no_grad():
            known_whole = known.whole
            known.whole = whole() if known_whole is None else known_whole
            got = leaves(_joined(prefix, suffix, kwargs, x)), None
            if known_whole is not None and not _agree(got, (chosen_leaves(known_whole, outputs), None)):
                known.whole = whole()  # the model may have changed since
            own = chosen_leaves(known.whole, outputs), None
            worst = _expect_same(got, own, where, len(x), model, whole)
        joined = _forward_and_gradient(partial(_joined, prefix, suffix, further), batch, sources)
        if kept is not None and not _agree(joined, kept):
            known.part = _own(model, part, batch, sources, where)
        return max(worst, _expect_same(joined, known.part, where, half, model, partial(part, batch)))


def _leaves_of(model: nn.Module, x: Tensor, kwargs: Kwargs) -> list[Any]:
    """Return the leaves of a model's output."""
    return leaves(model(x.clone(), **kwargs))


def _agree(got: _Result, own: _Result) -> bool:
    if relative_difference(got[0], own[0]) > RELATIVE_TOLERANCE or (got[1] is None) != (own[1] is None):
        return False
    return got[1] is None or _gradient_difference(got[1], own[1] or ()) <= _GRADIENT_TOLERANCE


def _expect_same(
    got: _Result, own: _Result, where: str, size: int, model: nn.Module, whole: Callable[[], Any]
) -> float:
    """Return the relative difference of two outputs.

    Raises:
        TruthError: it is too large, or that of the gradients, or the model gives NaN.
    """
    if has_nan(own[0]):
        raise TruthError(
            f"expected numbers from the model itself at {where}, got NaN for some of {size} "
            "examples: take them out of the data, or mend the layer that makes it"
        )
    difference = relative_difference(got[0], own[0])
    if difference > RELATIVE_TOLERANCE:
        names = written(model, whole)
        reason = f"; each call changes its attribute {names[0]}" if names else ""
        raise TruthError(
            f"prefix and suffix do not reproduce the model at {where}: relative difference "
            f"{difference:.1e} at batch {size}, expected at most {RELATIVE_TOLERANCE:.0e}{reason}"
        )
    if own[1] is None and got[1] is not None:
        raise TruthError(f"a gradient that the model stops passes through the cut at {where}")
    if own[1] is not None:
        if got[1] is None:
            raise TruthError(f"no gradient passes through the cut at {where}")
        apart = _gradient_difference(got[1], own[1])
        if apart > _GRADIENT_TOLERANCE:
            raise TruthError(
                f"prefix and suffix do not have the model's gradient at {where}: relative difference "
                f"{apart:.1e}, expected at most {_GRADIENT_TOLERANCE:.0e}; a custom autograd function or a "
                "no_grad block, which a graph capture loses, is the usual reason"
            )
    return difference
