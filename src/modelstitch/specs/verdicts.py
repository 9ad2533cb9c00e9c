"""What a verdict may say, as types: its names, its confidences, and its reasons with their numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum


class VerdictName(StrEnum):
    """What comes across from the sender's part to the receiver's part; the strongest comes first."""

    INTERCHANGEABLE = "interchangeable"
    PARTLY = "partly"
    DECODABLE_ONLY = "decodable only"
    INCOMPATIBLE = "incompatible"
    CANNOT_TELL = "cannot tell"


class Learnt(StrEnum):
    """Whether what comes across was learnt: whether the trained sender keeps more than untrained ones."""

    LEARNT = "learnt"
    NOT_LEARNT = "not learnt"
    UNCLEAR = "unclear"
    NOT_ASKED = "not asked"


class Confidence(StrEnum):
    """How far the deciding number lies from its threshold; the highest comes first."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class KeptScale(StrEnum):
    """What counts as 1 of what is kept."""

    SELF_STITCH = "stitched receiver"
    RECEIVER = "receiver"
    """The receiver without a stitch: the stitch is too narrow to carry it."""
    BOTH = "both"
    """Value and low end by the receiver, high end by the self-stitch, which loses more than half of it."""


class Reason(StrEnum):
    """What decided a verdict; the value is the code in tables."""

    # No verdict: the cell cannot be judged.
    FIT_FAILED = "fit-failed"
    SELF_STITCH_FAILED = "self-stitch-failed"
    TOO_FEW_EXAMPLES = "too-few-examples"
    TOO_FEW_IN_CLASSES = "too-few-in-classes"
    SELF_STITCH_ABOVE_RECEIVER = "self-stitch-above-receiver"
    RECEIVER_AT_CHANCE = "receiver-at-chance"
    NO_SCORE = "no-score"
    SELF_STITCH_AT_CHANCE = "self-stitch-at-chance"
    NO_LABEL_ONLY_SENDER = "no-label-only-sender"
    NO_VALUE = "no-value"
    REFERENCES_TOO_CLOSE = "references-too-close"
    # The fit has not come to its end.
    FIT_NOT_CONVERGED = "fit-not-converged"
    SELF_STITCH_NOT_CONVERGED = "self-stitch-not-converged"
    # The score decides.
    TASK_NOT_DONE = "task-not-done"
    SCORE_BETWEEN = "score-between"
    # What is kept beyond the label decides.
    KEPT = "kept"
    KEPT_IN_PART = "kept-in-part"
    SCORE_TOO_LOW = "score-too-low"
    LABEL_ONLY = "label-only"
    PART_OF_LABEL = "part-of-label"
    NO_MORE_THAN_LABEL = "no-more-than-label"
    KEPT_TOO_WIDE = "kept-too-wide"
    SELF_STITCH_LOSES = "self-stitch-loses"
    # Several seeds.
    SEEDS_DISAGREE = "seeds-disagree"
    SEEDS_MISSING = "seeds-missing"


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
        kept, kept_low, kept_high: share that is kept beyond the label, and its interval.
        where: the place that keeps least, a receiver cut or ``output``.
        scaled_by: what counts as 1 of what is kept.
        recovered, own, label: what a reader recovers there, from the cell, from the self-stitch and from the
            label alone.
        head: what is kept for this head alone.
        depth: what the receiver's own cut of the sender cut's name keeps, if depth explains the loss.
        p_label: p-value of "no more than the label comes across".
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
    kept: float = math.nan
    kept_low: float = math.nan
    kept_high: float = math.nan
    where: str | None = None
    scaled_by: KeptScale = KeptScale.SELF_STITCH
    recovered: float = math.nan
    own: float = math.nan
    label: float = math.nan
    head: float = math.nan
    depth: float | None = None
    p_label: float = math.nan
    seeds: tuple[tuple[VerdictName, int], ...] = ()
    least: VerdictReason | None = None
