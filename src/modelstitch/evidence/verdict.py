"""What the evidence of one cell allows one to say: a small rule with its thresholds in one place.

Two quantities decide. The *share of the score* says whether the task is done:

.. math:: s = \\frac{\\text{score} - \\text{chance}}{\\text{self-stitch's score} - \\text{chance}}

and *kept* says how much of what the receiver knows about an example beyond its label comes across:

.. math:: \\text{kept} = \\frac{w - w_0}{w_1 - w_0}

where w is the debiased CKA within classes of stitched and expected representation, averaged over the receiver cut and every later cut;
:math:`w_1` is that of the self-stitch of the receiver cut into itself, and :math:`w_0` the highest of the senders that hold the label
alone (clustered noise, one-hot), or 0. A stitch that keeps the label alone has kept about 0, one that does what the receiver's own
representation would do has about 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from modelstitch.wording import Listed, Text, say

Interval = tuple[float, float, float]
"""A value with the ends of its 95 % interval."""

INTERCHANGEABLE, DECODABLE, INCOMPATIBLE, UNKNOWN = (
    "interchangeable",
    "decodable only",
    "incompatible",
    "cannot tell",
)


@dataclass(frozen=True)
class Thresholds:
    """Where the lines are drawn; set by the known-answer cases, see ``modelstitch selftest``.

    Attributes:
        kept_high: an interval of kept that lies above counts as what the receiver's own representation holds.
        kept_low: one that lies below counts as the label alone.
        score_high: share of the score that an interchangeable cell needs.
        score_low: share of the score up to which a cell is incompatible.
        fewest: held-out examples below which nothing is said.
    """

    kept_high: float = 0.8
    kept_low: float = 0.5
    score_high: float = 0.8
    score_low: float = 0.15
    fewest: int = 100


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the rule reads about one cell.

    Attributes:
        n: held-out examples.
        chance: score of a guess.
        score: of the stitched network, with its interval.
        self_score: of the self-stitch of the receiver cut into itself.
        within: w above.
        self_within: :math:`w_1`.
        label_within: w of each label-only sender by name.
        random_within: w of a random sender, where one was run.
        deeper_within: w of the self-stitch from the receiver's cut of the sender cut's name, where there is one.
        converged: whether the fit had converged; None where its length was fixed.
        self_converged: the same of the self-stitch.
        failed: why the fit failed, or None.
    """

    n: int
    chance: float
    score: Interval
    self_score: float
    within: Interval
    self_within: Interval
    label_within: Mapping[str, Interval] = field(default_factory=dict)
    random_within: Interval | None = None
    deeper_within: Interval | None = None
    converged: bool | None = None
    self_converged: bool | None = None
    failed: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What may be said of a cell.

    Attributes:
        name: interchangeable, decodable only, incompatible or cannot tell.
        reason: one sentence with the numbers that decided, in English or any language of the catalogue.
        confidence: high, medium or low: how far the deciding number lies from its line, in half-widths of its interval.
        score_share, kept: the two quantities, NaN where they cannot be said.
        kept_low, kept_high: ends of kept's interval.
    """

    name: str
    reason: Text
    confidence: str
    score_share: float = math.nan
    kept: float = math.nan
    kept_low: float = math.nan
    kept_high: float = math.nan


def decide(facts: Facts, thresholds: Thresholds | None = None) -> Verdict:
    """Return the verdict on a cell.

    Args:
        facts: what was measured.
        thresholds: where the lines are.

    Example:
        >>> facts = Facts(n=2000, chance=0.1, score=(0.74, 0.72, 0.76), self_score=0.76,
        ...               within=(0.02, 0.0, 0.04), self_within=(0.97, 0.96, 0.98))
        >>> decide(facts).name
        'decodable only'
    """
    lines = thresholds or Thresholds()
    if facts.failed is not None:
        return Verdict(UNKNOWN, say("verdict.failed", why=facts.failed), "low")
    if facts.n < lines.fewest:
        return Verdict(UNKNOWN, say("verdict.few", n=facts.n, needed=lines.fewest), "low")
    room = facts.self_score - facts.chance
    if room <= 2 * _half(facts.score):
        reason = say("verdict.no_room", own=facts.self_score, chance=facts.chance)
        return Verdict(UNKNOWN, reason, "low")
    share, share_low, share_high = ((each - facts.chance) / room for each in facts.score)
    scored = say("verdict.scored", score=facts.score[0], own=facts.self_score, chance=facts.chance)
    if share_high <= lines.score_low:
        if facts.converged is False:
            return Verdict(UNKNOWN, say("verdict.score_moves", scored=scored), "low", share)
        confidence = _confidence(lines.score_low - share, share_high - share)
        return Verdict(INCOMPATIBLE, say("verdict.not_done", scored=scored), confidence, share)
    kept, low, high = _kept(facts)
    found = (share, kept, low, high)
    if math.isnan(kept):
        reason = say("verdict.no_range", scored=scored, own=facts.self_within[0], label=_label_text(facts))
        return Verdict(UNKNOWN, reason, "low", share)
    told = say(
        "verdict.kept",
        within=facts.within[0],
        own=facts.self_within[0],
        label=_label_text(facts),
        kept=100 * kept,
        half=50 * (high - low),
    )
    if high <= lines.kept_low and share_low > lines.score_low:
        if facts.converged is False:
            return Verdict(UNKNOWN, say("verdict.moves", scored=scored, told=told), "low", *found)
        key = "verdict.whole_label" if share >= lines.score_high else "verdict.part_label"
        reason = say(key, scored=scored, told=told, depth=_depth(facts))
        return Verdict(DECODABLE, reason, _confidence(lines.kept_low - high, high - kept), *found)
    if low >= lines.kept_high:
        blocked = _blocked(facts, share, lines)
        if blocked is not None:
            reason = say("verdict.blocked", scored=scored, told=told, why=blocked)
            return Verdict(UNKNOWN, reason, "low", *found)
        confidence = _confidence(low - lines.kept_high, kept - low)
        return Verdict(INTERCHANGEABLE, say("verdict.good", scored=scored, told=told), confidence, *found)
    key = "verdict.between" if share_low > lines.score_low else "verdict.half_done"
    return Verdict(UNKNOWN, say(key, scored=scored, told=told), "low", *found)


def together(verdicts: Sequence[Verdict]) -> Verdict:
    """Return what may be said of a cell that was fitted with several seeds: what every seed says, or that they disagree.

    *kept* is the mean over seeds; its interval goes from the lowest end of any seed to the highest, since each seed's own is
    about the held-out examples alone. The confidence is the lowest, and the reason that of the seed with the least kept.

    Args:
        verdicts: one of each seed, at least one.

    Example:
        >>> reason = say("verdict.few", n=1, needed=2)
        >>> same = Verdict(DECODABLE, reason, "high", 0.9, 0.2, 0.1, 0.3)
        >>> other = Verdict(UNKNOWN, reason, "low", 0.9, 0.6, 0.5, 0.7)
        >>> together([same, same]).name, together([same, other]).name
        ('decodable only', 'cannot tell')
    """
    if len(verdicts) == 1:
        return verdicts[0]
    names = [verdict.name for verdict in verdicts]
    known = [verdict for verdict in verdicts if not math.isnan(verdict.kept)]
    least = min(known or verdicts, key=lambda verdict: _finite(verdict.kept))
    shares = [verdict.score_share for verdict in verdicts if not math.isnan(verdict.score_share)]
    found = replace(
        least,
        confidence=max((verdict.confidence for verdict in verdicts), key=("high", "medium", "low").index),
        score_share=sum(shares) / len(shares) if shares else math.nan,
        kept=sum(verdict.kept for verdict in known) / len(known) if known else math.nan,
        kept_low=min((verdict.kept_low for verdict in known), default=math.nan),
        kept_high=max((verdict.kept_high for verdict in known), default=math.nan),
    )
    if len(set(names)) == 1:
        return replace(found, name=names[0])
    told = [
        say("verdict.seed_share", name=say(f"verdict.{name}"), n=names.count(name))
        for name in dict.fromkeys(names)
    ]
    reason = say("verdict.seeds", told=Listed(told), reason=least.reason)
    return replace(found, name=UNKNOWN, confidence="low", reason=reason)


def _kept(facts: Facts) -> Interval:
    """Return kept with its interval; NaN where self-stitch and label-only senders are too near each other."""
    floor = max(
        [(0.0, 0.0, 0.0), *facts.label_within.values()],
        key=lambda each: (_finite(each[0]), _half(each)),
    )
    room = facts.self_within[0] - floor[0]
    if math.isnan(room) or room <= max(0.1, 2 * _half(facts.self_within)):
        return math.nan, math.nan, math.nan
    # A stitched representation that does not differ within a class keeps nothing.
    within = (0.0, 0.0, 0.0) if math.isnan(facts.within[0]) else facts.within
    kept = (within[0] - floor[0]) / room
    half = math.sqrt(
        _half(within) ** 2 + (kept * _half(facts.self_within)) ** 2 + ((1 - kept) * _half(floor)) ** 2
    )
    return kept, kept - half / room, kept + half / room


def _blocked(facts: Facts, share: float, lines: Thresholds) -> Text | None:
    """Say what forbids *interchangeable* in spite of what is kept."""
    if share < lines.score_high:
        return say("blocked.score", share=100 * share)
    if facts.converged is False or facts.self_converged is False:
        return say("blocked.fit" if facts.converged is False else "blocked.self_fit")
    if not facts.label_within:
        return say("blocked.no_label")
    if facts.random_within is None:
        return say("blocked.no_random")
    for name, (_, _, high) in facts.label_within.items():
        if facts.within[1] <= _finite(high):
            return say("blocked.label", control=say(f"control.{name}"))
    if facts.within[1] <= _finite(facts.random_within[2]):
        return say("blocked.random", within=facts.random_within[0])
    return None


def _depth(facts: Facts) -> Text:
    if facts.deeper_within is None:
        return say("verdict.no_depth")
    own, gap = facts.deeper_within[0], facts.within[0] - facts.deeper_within[0]
    if math.isnan(own) or gap < -0.1 or own > 0.8 * facts.self_within[0]:
        return say("verdict.no_depth")
    return say("verdict.depth", own=own)


def _label_text(facts: Facts) -> Text:
    if not facts.label_within:
        return say("verdict.no_label")
    values = [f"{_finite(value):.2f}" for value, _, _ in facts.label_within.values()]
    return say("verdict.label_alone", values=Listed(values))


def _confidence(distance: float, half: float) -> str:
    ratio = distance / half if half > 0 else math.inf
    return "high" if ratio >= 2 else "medium" if ratio >= 1 else "low"


def _half(interval: Interval) -> float:
    """Return the half-width of an interval: 0 where nothing differs, endless where a value has none."""
    value, low, high = interval
    if math.isnan(value):
        return 0.0
    return math.inf if math.isnan(low) or math.isnan(high) else (high - low) / 2


def _finite(value: float) -> float:
    return 0.0 if math.isnan(value) else value
