r"""The verdict on one cell: what comes across, and was it learnt; one rule with its thresholds.

*What comes across* is read off two numbers. The share of the score says whether the task is done:

.. math:: s = \frac{\text{score} - \text{chance}}{\text{self-stitch's score} - \text{chance}}

*Kept* says how much of what the receiver knows about an example beyond its label comes across: 0 for a
sender that holds the label alone, 1 for the receiver's own representation. It is the smallest share over the
receiver cut, the later cuts and the output, and is defined in :mod:`modelstitch.results.kept`.

*Was it learnt* is read off the lead: kept less the mean of the same over untrained senders.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from modelstitch.geometry.intervals import ValueWithInterval
from modelstitch.specs.verdicts import Confidence, KeptScale, Learnt, Reason, VerdictName, VerdictReason
from modelstitch.util.arguments import checked_fields
from modelstitch.wording import Sentence, learnt_sentence, reason_sentence

_NOTHING: ValueWithInterval = (math.nan, math.nan, math.nan)

_STRENGTH = (
    VerdictName.INCOMPATIBLE,
    VerdictName.DECODABLE_ONLY,
    VerdictName.PARTLY,
    VerdictName.INTERCHANGEABLE,
)


@checked_fields
@dataclass(frozen=True)
class Thresholds:
    """Lines of the verdict; they are checked on cases whose truth is known, see ``modelstitch selftest``.

    Attributes:
        kept_high: *interchangeable* needs the interval of kept above it.
        kept_low: *partly* needs the interval of kept above it.
        score_low: share of the score that divides *decodable only* from *incompatible*.
        score_high: share of the score that *interchangeable* needs.
        learnt: *learnt* needs the interval of the lead above it, *not learnt* below it.
        label_error: largest p-value of "no more than the label" with which more than the label is said.
        fewest: held-out examples that a verdict needs, and of these in classes of at least four.
        self_above, self_above_errors: the self-stitch may lie above the whole receiver by so much, or by so
            many standard errors of this paired difference; more says that data and receiver do not fit.
    """

    kept_high: float = 0.8
    kept_low: float = 0.175
    score_low: float = 0.15
    score_high: float = 0.8
    learnt: float = 0.05
    label_error: float = 0.05
    fewest: int = 100
    self_above: float = 0.05
    self_above_errors: float = 3.0


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the rule reads about one cell.

    Attributes:
        n: held-out examples.
        n_within: those in classes that are large enough to be measured within; None where it is not known.
        chance: score of a guess.
        score: score of the stitched network.
        self_score: score of the self-stitch of the receiver cut into itself.
        kept: what is kept, with its interval; NaN where it is not known.
        where: the place that keeps least, or that has no range.
        recovered, own, label: what a reader recovers there, from the cell, the self-stitch and the label
            alone.
        head: what is kept behind the cut alone.
        scaled_by: what counts as 1 of what is kept.
        p_label: p-value of "no more than the label comes across"; NaN where it is not known.
        label_only: whether a label-only sender was run.
        depth: what the receiver's own cut of the sender cut's name keeps, or None.
        lead: kept less the mean over untrained senders, with its interval; None without one.
        untrained: kept of each untrained sender.
        untrained_control: the control that they are of.
        converged: whether the fit converged; None where its length was fixed.
        self_converged: whether the fit of the self-stitch converged.
        self_above: (difference, standard error): the self-stitch's score less that of the whole receiver on
            the same examples; None where the receiver has no score of its own.
        receiver: score of the whole receiver with its interval; None where it is not known.
        failed, self_failed: why the fit failed, and that of the self-stitch; None where it did not.
    """

    n: int
    n_within: int | None = None
    chance: float
    score: ValueWithInterval
    self_score: float
    kept: ValueWithInterval = _NOTHING
    where: str | None = None
    recovered: float = math.nan
    own: float = math.nan
    label: float = math.nan
    head: float = math.nan
    scaled_by: KeptScale = KeptScale.SELF_STITCH
    p_label: float = 0.0
    label_only: bool = True
    depth: float | None = None
    lead: ValueWithInterval | None = None
    untrained: tuple[float, ...] = ()
    untrained_control: str | None = None
    converged: bool | None = None
    self_converged: bool | None = None
    self_above: tuple[float, float] | None = None
    receiver: ValueWithInterval | None = None
    failed: str | None = None
    self_failed: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What may be said of a cell.

    Attributes:
        name: what comes across.
        because: the reason with its numbers.
        confidence: distance of the deciding number from its line, in half-widths of its interval: high from 2
            on, medium from 1 on, or low; low across a line.
        score_share, kept: the two quantities; NaN where they are not known.
        kept_low, kept_high: ends of kept's 95 % interval; those of all cells of a map hold at once.
        head: what is kept behind the cut alone, which may serve this head though the cut keeps less.
        learnt: whether the trained sender keeps more than untrained ones.
        learnt_confidence: as ``confidence``.
        lead, lead_low, lead_high: kept less the mean over untrained senders, and its 95 % interval.
        untrained: kept of each untrained sender.
        untrained_control: the control that they are of; None where the question was not asked.
    """

    name: VerdictName
    because: VerdictReason
    confidence: Confidence
    score_share: float = math.nan
    kept: float = math.nan
    kept_low: float = math.nan
    kept_high: float = math.nan
    head: float = math.nan
    learnt: Learnt = Learnt.NOT_ASKED
    learnt_confidence: Confidence = Confidence.LOW
    lead: float = math.nan
    lead_low: float = math.nan
    lead_high: float = math.nan
    untrained: tuple[float, ...] = field(default=())
    untrained_control: str | None = None

    @property
    def reason(self) -> Reason:
        """What decided."""
        return self.because.reason

    @property
    def sentence(self) -> Sentence:
        """The reason as a sentence with its numbers; ``sentence.in_language("ja")`` is the Japanese one."""
        return reason_sentence(self.because)

    @property
    def learnt_sentence(self) -> Sentence:
        """The second answer as a sentence with its numbers."""
        return learnt_sentence(self.learnt, self.lead, self.lead_low, self.lead_high, len(self.untrained))


def decide(facts: Facts, thresholds: Thresholds | None = None) -> Verdict:
    """Return the verdict on a cell.

    Args:
        facts: what was measured.
        thresholds: the package's own by default.

    Example:
        >>> facts = Facts(n=2000, chance=0.1, score=(0.74, 0.72, 0.76), self_score=0.76,
        ...               kept=(0.62, 0.57, 0.67), lead=(0.3, 0.22, 0.38))
        >>> verdict = decide(facts)
        >>> verdict.name.value, verdict.confidence.value, verdict.learnt.value
        ('partly', 'high', 'learnt')
    """
    thresholds = thresholds or Thresholds()
    verdict = _what_comes_across(facts, thresholds)
    if verdict.name not in (VerdictName.PARTLY, VerdictName.INTERCHANGEABLE) or facts.lead is None:
        return verdict
    return _was_it_learnt(verdict, facts, thresholds)


def _what_comes_across(facts: Facts, thresholds: Thresholds) -> Verdict:
    obstacle = _cannot_be_judged(facts, thresholds)
    if obstacle is not None:
        return _cannot_tell(obstacle)
    if not all(map(math.isfinite, (*facts.score, facts.self_score, facts.chance))):
        return _cannot_tell(VerdictReason(reason=Reason.NO_SCORE))
    score_range = facts.self_score - facts.chance
    if score_range <= 2 * _half(facts.score):
        at_chance = VerdictReason(
            reason=Reason.SELF_STITCH_AT_CHANCE, self_score=facts.self_score, chance=facts.chance
        )
        return _cannot_tell(at_chance)
    share, low, high = ((end - facts.chance) / score_range for end in facts.score)

    def because(reason: Reason) -> VerdictReason:
        return _because(reason, facts, share)

    if facts.converged is False:
        return _cannot_tell(because(Reason.FIT_NOT_CONVERGED), share, facts)
    if high <= thresholds.score_low:
        confidence = _confidence(thresholds.score_low - share, high - share)
        return _verdict(VerdictName.INCOMPATIBLE, because(Reason.TASK_NOT_DONE), confidence, share, facts)
    if not all(map(math.isfinite, facts.kept)):
        return _cannot_tell(because(_why_not_known(facts)), share, facts)
    if facts.self_converged is False:
        return _cannot_tell(because(Reason.SELF_STITCH_NOT_CONVERGED), share, facts)
    if low <= thresholds.score_low:
        return _cannot_tell(because(Reason.SCORE_BETWEEN), share, facts)
    return _by_kept(facts, share, thresholds)


def _cannot_be_judged(facts: Facts, thresholds: Thresholds) -> VerdictReason | None:
    """Return why nothing can be said whatever was measured; None where something can."""
    if facts.failed is not None:
        return VerdictReason(reason=Reason.FIT_FAILED, failure=facts.failed)
    if facts.self_failed is not None:
        return VerdictReason(reason=Reason.SELF_STITCH_FAILED, failure=facts.self_failed)
    if facts.n < thresholds.fewest:
        return VerdictReason(reason=Reason.TOO_FEW_EXAMPLES, n=facts.n, n_needed=thresholds.fewest)
    misfit = _misfit(facts, thresholds)
    if misfit is not None:
        return misfit
    if facts.n_within is not None and facts.n_within < thresholds.fewest:
        return VerdictReason(reason=Reason.TOO_FEW_IN_CLASSES, n=facts.n_within, n_needed=thresholds.fewest)
    if facts.receiver is not None and facts.receiver[1] <= facts.chance:
        score = facts.receiver[0]
        return VerdictReason(reason=Reason.RECEIVER_AT_CHANCE, score=score, chance=facts.chance)
    return None


def _misfit(facts: Facts, thresholds: Thresholds) -> VerdictReason | None:
    """Return the reason that data and receiver do not fit each other; None where nothing says so.

    A stitch that only has to pass on what the receiver computes cannot make it much better, unless the
    receiver answers another question than the labels ask, or is fed otherwise than it was trained.
    """
    above, error = facts.self_above or (math.nan, math.nan)
    if not above > max(thresholds.self_above, thresholds.self_above_errors * error):
        return None
    return VerdictReason(
        reason=Reason.SELF_STITCH_ABOVE_RECEIVER,
        self_score=facts.self_score,
        chance=facts.chance,
        above_receiver=above,
    )


def _why_not_known(facts: Facts) -> Reason:
    if not facts.label_only:
        return Reason.NO_LABEL_ONLY_SENDER
    measured = math.isfinite(facts.own) and math.isfinite(facts.recovered)
    return Reason.REFERENCES_TOO_CLOSE if measured and math.isnan(facts.kept[0]) else Reason.NO_VALUE


def _by_kept(facts: Facts, share: float, thresholds: Thresholds) -> Verdict:
    """Judge by what is kept a cell whose score is above that of a guess."""
    kept, low, high = facts.kept
    upper, lower = thresholds.kept_high, thresholds.kept_low

    def verdict(name: VerdictName, reason: Reason, distance: float, half: float) -> Verdict:
        because = replace(_because(reason, facts, share), depth=_depth(facts))
        return _verdict(name, because, _confidence(distance, half), share, facts)

    if low < lower <= high and facts.scaled_by == KeptScale.BOTH:
        return _cannot_tell(_because(Reason.SELF_STITCH_LOSES, facts, share), share, facts)
    if low < lower and high >= upper:
        return _cannot_tell(_because(Reason.KEPT_TOO_WIDE, facts, share), share, facts)
    if low < lower:
        reason = Reason.LABEL_ONLY if share >= thresholds.score_high else Reason.PART_OF_LABEL
        return verdict(VerdictName.DECODABLE_ONLY, reason, lower - high, high - kept)
    if facts.p_label > thresholds.label_error:
        return verdict(VerdictName.DECODABLE_ONLY, Reason.NO_MORE_THAN_LABEL, 0.0, math.inf)
    if low < upper:
        nearest = min(low - lower, upper - high)
        return verdict(VerdictName.PARTLY, Reason.KEPT_IN_PART, nearest, max(high - kept, kept - low))
    if share < thresholds.score_high:
        return verdict(VerdictName.PARTLY, Reason.SCORE_TOO_LOW, 0.0, math.inf)
    return verdict(VerdictName.INTERCHANGEABLE, Reason.KEPT, low - upper, kept - low)


def _was_it_learnt(verdict: Verdict, facts: Facts, thresholds: Thresholds) -> Verdict:
    """Add the second answer to a verdict on a cell that has untrained senders beside it."""
    lead, low, high = facts.lead or _NOTHING
    line = thresholds.learnt
    learnt, distance, half = Learnt.UNCLEAR, 0.0, math.inf
    if low > line:
        learnt, distance, half = Learnt.LEARNT, low - line, lead - low
    elif high < line:
        learnt, distance, half = Learnt.NOT_LEARNT, line - high, high - lead
    return replace(
        verdict,
        learnt=learnt,
        learnt_confidence=_confidence(distance, half),
        lead=lead,
        lead_low=low,
        lead_high=high,
        untrained=facts.untrained,
        untrained_control=facts.untrained_control,
    )


def together(verdicts: Sequence[Verdict]) -> Verdict:
    """Return one verdict on a cell that was fitted with several seeds.

    Where the seeds disagree by one word, the weaker word is said, with low confidence; by more, or where one
    seed cannot tell, *cannot tell*. *Kept* and the lead are means over seeds. Their intervals go from the
    lowest end of any seed to the highest, since the interval of one seed is about the held-out examples
    alone. The confidence is the lowest of all seeds. The reason is that of the seed that kept least.

    Args:
        verdicts: one for each seed, at least one.

    Example:
        >>> because = VerdictReason(reason=Reason.KEPT_IN_PART)
        >>> one = Verdict(VerdictName.PARTLY, because, Confidence.HIGH, 0.9, 0.7, 0.6, 0.78)
        >>> other = Verdict(VerdictName.INTERCHANGEABLE, because, Confidence.HIGH, 0.9, 0.9, 0.85, 0.95)
        >>> together([one, one]).confidence.value, together([one, other]).confidence.value
        ('high', 'low')
        >>> together([one, other]).name.value
        'partly'
    """
    if len(verdicts) == 1:
        return verdicts[0]
    names = [verdict.name for verdict in verdicts]
    known = [verdict for verdict in verdicts if not math.isnan(verdict.kept)]
    least = min(known or verdicts, key=lambda verdict: _finite(verdict.kept))
    pooled = replace(
        least,
        confidence=max((verdict.confidence for verdict in verdicts), key=list(Confidence).index),
        score_share=_mean([verdict.score_share for verdict in verdicts]),
        kept=_mean([verdict.kept for verdict in verdicts]),
        kept_low=min((verdict.kept_low for verdict in known), default=math.nan),
        kept_high=max((verdict.kept_high for verdict in known), default=math.nan),
        head=_mean([verdict.head for verdict in verdicts]),
    )
    if len(set(names)) > 1:
        counts = tuple((name, names.count(name)) for name in dict.fromkeys(names))
        because = VerdictReason(reason=Reason.SEEDS_DISAGREE, seeds=counts, least=least.because)
        name = _weaker(names)
        pooled = replace(pooled, name=name, confidence=Confidence.LOW, because=because)
    return _learnt_together(pooled, verdicts)


def _weaker(names: Sequence[VerdictName]) -> VerdictName:
    """Return the weakest of several words that are one step apart, or *cannot tell*."""
    if VerdictName.CANNOT_TELL in names:
        return VerdictName.CANNOT_TELL
    steps = [_STRENGTH.index(name) for name in names]
    return _STRENGTH[min(steps)] if max(steps) - min(steps) == 1 else VerdictName.CANNOT_TELL


def _learnt_together(pooled: Verdict, verdicts: Sequence[Verdict]) -> Verdict:
    """Add the second answer of several seeds: what all say, or *unclear*."""
    answers = {verdict.learnt for verdict in verdicts}
    asked = [verdict for verdict in verdicts if verdict.learnt is not Learnt.NOT_ASKED]
    if not asked or pooled.name not in (VerdictName.PARTLY, VerdictName.INTERCHANGEABLE):
        return not_asked(pooled)
    return replace(
        pooled,
        learnt=answers.pop() if len(answers) == 1 else Learnt.UNCLEAR,
        learnt_confidence=max((one.learnt_confidence for one in asked), key=list(Confidence).index),
        lead=_mean([one.lead for one in asked]),
        lead_low=min(one.lead_low for one in asked),
        lead_high=max(one.lead_high for one in asked),
        untrained=tuple(kept for one in asked for kept in one.untrained),
        untrained_control=asked[0].untrained_control,
    )


def not_asked(verdict: Verdict) -> Verdict:
    """Return a verdict without its second answer."""
    return replace(
        verdict,
        learnt=Learnt.NOT_ASKED,
        learnt_confidence=Confidence.LOW,
        lead=math.nan,
        lead_low=math.nan,
        lead_high=math.nan,
        untrained=(),
        untrained_control=None,
    )


def _verdict(
    name: VerdictName, because: VerdictReason, confidence: Confidence, share: float, facts: Facts
) -> Verdict:
    kept, low, high = facts.kept
    return Verdict(name, because, confidence, share, kept, low, high, facts.head)


def _cannot_tell(because: VerdictReason, share: float = math.nan, facts: Facts | None = None) -> Verdict:
    if facts is None:
        return Verdict(VerdictName.CANNOT_TELL, because, Confidence.LOW, share)
    return _verdict(VerdictName.CANNOT_TELL, because, Confidence.LOW, share, facts)


def _because(reason: Reason, facts: Facts, share: float) -> VerdictReason:
    """Return a reason with the numbers that the rule has read."""
    kept, low, high = facts.kept
    return VerdictReason(
        reason=reason,
        score=facts.score[0],
        self_score=facts.self_score,
        chance=facts.chance,
        score_share=share,
        kept=kept,
        kept_low=low,
        kept_high=high,
        where=facts.where,
        scaled_by=facts.scaled_by,
        recovered=facts.recovered,
        own=facts.own,
        label=facts.label,
        head=facts.head,
        p_label=facts.p_label,
    )


def _depth(facts: Facts) -> float | None:
    """Return what the receiver's own cut of the sender cut's name keeps, if it is no more than the cell."""
    if facts.depth is None or math.isnan(facts.depth) or facts.kept[0] < facts.depth - 0.1:
        return None
    return facts.depth if facts.depth <= 0.8 else None


def _confidence(distance: float, half: float) -> Confidence:
    ratio = distance / half if half > 0 else math.inf if distance > 0 else 0.0
    return Confidence.HIGH if ratio >= 2 else Confidence.MEDIUM if ratio >= 1 else Confidence.LOW


def _half(estimate: ValueWithInterval) -> float:
    """Return half the width of an interval: 0 for a NaN value, infinite without an interval."""
    value, low, high = estimate
    if math.isnan(value):
        return 0.0
    return math.inf if math.isnan(low) or math.isnan(high) else (high - low) / 2


def _finite(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
