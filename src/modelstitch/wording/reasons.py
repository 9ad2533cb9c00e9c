"""The reason of a verdict, and its second answer, as sentences."""

from __future__ import annotations

from modelstitch.specs.verdicts import KeptScale, Learnt, Reason, VerdictReason
from modelstitch.wording.sentence import Listed, Sentence, say


def reason_sentence(because: VerdictReason) -> Sentence:
    """Return the reason of a verdict as a sentence with its numbers, without a full stop.

    A new reason is a member of :class:`modelstitch.specs.verdicts.Reason`, and a template ``reason.CODE`` in
    each language.

    Example:
        >>> sentence = reason_sentence(VerdictReason(reason=Reason.TOO_FEW_EXAMPLES, n=12, n_needed=100))
        >>> sentence
        '12 held-out examples are too few, 100 are needed'
        >>> sentence.in_language("ja")
        '評価用データが12件では少なすぎます（100件必要）'
    """
    if because.reason is Reason.SEEDS_DISAGREE and because.least is not None:
        counts = [say("because.seeds", name=say(f"verdict.{name}"), n=n) for name, n in because.seeds]
        return say("reason.seeds-disagree", counts=Listed(counts), least=reason_sentence(because.least))
    return say(
        f"reason.{because.reason}",
        score=_score(because),
        kept=_kept(because),
        depth=_depth(because),
        share=100 * because.score_share,
        whole_score=because.score,
        place=_place(because),
        own=because.own,
        label=because.label,
        own_score=because.self_score,
        chance=because.chance,
        above=because.above_receiver,
        whole=because.self_score - because.above_receiver,
        n=because.n,
        needed=because.n_needed,
        failure=because.failure,
    )


def learnt_sentence(learnt: Learnt, lead: float, low: float, high: float, n_untrained: int) -> Sentence:
    """Return whether what comes across was learnt, with the numbers that say so, without a full stop.

    Args:
        learnt: the answer.
        lead, low, high: kept less the mean over untrained senders, and its interval.
        n_untrained: untrained senders that were drawn.

    Example:
        >>> learnt_sentence(Learnt.LEARNT, 0.3, 0.22, 0.38, 3)
        'learnt: 30 points ahead of the mean of 3 untrained senders (22 to 38)'
    """
    answer = say(f"learnt.{learnt}")
    if learnt is Learnt.NOT_ASKED:
        return answer
    return say(
        "because.learnt", answer=answer, lead=100 * lead, low=100 * low, high=100 * high, n=n_untrained
    )


def _score(because: VerdictReason) -> Sentence:
    return say("because.score", score=because.score, own=because.self_score, chance=because.chance)


def _kept(because: VerdictReason) -> Sentence:
    return say(
        "because.kept",
        kept=_percent(because.kept),
        low=_percent(because.kept_low),
        high=_percent(because.kept_high),
        place=_place(because),
        scale=say("because.both_scales" if because.scaled_by == KeptScale.BOTH else "because.one_scale"),
    )


def _percent(share: float) -> float:
    """Return a share in per cent; what rounds to 0 has no sign."""
    return 0.0 if abs(share) < 0.005 else 100 * share


def _place(because: VerdictReason) -> Sentence:
    if because.where in (None, "output"):
        return say("because.at_output")
    return say("because.at_cut", cut=because.where)


def _depth(because: VerdictReason) -> Sentence:
    if because.depth is None:
        return say("because.no_depth")
    return say("because.depth", own=100 * because.depth)
