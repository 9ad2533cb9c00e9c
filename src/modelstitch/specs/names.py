"""The names that specs may hold, and the versions of results."""

from __future__ import annotations

import math
from typing import Literal

from modelstitch.errors import SpecError

RESULT_VERSION = 9
"""Raised whenever the same spec would give other numbers; part of the key of every cell."""

TASKS = ("classification", "multi-label", "regression", "next-token", "masked-token", "retrieval")
"""What a network may be scored on, beside tasks of the user's own."""

TOKEN_TASKS = ("next-token", "masked-token")
"""Tasks whose target is a token at every position."""

INTERPOLATIONS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
"""How images are scaled: the filters of Pillow."""

NORMS = ("none", "batch")

OUTPUT_SCALES = ("logits", "probabilities", "log-probabilities", "sigmoid", "log-sigmoid")
"""What outputs may be: scores before a softmax or sigmoid; what a softmax gives over all classes, or its
logarithm; what a sigmoid gives for each class by itself, or its logarithm."""

EVIDENCE = (
    "errors",
    "kept",
    "similarity",
    "distribution",
    "trajectory",
    "agreement",
    "information",
    "geometry",
    "geometry-pooled",
    "rank",
    "robustness",
    "selectivity",
    "label-sets",
)
STANDARD_EVIDENCE = EVIDENCE[:8]
"""Kinds of evidence that are measured by default; the others are asked for by name."""

EVIDENCE_VERSION = 6
"""Raised whenever the same stitches would give other evidence."""

ROLE_SEEDS = {"sender": 0, "receiver": 1}
"""Seeds of untrained models given by a source's name alone: sender and receiver must differ."""

IN_MEMORY = "in memory"
"""Source of data that were given in memory; a module of the caller's own is called ``Net (sender)``."""

Norm = Literal["none", "batch"]

RandomName = Literal["redraw", "permute"]

RANDOM = ("redraw", "permute")
"""What becomes of tensors of an untrained copy that nothing draws: refused, or permuted within themselves."""


def positive(name: str, value: float | None, *, zero: bool = False) -> None:
    """Raise unless ``value`` is None, above 0, or 0 where that is allowed."""
    if value is not None and not (math.isfinite(value) and (value > 0 or (zero and value == 0))):
        raise SpecError(f"expected {name} {'>= 0' if zero else '> 0'}, got {value}")


def at_most(name: str, value: float | None, most: int) -> None:
    """Raise where ``value`` is above ``most``: it was mistyped."""
    if value is not None and value > most:
        raise SpecError(f"expected {name} of at most {most:,}, got {value:,}")
