"""Find the cuts of a model and split it there, exactly.

:func:`cuts` and :func:`split` are for users; :func:`cut_model` gives the rest of the package prefixes and
suffixes at any cut of one model.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from torch import Tensor, nn
from torch.export import ExportedProgram

from modelstitch.cutting.cache import GraphCache
from modelstitch.cutting.cached import cuts_of_graph
from modelstitch.cutting.capture import (
    CUSTOM_BACKWARD,
    NO_KWARGS,
    TAKES_GRADIENTS,
    Kwargs,
    NotCapturableError,
    why_backward_is_lost,
)
from modelstitch.cutting.certify import certify
from modelstitch.cutting.cut import Cut, CutModel
from modelstitch.cutting.cut_list import CutList
from modelstitch.cutting.deterministic import as_module, expect_deterministic
from modelstitch.cutting.examples import Example, read_examples
from modelstitch.cutting.graph import GraphCutModel
from modelstitch.cutting.hooks import HookCutModel
from modelstitch.cutting.reference import reference_of
from modelstitch.errors import CutError, TruthError
from modelstitch.util.arguments import checked
from modelstitch.util.random_state import kept_random_state

__all__ = ["Cut", "CutList", "CutModel", "GraphCutModel", "certify", "cut_model", "cuts", "split"]


def cut_model(
    model: nn.Module,
    example: Tensor,
    name: str = "model",
    kwargs: Kwargs = NO_KWARGS,
    output: str | None = None,
    cache: Path | None = None,
) -> CutModel:
    """Find the cuts of a model by graph capture, or by hooks on its modules where no graph can be captured.

    Args:
        model: any module; it is read in eval mode and left as it was.
        example: (N, ...) inputs with N >= 2.
        name: what to call the model in errors.
        kwargs: (N, ...) further inputs by name of argument, such as a mask: both halves are given them.
        output: name or number of the output that it is cut for, where it gives several.
        cache: folder where captured graphs are kept, and looked for first.

    Raises:
        ModelError: the model does not run on ``example``, or has no such output.
        CutError: the model has no legal cut, or changes its own buffers or its input.
        RunError: the cache cannot be used.
    """
    kept = None if cache is None else GraphCache(cache)
    lost: list[str | None] = []

    def run_backward_too(x: Tensor, further: Kwargs) -> None:
        lost.append(why_backward_is_lost(model, x, further))

    given = expect_deterministic(model, example, name, kwargs, between=run_backward_too)
    found: CutModel
    try:
        if lost[0] not in (None, CUSTOM_BACKWARD):
            raise NotCapturableError(f"model {name} {lost[0]}")
        found = cuts_of_graph(kept, model, example, name, kwargs, output, given)
        if lost[0] is not None:
            _expect_own_gradients(found, model, example, name, kwargs)
    except NotCapturableError as error:
        found = _by_hooks(model, example, name, str(error), kwargs, output)
        found.kept = "" if kept is None else ", which no cache holds"
    found.technique += reference_of(model, example, name, kwargs, given)
    return found


def _expect_own_gradients(
    found: CutModel, model: nn.Module, example: Tensor, name: str, kwargs: Kwargs
) -> None:
    """Raise unless the derivative of the graph is what a custom backward pass gives on the examples."""
    first = found.cuts[0].name
    halves = found.prefix(first), found.suffix(first)
    try:
        certify(model, *halves, example, f"cut {first!r}", kwargs, found.outputs_after(first))
    except TruthError as error:
        raise NotCapturableError(f"model {name} {CUSTOM_BACKWARD}") from error
    found.technique += (
        ", with the derivative of its operations in the place of a custom backward pass, which gives the "
        "same on these inputs"
    )


def _by_hooks(
    model: nn.Module, example: Tensor, name: str, reason: str, kwargs: Kwargs, output: str | None
) -> CutModel:
    """Return the cuts by hooks; a model that takes gradients in its forward and has none is told so alone."""
    try:
        return HookCutModel(model, example, name, reason, kwargs, output)
    except CutError as error:
        if TAKES_GRADIENTS not in reason:
            raise
        raise CutError(
            f"model {name} has no cut: it {TAKES_GRADIENTS}, which goes back to the input around every "
            "module; cut the network inside of it, whose gradient is taken"
        ) from error


@checked()
def cuts(
    model: nn.Module | ExportedProgram,
    example: Example,
    kwargs: Kwargs | None = None,
    *,
    output: str | None = None,
    cache: str | Path | None = None,
) -> CutList:
    """Find every cut of ``model`` on its way from ``example`` to the output; capture it once, split it often.

    A model that gives several outputs is cut for one of them. A suffix gives this output, and each other one
    that follows from the representation; None stands for the others. A key/value cache is left out.

    Args:
        model: any module, or what torch.export made of one; read in eval mode and left as it was.
        example: (N, ...) inputs: a tensor or an array; a tuple of tensors in the order of the model's
            arguments; or a mapping by their names, such as what a tokenizer gives.
        kwargs: (N, ...) further inputs by name of argument, such as a mask.
        output: name or number of the output that it is cut for; by default the only one, the one called
            ``logits``, ``scores`` or ``last_hidden_state``, or the first.
        cache: folder where captured graphs are kept, and looked for first; what is found there is certified
            again. Its files hold neither code nor weights.

    Returns:
        A sequence of the cuts, from the input on; its ``boundaries`` are those at the ends of blocks. It
        keeps ``model`` and ``example``, for :meth:`CutList.split`.

    Raises:
        ModelError: the model does not run on ``example``, or has no such output.
        CutError: the model cannot be captured, or has no legal cut.
        RunError: the cache cannot be made, or others can write it.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
        >>> model_cuts = cuts(model, torch.zeros(2, 1, 8, 8))
        >>> [(cut.name, cut.shape) for cut in model_cuts]
        [('0', (4, 6, 6)), ('1', (4, 6, 6)), ('2', (144,))]
        >>> prefix, suffix = model_cuts.split("1")
        >>> suffix(prefix(torch.zeros(5, 1, 8, 8))).shape
        torch.Size([5, 2])
    """
    own, x, further = read_examples(as_module(model), example, kwargs)
    with kept_random_state():
        again = partial(_cut_again, own, output, None if cache is None else Path(cache))
        return CutList(again(x, further), own, x, further, again)


def _cut_again(
    model: nn.Module, output: str | None, cache: Path | None, x: Tensor, kwargs: Kwargs
) -> CutModel:
    return cut_model(model, x, kwargs=kwargs, output=output, cache=cache)


@checked()
def split(
    model: nn.Module | ExportedProgram,
    cut: str | Cut,
    example: Example,
    kwargs: Kwargs | None = None,
    *,
    output: str | None = None,
    cache: str | Path | None = None,
) -> tuple[nn.Module, nn.Module]:
    """Split ``model`` at ``cut`` into a prefix and a suffix, and check both against the model.

    For several cuts of one model, find them once: ``cuts(model, example).split(cut)``.

    .. math:: \\mathrm{suffix}(\\mathrm{prefix}(x)) = \\mathrm{model}(x)

    Args:
        model: any module, or what torch.export made of one.
        cut: a cut from :func:`cuts`, or its name.
        example: (N, ...) real inputs, on which the split is checked, in any form that :func:`cuts` takes.
        kwargs: (N, ...) further inputs by name of argument, such as a mask.
        output: name or number of the output that it is cut for, where it gives several.
        cache: folder where captured graphs are kept, as for :func:`cuts`.

    Returns:
        The prefix (input to representation) and the suffix (representation to output); both share the model's
        parameters and carry gradients. Further inputs are keyword arguments of both. A suffix that looks for
        known tokens, such as the last one that is no padding, takes the tokens by the name of the model's own
        argument: ``suffix(prefix(ids), input_ids=ids)``.

    Raises:
        CutError: no such cut.
        TruthError: the two halves do not reproduce the model.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> x = torch.randn(5, 3)
        >>> prefix, suffix = split(model, "1", x)
        >>> torch.equal(suffix(prefix(x)), model(x))
        True
    """
    return cuts(model, example, kwargs, output=output, cache=cache).split(cut)
