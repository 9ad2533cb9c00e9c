"""Tasks: loss, score and best constant answer. A task is one file here and one row of ``table``."""

from __future__ import annotations

from modelstitch.tasks.classification import CLASSIFICATION, by_label_set, is_correct
from modelstitch.tasks.multi_label import MULTI_LABEL
from modelstitch.tasks.numbering import Numbering, numbering
from modelstitch.tasks.reading import OutputReading
from modelstitch.tasks.regression import regression
from modelstitch.tasks.retrieval import RETRIEVAL
from modelstitch.tasks.table import TASK_TABLE, task_named
from modelstitch.tasks.task import IGNORED, Batch, Targets, Task, at, joined, mean_score
from modelstitch.tasks.tokens import TOKENS, shifted

__all__ = [
    "CLASSIFICATION",
    "IGNORED",
    "MULTI_LABEL",
    "RETRIEVAL",
    "TASK_TABLE",
    "TOKENS",
    "Batch",
    "Numbering",
    "OutputReading",
    "Targets",
    "Task",
    "at",
    "by_label_set",
    "is_correct",
    "joined",
    "mean_score",
    "numbering",
    "regression",
    "shifted",
    "task_named",
]
