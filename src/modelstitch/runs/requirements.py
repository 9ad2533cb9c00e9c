"""What networks, data and choices must fulfil before anything is fitted; each error says what to change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from modelstitch.cutting.certify import has_nan
from modelstitch.data.class_names import nearest
from modelstitch.data.parts import Data
from modelstitch.errors import CutError, DataError, ModelError, SpecError
from modelstitch.grid.side import Side
from modelstitch.specs import CONTROLS, OBJECTIVES, CellSpec, StitchSpec

_MOST_LISTED = 3
_FEW = 64
"""Training examples that are looked through for NaN."""


def expect_outputs(receiver: Side) -> None:
    """Raise unless the receiver has an output for every class of the data, or what their task needs.

    Raises:
        DataError: data and receiver do not fit.
    """
    if receiver.can_score:
        return
    data, name, labels = receiver.data, receiver.network.name, receiver.labelling
    if labels is None:
        assert data.scored_by is not None
        assert data.scored_by.needs is not None
        least, may_be_more = data.scored_by.needs(data.train.targets)
        raise DataError(
            f"data {data.name} needs {least} {'output' if least == 1 else 'outputs'}"
            f"{' at least' if may_be_more else ''} for the task {data.scored_by.name}, "
            f"but receiver {name} has {receiver.n_outputs}; data and receiver must fit"
        )
    if labels.by == "names":
        raise DataError(
            f"data {data.name}: {len(labels.missing)} of {labels.n_classes} classes are no class of receiver "
            f"{name} by name: {_with_nearest(labels.missing, receiver.network.classes or ())}; "
            "name the classes alike (--data-classes, --receiver-classes), or leave these classes out"
        )
    if data.finest is not None:
        raise DataError(
            f"data {data.name} is labelled by {data.finest.by.name!r}, {len(data.classes)} labels for "
            f"{len(data.finest.classes)} classes, but receiver {name} has {labels.n_outputs} outputs; "
            f"expected {len(data.classes)}, or at least {labels.highest + 1}"
        )
    raise DataError(
        f"data {data.name} has {len(data.classes)} classes, labels 0 to {labels.highest}, "
        f"but receiver {name} has {labels.n_outputs} outputs; labels and receiver must fit"
    )


def _with_nearest(missing: Sequence[str], known: Sequence[str]) -> str:
    """Return the first missing classes, each with the class of the receiver that is written nearly alike."""
    pairs = [(name, nearest(name, known)) for name in missing[:_MOST_LISTED]]
    listed = ", ".join(repr(name) if near is None else f"{name!r} (nearest {near!r})" for name, near in pairs)
    return listed + (", ..." if len(missing) > _MOST_LISTED else "")


def expect_independent_examples(receiver: Side) -> None:
    """Raise where the receiver's outputs for an example depend on the other examples of its batch.

    Raises:
        ModelError: its score would depend on the order of the examples, or is not a number.
    """
    if not receiver.by_batch:
        return
    some = receiver.inputs.batch("train", torch.arange(min(_FEW, len(receiver.data.train))))
    with torch.no_grad():
        if has_nan(receiver.network.module(some.x, **some.own)):  # NaN differs from itself
            raise ModelError(
                f"receiver {receiver.network.name} gives NaN for some training examples; expected numbers: "
                "take these examples out of the data, or mend the layer that makes it"
            )
    norms = [
        name
        for name, layer in receiver.network.module.named_modules()
        if isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.running_mean is None
    ]
    named = f": {norms[0]} has no running statistics (track_running_stats=False)" if norms else ""
    raise ModelError(
        f"receiver {receiver.network.name} gives an example other outputs in another batch{named}; expected "
        "a receiver whose score does not depend on the order of the examples: give one with running "
        "statistics, or use this model as the sender"
    )


def expect_no_norm_of_padding(stitches: Sequence[StitchSpec], data: Data) -> None:
    """Raise where a stitch has batch norms and the examples have padding.

    Raises:
        SpecError: the norms' statistics would count padding.
    """
    normed = [stitch for stitch in stitches if stitch.norm == "batch"]
    if normed and (data.is_text or data.train.present is not None):
        raise SpecError(
            f"expected norm none with a mask, got {normed[0].label}: "
            "the statistics of batch norms would count padding"
        )


def expect_controls_fit(controls: Sequence[str], data: Data) -> None:
    """Raise where a control means nothing for the data.

    Raises:
        SpecError: a label-only sender without several labels, or a probe without one label for each example.
    """
    task = data.task
    blind = [control for control in controls if CONTROLS[control].label_only]
    if blind and len(data.classes) < 2 and not task.by_position:
        raise SpecError(
            f"expected groups of examples with the control {blind[0]}, whose sender holds the group alone; "
            f"data {data.name} has one: give several classes, for a task without classes groups (groups of "
            "data_from, --within-column), or leave the control out"
        )
    read_out = [control for control in controls if CONTROLS[control].read_out]
    if read_out and (task.by_position or not task.has_classes):
        raise SpecError(
            f"expected the control {read_out[0]} with one label for each example, "
            f"got the task {task.name}: leave it out"
        )


def expect_gradients(receiver: Side, cells: Sequence[CellSpec], objective: str) -> None:
    """Raise unless a gradient reaches the representation at every cut where a stitch is fitted by gradient.

    Raises:
        CutError: the receiver switches gradients off behind a cut.
    """
    few = torch.arange(min(2, len(receiver.data.train)))
    by_gradient = {
        cell.receiver_cut: cell.stitch.objective or objective
        for cell in cells
        if not OBJECTIVES[cell.stitch.objective or objective].least_squares
        and cell.stitch.info.has_parameters
    }
    for name, fitted_to in by_gradient.items():
        (y,) = receiver.represent((name,), "train", few, torch.float32, unaccelerated=True)
        if not _is_reached(receiver.bound(receiver.suffix(name), "train"), y, few):
            raise CutError(
                f"no gradient reaches the cut {name!r} of receiver {receiver.network.name}, "
                f"so that no stitch can be fitted there to {fitted_to}: "
                "take torch.no_grad() and torch.inference_mode() out of its forward and give layers that "
                "have a backward pass, cut behind them, or fit to match (--objective match)"
            )


def _is_reached(run: Callable[[Tensor, Tensor], Any], y: Tensor, few: Tensor) -> bool:
    """Tell whether a gradient of a suffix's output reaches its input."""
    with torch.enable_grad():
        leaf = y.clone().requires_grad_()
        try:
            output = run(leaf, few)
            if not output.requires_grad:
                return False
            (gradient,) = torch.autograd.grad(output.sum(), leaf, allow_unused=True)
        except RuntimeError as error:  # PyTorch about an operator without a backward pass
            if not any(sign in str(error) for sign in ("nference", "derivative", "not implemented")):
                raise
            return False
    return gradient is not None
