"""The names that specs may hold, and the versions of results."""

from __future__ import annotations

import math
from typing import Literal

from modelstitch.errors import SpecError
from modelstitch.specs.controls import TRAINED

RESULT_VERSION = 6
"""Raised whenever the same spec would give other numbers; part of the key of every cell."""

FAMILIES = ("identity", "scale", "orthogonal", "pooled", "lowrank", "affine", "conv", "mlp")
DEFAULT_SIZES = {"lowrank": 8, "conv": 3, "mlp": 64}
"""Families that take a number in brackets (rank, kernel, hidden units), and the number when none is given."""

TASKS = ("classification", "multi-label", "regression", "next-token", "masked-token", "retrieval")
"""What a network may be scored on, beside tasks of the user's own."""

TOKEN_TASKS = ("next-token", "masked-token")
"""Those that want a token at every position."""

NORMED_FAMILIES = ("pooled", "lowrank", "affine", "conv", "mlp")
NORMS = ("none", "batch")
CONTROLS = (
    TRAINED,
    "random-sender",
    "random-sender-bn",
    "random-receiver",
    "random-receiver-bn",
    "random-both",
    "random-both-bn",
    "clustered-noise",
    "one-hot",
    "self-stitch",
    "probe",
    "shuffled-labels",
)
"""The real grid (``trained``) and its controls, in the order in which they are shown."""

VERDICT_CONTROLS = ("random-sender", "clustered-noise", "one-hot", "self-stitch")
"""What a verdict is read against."""

PROTOCOLS = ("default", "paper", "bansal")
OBJECTIVES = ("task", "match", "logits", "latent")

EVIDENCE = (
    "errors",
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
STANDARD_EVIDENCE = EVIDENCE[:7]
"""Kinds of evidence that are measured unless told otherwise; the rest by name."""

EVIDENCE_VERSION = 2
"""Raised whenever the same stitches would give other evidence."""

ROLE_SEEDS = {"sender": 0, "receiver": 1}
"""Seeds of models given by name alone: two untrained ones of one source must not be the same network."""

Norm = Literal["none", "batch"]
Objective = Literal["task", "match", "logits", "latent"]


def positive(name: str, value: float | None, *, zero: bool = False) -> None:
    """Raise unless ``value`` is None, above 0, or 0 where that is allowed."""
    if value is not None and not (math.isfinite(value) and (value > 0 or (zero and value == 0))):
        raise SpecError(f"expected {name} {'>= 0' if zero else '> 0'}, got {value}")


def at_most(name: str, value: float | None, most: int) -> None:
    """Raise where ``value`` is beyond what anybody means."""
    if value is not None and value > most:
        raise SpecError(f"expected {name} of at most {most:,}, got {value:,}")
