"""The reason of a verdict as a sentence."""

from __future__ import annotations

from modelstitch.specs.controls import CONTROLS
from modelstitch.specs.verdicts import OBSTACLES, Reason, VerdictReason
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
    obstacle = obstacle_sentence(because)
    if obstacle is not None:
        return say("because.obstacle", score=_score(because), kept=_kept(because), obstacle=obstacle)
    return say(
        f"reason.{because.reason}",
        control="" if because.label_control is None else say(CONTROLS[because.label_control].phrase),
        label_score=because.label_score,
        score=_score(because),
        kept=_kept(because),
        depth=_depth(because),
        label=_label(because),
        own_score=because.self_score,
        own_within=because.self_within,
        chance=because.chance,
        above=because.above_receiver,
        whole=because.self_score - because.above_receiver,
        n=because.n,
        needed=because.n_needed,
        failure=because.failure,
    )


def obstacle_sentence(because: VerdictReason) -> Sentence | None:
    """Return what forbids *interchangeable* although enough is kept; None for any other reason."""
    if because.reason not in OBSTACLES:
        return None
    control = "" if because.label_control is None else say(CONTROLS[because.label_control].phrase)
    return say(
        f"reason.{because.reason}",
        share=100 * because.score_share,
        control=control,
        within=because.random_within,
    )


def _score(because: VerdictReason) -> Sentence:
    return say("because.score", score=because.score, own=because.self_score, chance=because.chance)


def _kept(because: VerdictReason) -> Sentence:
    return say(
        "because.kept",
        within=because.within,
        own=because.self_within,
        label=_label(because),
        kept=100 * because.kept,
        half=100 * because.kept_half,
    )


def _label(because: VerdictReason) -> Sentence:
    if not because.label_within:
        return say("because.no_label")
    return say("because.label", values=Listed([f"{value:.2f}" for value in because.label_within]))


def _depth(because: VerdictReason) -> Sentence:
    if because.depth_within is None:
        return say("because.no_depth")
    return say("because.depth", own=because.depth_within)
