"""What a network is scored on. Each file defines one task: its loss, its score, and the score of the best constant answer."""

from __future__ import annotations

from modelstitch.tasks.classification import CLASSIFICATION, by_label_set, is_correct
from modelstitch.tasks.multi_label import MULTI_LABEL
from modelstitch.tasks.regression import regression
from modelstitch.tasks.retrieval import RETRIEVAL
from modelstitch.tasks.task import IGNORED, Batch, Targets, Task, at, joined, mean_score
from modelstitch.tasks.tokens import TOKENS, shifted

__all__ = [
    "CLASSIFICATION",
    "IGNORED",
    "MULTI_LABEL",
    "RETRIEVAL",
    "TOKENS",
    "Batch",
    "Targets",
    "Task",
    "at",
    "by_label_set",
    "is_correct",
    "joined",
    "mean_score",
    "regression",
    "shifted",
]
