"""Find the cuts of a model and split it there, exactly.

:func:`cuts` and :func:`split` are for users; :func:`cut_model` gives the rest of the package prefixes and
suffixes at any cut of one model.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.export import ExportedProgram

from modelstitch.cutting.capture import NO_MORE, More, NotCapturableError, why_backward_is_lost
from modelstitch.cutting.certify import certify
from modelstitch.cutting.cut_list import CutList
from modelstitch.cutting.graph import Cutting
from modelstitch.cutting.hooks import HookCutting
from modelstitch.cutting.listed import Cut, CutModel
from modelstitch.cutting.settled import as_module, expect_settled

__all__ = ["Cut", "CutList", "CutModel", "Cutting", "certify", "cut_model", "cuts", "split"]


def cut_model(model: nn.Module, example: Tensor, name: str = "model", more: More = NO_MORE) -> CutModel:
    """Find the cuts of a model by graph capture, or by hooks on its modules where no graph can be captured.

    Args:
        model: any module; it is read in eval mode and left as it was.
        example: (N, ...) inputs with N >= 2.
        name: what to call the model in errors.
        more: (N, ...) further inputs by name of argument, such as a mask: both halves are given them.

    Raises:
        ModelError: the model does not run on ``example``.
        CutError: the model has no legal cut, or changes its own buffers or its input.
    """
    expect_settled(model, example, name, more)
    try:
        lost = why_backward_is_lost(model, example, more)
        if lost is not None:
            raise NotCapturableError(f"model {name} {lost}")
        return Cutting(model, example, name, more)
    except NotCapturableError as error:
        return HookCutting(model, example, name, str(error), more)


def cuts(model: nn.Module | ExportedProgram, example: Tensor, more: More | None = None) -> CutList:
    """Find every cut of ``model`` on its way from ``example`` to the output; capture it once, split it often.

    Args:
        model: any module, or what torch.export made of one; read in eval mode and left as it was.
        example: (N, ...) inputs with N >= 2.
        more: (N, ...) further inputs by name of argument, such as a mask.

    Returns:
        A sequence of the cuts, from the input on; its ``boundaries`` are those at the ends of blocks. It
        keeps ``model`` and ``example``, for :meth:`CutList.split`.

    Raises:
        ModelError: the model does not run on ``example``.
        CutError: the model cannot be captured, or has no legal cut.

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
    model, more = as_module(model), more or {}
    return CutList(cut_model(model, example, more=more), model, example, more)


def split(
    model: nn.Module | ExportedProgram, cut: str | Cut, example: Tensor, more: More | None = None
) -> tuple[nn.Module, nn.Module]:
    """Split ``model`` at ``cut`` into a prefix and a suffix, and check both against the model.

    For several cuts of one model, find them once: ``cuts(model, example).split(cut)``.

    .. math:: \\mathrm{suffix}(\\mathrm{prefix}(x)) = \\mathrm{model}(x)

    Args:
        model: any module, or what torch.export made of one.
        cut: a cut from :func:`cuts`, or its name.
        example: (N, ...) real inputs with N >= 2, on which the split is checked.
        more: (N, ...) further inputs by name of argument, such as a mask.

    Returns:
        The prefix (input to representation) and the suffix (representation to output); both share the model's
        parameters and carry gradients. Further inputs are keyword arguments of both.

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
    return cuts(model, example, more).split(cut)
