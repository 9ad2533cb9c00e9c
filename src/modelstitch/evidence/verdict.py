"""The verdict: what the evidence of one cell allows one to say, by one rule with its thresholds.

Two quantities decide. The *share of the score* says whether the task is done:

.. math:: s = \\frac{\\text{score} - \\text{chance}}{\\text{self-stitch's score} - \\text{chance}}

*Kept* says how much of what the receiver knows about an example beyond its label comes across:

.. math:: \\text{kept} = \\frac{w - w_0}{w_1 - w_0}

Here w is the debiased CKA within classes of stitched and expected representation, averaged over the
receiver cut and every later cut; :math:`w_1` is w of the self-stitch of the receiver cut into itself;
:math:`w_0` is the highest w of the label-only senders (clustered noise, one-hot), at least 0. Kept is about
0 for a stitch that passes the label alone, and about 1 for a stitch that does what the receiver's own
representation would do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from modelstitch.geometry.intervals import ValueWithInterval
from modelstitch.specs.verdicts import Confidence, Reason, VerdictName, VerdictReason
from modelstitch.wording import Sentence, reason_sentence


@dataclass(frozen=True)
class Thresholds:
    """Thresholds of the verdict; they were set on the known-answer cases, see ``modelstitch selftest``.

    Attributes:
        kept_high: *interchangeable* needs an interval of kept above it.
        kept_low: *decodable only* needs an interval of kept below it.
        score_high: share of the score that *interchangeable* needs.
        score_low: share of the score up to which a cell is *incompatible*.
        fewest: held-out examples that a verdict needs, and of these in classes of at least four.
        self_above, self_above_errors: the self-stitch may lie above the whole receiver by so much, or by so
            many standard errors of this paired difference; more says that data and receiver do not fit.
    """

    kept_high: float = 0.8
    kept_low: float = 0.5
    score_high: float = 0.8
    score_low: float = 0.15
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
        within: w above.
        self_within: :math:`w_1`.
        label_within: w of each label-only sender by name.
        random_within: w of a random sender; None where none was run.
        deeper_within: w of the self-stitch from the receiver's own cut of the sender cut's name, or None.
        converged: whether the fit converged; None where its length was fixed.
        self_converged: whether the fit of the self-stitch converged.
        self_above: (difference, standard error): the self-stitch's score less that of the whole receiver on
            the same examples; None where the receiver has no score of its own.
        failed: why the fit failed; None where it did not.
        label_short: a label-only sender that ended below the receiver itself, and its score; or None.
    """

    n: int
    n_within: int | None = None
    chance: float
    score: ValueWithInterval
    self_score: float
    within: ValueWithInterval
    self_within: ValueWithInterval
    label_within: Mapping[str, ValueWithInterval] = field(default_factory=dict)
    random_within: ValueWithInterval | None = None
    deeper_within: ValueWithInterval | None = None
    converged: bool | None = None
    self_converged: bool | None = None
    self_above: tuple[float, float] | None = None
    failed: str | None = None
    label_short: tuple[str, float] | None = None


@dataclass(frozen=True)
class Verdict:
    """What may be said of a cell.

    Attributes:
        name: what comes across.
        because: the reason with its numbers.
        confidence: distance of the deciding number from its threshold, in half-widths of its interval:
            high from 2 on, medium from 1 on, or low.
        score_share, kept: the two quantities; NaN where they are not known.
        kept_low, kept_high: ends of kept's 95 % interval.
    """

    name: VerdictName
    because: VerdictReason
    confidence: Confidence
    score_share: float = math.nan
    kept: float = math.nan
    kept_low: float = math.nan
    kept_high: float = math.nan

    @property
    def reason(self) -> Reason:
        """What decided."""
        return self.because.reason

    @property
    def sentence(self) -> Sentence:
        """The reason as a sentence with its numbers; ``sentence.in_language("ja")`` is the Japanese one."""
        return reason_sentence(self.because)


def decide(facts: Facts, thresholds: Thresholds | None = None) -> Verdict:
    """Return the verdict on a cell.

    Args:
        facts: what was measured.
        thresholds: the package's own by default.

    Example:
        >>> facts = Facts(n=2000, chance=0.1, score=(0.74, 0.72, 0.76), self_score=0.76,
        ...               within=(0.02, 0.0, 0.04), self_within=(0.97, 0.96, 0.98))
        >>> verdict = decide(facts)
        >>> verdict.name.value, verdict.reason.value
        ('decodable only', 'label-only')
    """
    thresholds = thresholds or Thresholds()
    if facts.failed is not None:
        return _cannot_tell(VerdictReason(reason=Reason.FIT_FAILED, failure=facts.failed))
    if facts.n < thresholds.fewest:
        return _cannot_tell(
            VerdictReason(reason=Reason.TOO_FEW_EXAMPLES, n=facts.n, n_needed=thresholds.fewest)
        )
    misfit = _misfit(facts, thresholds)
    if misfit is not None:
        return _cannot_tell(misfit)
    if facts.n_within is not None and facts.n_within < thresholds.fewest:
        return _cannot_tell(
            VerdictReason(reason=Reason.TOO_FEW_IN_CLASSES, n=facts.n_within, n_needed=thresholds.fewest)
        )
    score_range = facts.self_score - facts.chance
    if score_range <= 2 * _half(facts.score):
        at_chance = VerdictReason(
            reason=Reason.SELF_STITCH_AT_CHANCE, self_score=facts.self_score, chance=facts.chance
        )
        return _cannot_tell(at_chance)
    share, low, high = ((end - facts.chance) / score_range for end in facts.score)
    if high <= thresholds.score_low:
        return _low_score(facts, (share, low, high), thresholds)
    return _by_kept(facts, (share, low, high), thresholds)


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


def _low_score(facts: Facts, share: ValueWithInterval, thresholds: Thresholds) -> Verdict:
    """Judge a cell whose score is near a guess."""
    value, _, high = share
    if facts.converged is False:
        return _cannot_tell(_because(Reason.LOW_SCORE_NOT_CONVERGED, facts, value), value)
    confidence = _confidence(thresholds.score_low - value, high - value)
    return Verdict(VerdictName.INCOMPATIBLE, _because(Reason.TASK_NOT_DONE, facts, value), confidence, value)


def _by_kept(facts: Facts, share: ValueWithInterval, thresholds: Thresholds) -> Verdict:
    """Judge a cell by what is kept beyond the label."""
    value, share_low, _ = share
    kept, low, high = estimate = _kept(facts)
    if math.isnan(kept):
        return _cannot_tell(_because(Reason.REFERENCES_TOO_CLOSE, facts, value), value)
    if facts.label_short is not None:
        name, score = facts.label_short
        short = _because(Reason.LABEL_CONTROL_SHORT, facts, value, estimate)
        return _cannot_tell(replace(short, label_control=name, label_score=score), value, estimate)
    some_score = share_low > thresholds.score_low
    if high <= thresholds.kept_low and some_score:
        if facts.converged is False:
            moves = _because(Reason.LITTLE_KEPT_NOT_CONVERGED, facts, value, estimate)
            return _cannot_tell(moves, value, estimate)
        reason = Reason.LABEL_ONLY if value >= thresholds.score_high else Reason.PART_OF_LABEL
        because = replace(_because(reason, facts, value, estimate), depth_within=_depth(facts))
        confidence = _confidence(thresholds.kept_low - high, high - kept)
        return Verdict(VerdictName.DECODABLE_ONLY, because, confidence, value, *estimate)
    if low >= thresholds.kept_high:
        reason, control = _obstacle(facts, value, thresholds)
        because = replace(_because(reason, facts, value, estimate), label_control=control)
        if reason is not Reason.KEPT:
            return _cannot_tell(because, value, estimate)
        confidence = _confidence(low - thresholds.kept_high, kept - low)
        return Verdict(VerdictName.INTERCHANGEABLE, because, confidence, value, *estimate)
    reason = Reason.KEPT_BETWEEN if some_score else Reason.SCORE_BETWEEN
    return _cannot_tell(_because(reason, facts, value, estimate), value, estimate)


def together(verdicts: Sequence[Verdict]) -> Verdict:
    """Return one verdict on a cell that was fitted with several seeds: what all say, or that they disagree.

    *Kept* is the mean over seeds. Its interval goes from the lowest end of any seed to the highest, since
    the interval of one seed is about the held-out examples alone. The confidence is the lowest of all
    seeds. The reason is that of the seed that kept least.

    Args:
        verdicts: one for each seed, at least one.

    Example:
        >>> because = VerdictReason(reason=Reason.TOO_FEW_EXAMPLES, n=1, n_needed=2)
        >>> same = Verdict(VerdictName.DECODABLE_ONLY, because, Confidence.HIGH, 0.9, 0.2, 0.1, 0.3)
        >>> other = Verdict(VerdictName.CANNOT_TELL, because, Confidence.LOW, 0.9, 0.6, 0.5, 0.7)
        >>> together([same, same]).name.value, together([same, other]).reason.value
        ('decodable only', 'seeds-disagree')
    """
    if len(verdicts) == 1:
        return verdicts[0]
    names = [verdict.name for verdict in verdicts]
    known = [verdict for verdict in verdicts if not math.isnan(verdict.kept)]
    least = min(known or verdicts, key=lambda verdict: _finite(verdict.kept))
    shares = [verdict.score_share for verdict in verdicts if not math.isnan(verdict.score_share)]
    pooled = replace(
        least,
        confidence=max((verdict.confidence for verdict in verdicts), key=list(Confidence).index),
        score_share=sum(shares) / len(shares) if shares else math.nan,
        kept=sum(verdict.kept for verdict in known) / len(known) if known else math.nan,
        kept_low=min((verdict.kept_low for verdict in known), default=math.nan),
        kept_high=max((verdict.kept_high for verdict in known), default=math.nan),
    )
    if len(set(names)) == 1:
        return replace(pooled, name=names[0])
    counts = tuple((name, names.count(name)) for name in dict.fromkeys(names))
    because = VerdictReason(reason=Reason.SEEDS_DISAGREE, seeds=counts, least=least.because)
    return replace(pooled, name=VerdictName.CANNOT_TELL, confidence=Confidence.LOW, because=because)


def _cannot_tell(
    because: VerdictReason, share: float = math.nan, kept: ValueWithInterval = (math.nan,) * 3
) -> Verdict:
    return Verdict(VerdictName.CANNOT_TELL, because, Confidence.LOW, share, *kept)


def _because(
    reason: Reason, facts: Facts, share: float, kept: ValueWithInterval = (math.nan,) * 3
) -> VerdictReason:
    """Return a reason with the numbers that the rule has read."""
    return VerdictReason(
        reason=reason,
        score=facts.score[0],
        self_score=facts.self_score,
        chance=facts.chance,
        score_share=share,
        within=facts.within[0],
        self_within=facts.self_within[0],
        label_within=tuple(_finite(value) for value, _, _ in facts.label_within.values()),
        random_within=math.nan if facts.random_within is None else facts.random_within[0],
        kept=kept[0],
        kept_half=(kept[2] - kept[1]) / 2,
    )


def _kept(facts: Facts) -> ValueWithInterval:
    """Return kept with its interval; NaN where the self-stitch is too near to a label-only sender."""
    floor = max(
        [(0.0, 0.0, 0.0), *facts.label_within.values()],
        key=lambda estimate: (_finite(estimate[0]), _half(estimate)),
    )
    kept_range = facts.self_within[0] - floor[0]
    if math.isnan(kept_range) or kept_range <= max(0.1, 2 * _half(facts.self_within)):
        return math.nan, math.nan, math.nan
    # Stitched representations that do not vary within a class keep nothing.
    within = (0.0, 0.0, 0.0) if math.isnan(facts.within[0]) else facts.within
    kept = (within[0] - floor[0]) / kept_range
    half = math.sqrt(
        _half(within) ** 2 + (kept * _half(facts.self_within)) ** 2 + ((1 - kept) * _half(floor)) ** 2
    )
    return kept, kept - half / kept_range, kept + half / kept_range


def _obstacle(facts: Facts, share: float, thresholds: Thresholds) -> tuple[Reason, str | None]:
    """Return what forbids *interchangeable* although enough is kept, and the label-only sender that does.

    ``Reason.KEPT`` says that nothing forbids it.
    """
    if share < thresholds.score_high:
        return Reason.SCORE_TOO_LOW, None
    if facts.converged is False:
        return Reason.FIT_NOT_CONVERGED, None
    if facts.self_converged is False:
        return Reason.SELF_STITCH_NOT_CONVERGED, None
    if not facts.label_within:
        return Reason.NO_LABEL_ONLY_SENDER, None
    if facts.random_within is None:
        return Reason.NO_RANDOM_SENDER, None
    for name, (_, _, high) in facts.label_within.items():
        if facts.within[1] <= _finite(high):
            return Reason.LABEL_KEEPS_AS_MUCH, name
    if facts.within[1] <= _finite(facts.random_within[2]):
        return Reason.RANDOM_KEEPS_AS_MUCH, None
    return Reason.KEPT, None


def _depth(facts: Facts) -> float | None:
    """Return w of the receiver's own cut of the sender cut's name, if it keeps no more than the cell."""
    if facts.deeper_within is None:
        return None
    own, gap = facts.deeper_within[0], facts.within[0] - facts.deeper_within[0]
    if math.isnan(own) or gap < -0.1 or own > 0.8 * facts.self_within[0]:
        return None
    return own


def _confidence(distance: float, half: float) -> Confidence:
    ratio = distance / half if half > 0 else math.inf
    return Confidence.HIGH if ratio >= 2 else Confidence.MEDIUM if ratio >= 1 else Confidence.LOW


def _half(estimate: ValueWithInterval) -> float:
    """Return half the width of an interval: 0 for a NaN value (no variance), infinite without an interval."""
    value, low, high = estimate
    if math.isnan(value):
        return 0.0
    return math.inf if math.isnan(low) or math.isnan(high) else (high - low) / 2


def _finite(value: float) -> float:
    return 0.0 if math.isnan(value) else value
