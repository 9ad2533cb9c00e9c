"""What a monitor measures of examples: numbers that are ranked against those of the calibrating ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from modelstitch.adoption.folder.calibration_file import Calibration, distances
from modelstitch.adoption.folder.loading import LoadedStitched
from modelstitch.adoption.folder.processes import COORDINATE, DISTANCE, LABEL, LOSS
from modelstitch.cutting.capture import no_fused_attention
from modelstitch.errors import DataError
from modelstitch.tasks import Task
from modelstitch.tasks.scales import as_logits

BATCH = 256
"""Examples that the network sees at once."""

Columns = Mapping[str, Float[ndarray, " n"]]
"""Numbers of n examples, by the name of the process that follows them."""


@dataclass(frozen=True)
class Unlabelled:
    """What is known of examples without their labels.

    Attributes:
        columns: distance and leading coordinates of the stitched representation.
        outputs: (n, ...) what the task's loss takes.
    """

    columns: Columns
    outputs: Tensor


def unlabelled(loaded: LoadedStitched, found: Calibration, given: Mapping[str, Tensor]) -> Unlabelled:
    """Measure examples without their labels.

    Args:
        loaded: the network of a candidate.
        found: its calibration.
        given: (n, ...) inputs by name.

    Raises:
        DataError: inputs that do not keep the contract, or an example whose outputs are not finite.
    """
    first, *others = (one.name for one in loaded.spec.contract.inputs)
    features, outputs = [], []
    with torch.no_grad(), no_fused_attention():
        for rows in torch.arange(len(given[first])).split(BATCH):
            some = {name: given[name][rows] for name in others}
            features.append(loaded.features(given[first][rows], **some))
            outputs.append(as_logits(loaded(given[first][rows], **some), loaded.spec.contract.scale))
    return unlabelled_of(torch.cat(features), torch.cat(outputs), found)


def unlabelled_of(features: Tensor, outputs: Tensor, found: Calibration) -> Unlabelled:
    """Return what is known of examples from their features (n, D) and outputs (n, ...).

    Raises:
        DataError: an example for which they are not finite.
    """
    finite = features.isfinite().all(1) & outputs.isfinite().flatten(1).all(1)
    if not bool(finite.all()):
        raise DataError(
            f"the network gives NaN or infinity for {int((~finite).sum())} of {len(finite)} new examples, "
            f"the first is number {int((~finite).nonzero()[0])}: nothing of this call is recorded"
        )
    columns = {DISTANCE: distances(features, found.mean, found.whitener)}
    along = (features - found.mean) @ found.directions if len(found.coordinates) else features[:, :0]
    columns |= {f"{COORDINATE}-{number + 1}": value for number, value in enumerate(along.T)}
    return Unlabelled({name: _array(value) for name, value in columns.items()}, outputs)


def labelled(task: Task, outputs: Tensor, targets: Tensor, *, classes: bool) -> Columns:
    """Return the loss of each example and, where there are classes, its label.

    Args:
        task: of the candidate.
        outputs: (n, ...) as :class:`Unlabelled` has them.
        targets: (n, ...).
        classes: whether labels are numbers of classes.

    Raises:
        DataError: a loss that is not finite.
    """
    losses = task.losses(outputs, targets)
    if not bool(losses.isfinite().all()):
        raise DataError("expected finite losses of labelled examples, got NaN or infinity")
    return {LOSS: _array(losses), **({LABEL: _array(targets)} if classes else {})}


def calibrating(found: Calibration) -> Columns:
    """Return the numbers of the calibrating examples, each column in ascending order."""
    columns = {DISTANCE: found.distance, LOSS: found.loss}
    columns |= {f"{COORDINATE}-{number + 1}": row for number, row in enumerate(found.coordinates)}
    if len(found.labels):
        columns[LABEL] = torch.arange(len(found.labels)).repeat_interleave(found.labels)
    return {name: _array(value) for name, value in columns.items()}


def _array(value: Tensor) -> Float[ndarray, " n"]:
    return np.asarray(value.detach().cpu().double().numpy())
