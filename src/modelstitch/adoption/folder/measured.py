"""What a candidate does on the confirming, and on the calibrating, examples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from modelstitch.adoption.division import Division, groups_of
from modelstitch.adoption.folder.calibration_file import Calibration, calibration, features_of
from modelstitch.adoption.folder.deployed import original_outputs
from modelstitch.adoption.score_intervals import difference_interval, mean_interval
from modelstitch.cutting.capture import no_fused_attention
from modelstitch.data.parts import PartName
from modelstitch.errors import DataError
from modelstitch.fitting.schedules import spread
from modelstitch.geometry.intervals import ValueWithInterval
from modelstitch.grid.scoring import scored
from modelstitch.results.stitched import StitchedCell
from modelstitch.tasks import Targets, mean_score

_TRAIN_EXAMPLES = 2000
"""Training examples that the distance of a representation is made from, at most."""


@dataclass(frozen=True, kw_only=True)
class Confirmed:
    """What a candidate does on the confirming examples.

    Attributes:
        score: of the stitched network, with its interval.
        lost: score of the whole receiver less that of the stitched network, with its interval; None where the
            receiver has no score of its own.
        sender, receiver: scores of the whole networks; None where they have none.
        n: number of examples.
    """

    score: ValueWithInterval
    lost: ValueWithInterval | None
    sender: float | None
    receiver: float | None
    n: int


def figures(stitched: StitchedCell, division: Division) -> Confirmed:
    """Measure a stitched network on the confirming examples."""
    chosen = division.confirm
    own = scored(stitched.task, _outputs(stitched, chosen))
    groups = groups_of(stitched.sides[1].data, chosen)
    whole = [side.own_scores for side in stitched.sides]
    sender, receiver = (None if scores is None else scores.cpu()[chosen] for scores in whole)
    return Confirmed(
        score=mean_interval(own, groups=groups),
        lost=None if receiver is None else difference_interval(receiver, own, groups=groups),
        sender=None if sender is None else mean_score(sender),
        receiver=None if receiver is None else mean_score(receiver),
        n=len(chosen),
    )


def calibrated(stitched: StitchedCell, division: Division) -> Calibration:
    """Measure what a monitor is calibrated with, on the calibrating examples and on training examples.

    Raises:
        DataError: fewer than 100 calibrating examples, or values that are not finite.
    """
    chosen, task, reading = division.calibrate, stitched.task, stitched.reading
    batches = list(_outputs(stitched, chosen))
    answers = labels = torch.zeros(0, dtype=torch.int64)
    if task.has_classes and task.axes == 2:
        scores = torch.cat([reading.answers(outputs) for outputs, _ in batches])
        given = stitched.sides[1].data.heldout.labels[chosen].cpu()
        n_classes = scores.shape[1]
        answers = scores.argmax(1).bincount(minlength=n_classes)
        labels = given.bincount(minlength=n_classes)
    few = spread(torch.arange(len(stitched.sides[1].data.train)), _TRAIN_EXAMPLES)
    train_features = features(stitched, "train", few)
    if not bool(train_features.isfinite().all()):
        raise DataError("expected finite stitched representations of training examples, got NaN or infinity")
    return calibration(
        train_features=train_features,
        features=features(stitched, "held-out", chosen),
        losses=torch.cat([task.losses(outputs, targets) for outputs, targets in batches]),
        scores=scored(task, batches),
        answers=answers,
        labels=labels,
    )


def features(stitched: StitchedCell, part: PartName, indices: Tensor) -> Tensor:
    """Return the features (n, D) of the stitched representations of some examples."""
    sender, receiver = stitched.sides
    layout = receiver.cut(stitched.spec.receiver_cut).layout
    found = []
    with torch.no_grad(), no_fused_attention():
        for some in indices.split(sender.score_batch):
            given = sender.inputs.batch(part, some)
            (provided,) = stitched.prefix(given.x, **given.kwargs)
            found.append(features_of(layout.features_first(stitched.stitch(provided.float())), 1).cpu())
    return torch.cat(found)


def _outputs(stitched: StitchedCell, indices: Tensor) -> Iterator[tuple[Tensor, Targets]]:
    """Yield what the task takes of some held-out examples, with their targets, on the CPU."""
    sender, receiver = stitched.sides
    heldout = receiver.data.heldout.mapped(lambda value: value.cpu())
    for some in indices.split(receiver.score_batch):
        outputs = original_outputs(stitched, sender, receiver, "held-out", some)
        first = next(iter(outputs.values()))
        yield stitched.reading.as_scores(first), heldout.targets_for(stitched.task, some)
