"""Scores by finer and coarser labels: does a stitch hold when the task is finer than its own?"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from modelstitch.evidence.material import Definition, Material, Measurement
from modelstitch.geometry.intervals import GROUPS, jackknife_interval, wilson
from modelstitch.tasks import by_label_set, is_correct
from modelstitch.tasks.classification import chance

NAME = "label-sets"

DEFINITIONS = {
    "score_by": Definition(
        "score of the stitched network by each label set (and by the finest labels, `labels finest`), "
        "whichever one it was fitted to",
        "0 to 1",
        "higher",
        "",
        least=1,
    ),
    "receiver_score_by": Definition("the same of the whole receiver", "0 to 1", "", "", least=1),
    "share_by": Definition(
        "(score - chance) / (receiver's score - chance), where chance is to name the commonest label "
        "of the set",
        "about 0 to 1",
        "higher",
        "",
    ),
    "finest_if_right": Definition(
        "of the examples whose label in this set the stitched network gets right, the share whose "
        "finest label it gets right too",
        "0 to 1",
        "higher",
        "",
        least=1,
    ),
    "receiver_finest_if_right": Definition("the same of the whole receiver", "0 to 1", "", "", least=1),
}


def measure(material: Material) -> list[Measurement]:
    """Measure scores by every label set; none without several sets or outputs for the finest labels."""
    finest = material.finest
    if finest is None:
        return []
    stitched_scores, receiver_scores = (
        is_correct(finest.outputs, finest.labels),
        is_correct(finest.receiver_outputs, finest.labels),
    )
    measurements = _scores("finest", stitched_scores, receiver_scores, finest.labels)
    for name, label_of in finest.sets.items():
        task = by_label_set(label_of)
        labels = torch.tensor(label_of, device=finest.labels.device)[finest.labels]
        right = task.score(finest.outputs, labels)
        receiver_right = task.score(finest.receiver_outputs, labels)
        measurements += _scores(name, right, receiver_right, labels)
        measurements += [
            _share(f"{role}finest_if_right", name, both[some])
            for role, both, some in (
                ("", stitched_scores, right),
                ("receiver_", receiver_scores, receiver_right),
            )
        ]
    return measurements


def _scores(name: str, right: Tensor, receiver_right: Tensor, labels: Tensor) -> list[Measurement]:
    guess, n = chance(labels), len(labels)

    def of_receiver(some: Tensor) -> float:
        above = float(receiver_right[some].double().mean()) - guess
        return (float(right[some].double().mean()) - guess) / above if above > 0 else math.nan

    group = torch.arange(n, device=labels.device) % GROUPS
    keep = [torch.ones_like(group, dtype=torch.bool), *(group != index for index in range(GROUPS))]
    shares = torch.tensor([of_receiver(some) for some in keep], dtype=torch.float64)
    value, low, high = jackknife_interval(shares)
    return [
        _share("score_by", name, right),
        _share("receiver_score_by", name, receiver_right),
        Measurement(kind=NAME, name="share_by", where=f"labels {name}", value=value, low=low, high=high, n=n),
    ]


def _share(name: str, labels: str, right: Tensor) -> Measurement:
    n, hits = len(right), int(right.sum())
    low, high = wilson(hits, n) if n else (math.nan, math.nan)
    return Measurement(
        kind=NAME,
        name=name,
        where=f"labels {labels}",
        value=hits / n if n else math.nan,
        low=low,
        high=high,
        n=n,
    )
