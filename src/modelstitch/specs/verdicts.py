"""What a verdict may say, as types: its names, its confidences, and its reasons with their numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum


class VerdictName(StrEnum):
    """What comes across from the sender's part to the receiver's part."""

    INTERCHANGEABLE = "interchangeable"
    DECODABLE_ONLY = "decodable only"
    INCOMPATIBLE = "incompatible"
    CANNOT_TELL = "cannot tell"


class Confidence(StrEnum):
    """How far the deciding number lies from its threshold; the highest comes first."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Reason(StrEnum):
    """What decided a verdict; the value is the code in tables."""

    # No verdict: the cell cannot be judged.
    FIT_FAILED = "fit-failed"
    TOO_FEW_EXAMPLES = "too-few-examples"
    TOO_FEW_IN_CLASSES = "too-few-in-classes"
    SELF_STITCH_ABOVE_RECEIVER = "self-stitch-above-receiver"
    SELF_STITCH_AT_CHANCE = "self-stitch-at-chance"
    REFERENCES_TOO_CLOSE = "references-too-close"
    LABEL_CONTROL_SHORT = "label-control-short"
    # The score decides.
    TASK_NOT_DONE = "task-not-done"
    LOW_SCORE_NOT_CONVERGED = "low-score-not-converged"
    SCORE_BETWEEN = "score-between"
    # What is kept beyond the label decides.
    LABEL_ONLY = "label-only"
    PART_OF_LABEL = "part-of-label"
    LITTLE_KEPT_NOT_CONVERGED = "little-kept-not-converged"
    KEPT_BETWEEN = "kept-between"
    KEPT = "kept"
    # Enough is kept, but one of the obstacles forbids "interchangeable".
    SCORE_TOO_LOW = "score-too-low"
    FIT_NOT_CONVERGED = "fit-not-converged"
    SELF_STITCH_NOT_CONVERGED = "self-stitch-not-converged"
    NO_LABEL_ONLY_SENDER = "no-label-only-sender"
    NO_RANDOM_SENDER = "no-random-sender"
    LABEL_KEEPS_AS_MUCH = "label-keeps-as-much"
    RANDOM_KEEPS_AS_MUCH = "random-keeps-as-much"
    # Several seeds.
    SEEDS_DISAGREE = "seeds-disagree"
    SEEDS_MISSING = "seeds-missing"


OBSTACLES = frozenset(
    {
        Reason.SCORE_TOO_LOW,
        Reason.FIT_NOT_CONVERGED,
        Reason.SELF_STITCH_NOT_CONVERGED,
        Reason.NO_LABEL_ONLY_SENDER,
        Reason.NO_RANDOM_SENDER,
        Reason.LABEL_KEEPS_AS_MUCH,
        Reason.RANDOM_KEEPS_AS_MUCH,
    }
)
"""Reasons that forbid *interchangeable* although enough is kept."""


@dataclass(frozen=True, kw_only=True)
class VerdictReason:
    """A reason with the numbers that were known when it decided; NaN or None for a number that was not known.

    Attributes:
        reason: what decided.
        n, n_needed: held-out examples, and how many a verdict needs.
        failure: message of the fit that failed.
        score, self_score, chance: scores of the cell, of the self-stitch and of a guess.
        above_receiver: the self-stitch's score less that of the whole receiver.
        score_share: (score - chance) / (self-stitch's score - chance).
        within, self_within: similarity within classes of the cell and of the self-stitch.
        label_within: the same of each label-only sender; 0 for one without any variance within classes.
        label_control: the label-only sender that keeps as much, or that ended below the receiver itself.
        label_score: its score, where that decided.
        random_within: the same of the random sender.
        depth_within: the same of the receiver's own cut of the sender cut's name, if depth explains the loss.
        kept, kept_half: share that is kept beyond the label, and half the width of its interval.
        seeds: how many seeds gave each verdict.
        least: the reason of the seed that kept least.
    """

    reason: Reason
    n: int | None = None
    n_needed: int | None = None
    failure: str | None = None
    score: float = math.nan
    self_score: float = math.nan
    chance: float = math.nan
    above_receiver: float = math.nan
    score_share: float = math.nan
    within: float = math.nan
    self_within: float = math.nan
    label_within: tuple[float, ...] = ()
    label_control: str | None = None
    label_score: float = math.nan
    random_within: float = math.nan
    depth_within: float | None = None
    kept: float = math.nan
    kept_half: float = math.nan
    seeds: tuple[tuple[VerdictName, int], ...] = ()
    least: VerdictReason | None = None
