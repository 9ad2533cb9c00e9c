"""Scores of torchmetrics, by name, beside the score of the task."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import pandas as pd
from torch import Tensor

from modelstitch.errors import SpecError, expect_one_of
from modelstitch.results.answers import Answered
from modelstitch.util.optional import optional_package

ALIASES = {
    "f1": "F1Score",
    "auroc": "AUROC",
    "calibration": "CalibrationError",
    "precision": "Precision",
    "recall": "Recall",
    "kappa": "CohenKappa",
    "mcc": "MatthewsCorrCoef",
}
"""Short names of scores; every other name is that of torchmetrics."""

_BY_TASK = {"classification": ("Multiclass", "num_classes"), "multi-label": ("Multilabel", "num_labels")}
"""By task: what stands before the name of a class of torchmetrics, and its argument for the classes."""


def extra_scores(answered: Answered, names: Sequence[str]) -> pd.DataFrame:
    """Return one row for each score: of the whole receiver, of the stitched network, and the change.

    Args:
        answered: the answers of both networks.
        names: of torchmetrics, or of :data:`ALIASES`.

    Raises:
        MissingExtraError: torchmetrics is not installed.
        SpecError: no such score for the task, or one that is not one number.
    """
    if not names:
        raise SpecError("expected the name of at least one score, got none, such as 'f1' or 'auroc'")
    package = optional_package("torchmetrics", "torchmetrics", f"the score {names[0]!r}")
    rows = []
    for name in names:
        receiver, stitched = (
            _one(package, name, answered, scores) for scores in (answered.receiver, answered.stitched)
        )
        rows.append({"name": name, "receiver": receiver, "stitched": stitched, "change": stitched - receiver})
    return pd.DataFrame(rows)


def _one(package: ModuleType, name: str, answered: Answered, scores: Tensor) -> float:
    targets, metric = answered.targets, _metric(package, name, answered, scores)
    if answered.task in _BY_TASK:
        targets = targets.long()
        scores = scores.softmax(1) if answered.task == "classification" else scores.sigmoid()
    try:
        value = metric(scores.float(), targets)
    except (ValueError, RuntimeError, TypeError) as error:
        raise SpecError(f"cannot compute the score {name!r} of torchmetrics here: {error}") from error
    if not hasattr(value, "numel") or value.numel() != 1:
        raise SpecError(
            f"expected a score that is one number, got {name!r}, which gives {type(value).__name__}"
        )
    return float(value)


def _metric(package: ModuleType, name: str, answered: Answered, scores: Tensor) -> Any:
    """Return the metric of torchmetrics for the task."""
    wanted = ALIASES.get(name.lower(), name)
    module = package.classification if answered.task in _BY_TASK else package
    prefix, argument = _BY_TASK.get(answered.task, ("", ""))
    known = {
        each.removeprefix(prefix): each
        for each in dir(module)
        if each.startswith(prefix) and each[:1].isupper() and isinstance(getattr(module, each), type)
    }
    wanted = wanted.removeprefix(prefix) if prefix else wanted
    expect_one_of(f"score of torchmetrics for {answered.task}", wanted, [*ALIASES, *known], SpecError)
    options = {argument: scores.shape[1]} if argument else {}
    return getattr(module, known[wanted])(**options)
