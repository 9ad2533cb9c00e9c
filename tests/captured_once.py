"""Graphs of earlier tests: a capture takes a second or more, and most tests cut the same few networks."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from modelstitch.cutting import CutModel, GraphCutModel
from modelstitch.cutting.capture import eval_mode, no_fused_attention
from modelstitch.cutting.certify import RELATIVE_TOLERANCE, relative_difference
from modelstitch.cutting.copies import are_copies
from modelstitch.cutting.deterministic import expect_deterministic
from modelstitch.cutting.outputs import chosen_leaves

Kwargs = Mapping[str, Tensor]
CutsModel = Callable[[nn.Module, Tensor, str, Kwargs, str | None, Path | None], CutModel]

_KEPT = 40
"""Captures that are kept; the one that was needed last goes last."""


@dataclass(frozen=True)
class _Captured:
    """The cuts of a model, the model as it was then, and the form of what it was given."""

    cutting: GraphCutModel
    model: nn.Module
    form: object


def _form(example: Tensor, kwargs: Kwargs) -> object:
    return {name: (value.shape, value.dtype, value.device) for name, value in {"": example, **kwargs}.items()}


class CapturedOnce:
    """Finds cuts as ``cut_model`` does; a copy of a model that was captured before is given the same graph.

    The graph has to give the model's own output, as closely as a new one has to: without gradients,
    transformers of torch round otherwise. Hooks are always set anew.

    Args:
        cut_model: what captures a model that is not known yet.
    """

    def __init__(self, cut_model: CutsModel) -> None:
        self.cut_model = cut_model
        self._captured: deque[_Captured] = deque(maxlen=_KEPT)

    def __call__(
        self,
        model: nn.Module,
        example: Tensor,
        name: str,
        kwargs: Kwargs,
        output: str | None = None,
        cache: Path | None = None,
    ) -> CutModel:
        if cache is not None:  # a test of the cache itself
            return self.cut_model(model, example, name, kwargs, output, cache)
        form = _form(example, kwargs), output
        for captured in self._captured:
            if captured.form == form and are_copies(captured.model, model):
                cutting = captured.cutting.bind(model)
                cutting.name = name
                expect_deterministic(model, example, name, kwargs)
                if _reproduces(cutting, model, example, kwargs):
                    self._captured.remove(captured)
                    self._captured.append(captured)
                    return cutting
        found = self.cut_model(model, example, name, kwargs, output, None)
        if isinstance(found, GraphCutModel) and not _is_exported(model):
            as_it_was = copy.deepcopy(model)
            kept = found.bind(as_it_was)
            self._captured.append(_Captured(kept, as_it_was, form))
        return found


def _is_exported(model: nn.Module) -> bool:
    """Tell whether torch.export made a module, which cannot be copied without a warning then."""
    return any(type(module).__module__.startswith("torch.export") for module in model.modules())


def _reproduces(cutting: CutModel, model: nn.Module, example: Tensor, kwargs: Kwargs) -> bool:
    first = cutting.cuts[0].name
    prefix, suffix = cutting.prefix(first, frozen=True), cutting.suffix(first, frozen=True)
    with torch.no_grad(), no_fused_attention(), eval_mode(model):
        again = {} if cutting.input_name is None else {cutting.input_name: example}
        got = suffix(prefix(example, **kwargs)[0], **kwargs, **again)
        expected = chosen_leaves(model(example, **kwargs), cutting.outputs_after(first))
        return relative_difference(got, expected) <= RELATIVE_TOLERANCE
