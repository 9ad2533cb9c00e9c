"""The first screen: the answer for a reader who decides and does not program, from the verdicts alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from modelstitch.evidence.verdict import DECODABLE, INCOMPATIBLE, INTERCHANGEABLE, UNKNOWN, Verdict
from modelstitch.results.comparison import Comparison
from modelstitch.specs import TRAINED
from modelstitch.wording import Text, say

ENOUGH_SEEDS = 3
"""Fitting seeds that have to agree before the page says more than *pilot*."""

_MOST = 6
"""Cells that the first screen names."""

_LABEL_ONLY = ("clustered-noise", "one-hot")

_ADVICE = {
    "blocked.random": "advice.random",
    "verdict.between": "advice.between",
    "verdict.half_done": "advice.between",
    "verdict.moves": "advice.moves",
    "verdict.score_moves": "advice.moves",
    "blocked.fit": "advice.moves",
    "blocked.self_fit": "advice.moves",
    "verdict.few": "advice.few",
    "verdict.no_range": "advice.range",
    "verdict.no_room": "advice.range",
    "verdict.seeds": "advice.seeds",
    "verdict.no_seed": "advice.unfinished",
    "blocked.no_label": "advice.controls",
    "blocked.no_random": "advice.controls",
    "blocked.label": "advice.range",
    "blocked.score": "advice.between",
    "verdict.failed": "advice.failed",
}


@dataclass(frozen=True)
class Answer:
    """What the run allows one to decide.

    Attributes:
        recommendation: ``adopt``, ``pilot``, ``leave``, ``undecided`` or ``unmeasured``.
        headline: one sentence.
        tried: what was tried.
        stand_in: which parts can stand in for which, a sentence each.
        sure: how sure that is.
        not_meant: what a high number does not mean.
        next_steps: what to try next.
        counts: cells by verdict.
    """

    recommendation: str
    headline: Text
    tried: tuple[Text, ...]
    stand_in: tuple[Text, ...]
    sure: tuple[Text, ...]
    not_meant: tuple[Text, ...]
    next_steps: tuple[Text, ...]
    counts: Mapping[str, int]


def answer(comparison: Comparison, stitch: str) -> Answer:
    """Return the answer that a run gives with one stitch; a place without a verdict counts as *cannot tell*."""
    verdicts = _by_place(comparison, stitch)
    n_seeds = len({cell.seed for cell in comparison.cells if cell.control == TRAINED})
    n_places = _n_places(comparison, stitch)
    counts = Counter(verdict.name for verdict in verdicts.values())
    if verdicts and n_places > len(verdicts):
        counts[UNKNOWN] += n_places - len(verdicts)
    good = {place: each for place, each in verdicts.items() if each.name == INTERCHANGEABLE}
    sound = {place: each for place, each in good.items() if each.confidence != "low"}
    others = {
        other: n
        for other in comparison.stitches
        if other != stitch
        and (n := sum(each.name == INTERCHANGEABLE for each in _by_place(comparison, other).values()))
    }
    if not verdicts:
        recommendation = "unmeasured"
    elif good:
        recommendation = "adopt" if sound and n_seeds >= ENOUGH_SEEDS else "pilot"
    else:
        settled = counts[DECODABLE] + counts[INCOMPATIBLE] == n_places and not others
        recommendation = "leave" if settled else "undecided"
    named = _best_first(sound if recommendation == "adopt" else good)
    return Answer(
        recommendation=recommendation,
        headline=say(f"answer.{recommendation}", n=len(named), of=n_places),
        tried=_tried(comparison),
        stand_in=(*_stand_in(comparison, verdicts, named), *_with_others(others)),
        sure=_sure(comparison, counts, n_seeds),
        not_meant=_not_meant(comparison, stitch),
        next_steps=_next_steps(recommendation, verdicts, named, n_seeds),
        counts=counts,
    )


def _by_place(comparison: Comparison, stitch: str) -> dict[tuple[str, str], Verdict]:
    return {place[:2]: verdict for place, verdict in comparison.cell_verdicts(stitch).items()}


def _n_places(comparison: Comparison, stitch: str) -> int:
    """Return how many pairs of cuts were to be stitched: in a run that was cut short, more than there are cells."""
    there = {
        (c.sender_cut, c.receiver_cut) for c in comparison.cells if (c.control, c.stitch) == (TRAINED, stitch)
    }
    if not comparison.is_cut_short:
        return len(there)
    return len(comparison.spec.sender_cuts) * len(comparison.spec.receiver_cuts)


def _best_first(good: Mapping[tuple[str, str], Verdict]) -> dict[tuple[str, str], Verdict]:
    """Return cells in the order in which one would try them: the surest first, then by the least that is kept."""
    order = ("high", "medium", "low")
    return dict(sorted(good.items(), key=lambda each: (order.index(each[1].confidence), -each[1].kept_low)))


def _with_others(others: Mapping[str, int]) -> tuple[Text, ...]:
    return tuple(say("answer.other_stitch", stitch=stitch, n=n) for stitch, n in others.items())


def _tried(comparison: Comparison) -> tuple[Text, ...]:
    real = [cell for cell in comparison.cells if cell.control == TRAINED]
    if not real:
        return (say("answer.tried_controls", sender=comparison.sender, receiver=comparison.receiver),)
    facts = say(
        "answer.tried",
        senders=len({cell.sender_cut for cell in real}),
        receivers=len({cell.receiver_cut for cell in real}),
        sender=comparison.sender,
        receiver=comparison.receiver,
        data=comparison.data,
        n_train=comparison.facts.n_train,
        n_heldout=real[0].n_heldout,
    )
    n_controls = len([control for control in comparison.controls if control != TRAINED])
    return facts, say("answer.controls", n=n_controls) if n_controls else say("answer.no_controls")


def _stand_in(
    comparison: Comparison,
    verdicts: Mapping[tuple[str, str], Verdict],
    named: Mapping[tuple[str, str], Verdict],
) -> tuple[Text, ...]:
    if not verdicts:
        return (say("answer.no_verdict"),)
    names = {"sender_name": comparison.sender, "receiver_name": comparison.receiver}

    def told(key: str, place: tuple[str, str], verdict: Verdict) -> Text:
        return say(
            key,
            sender=place[0],
            receiver=place[1],
            kept=100 * verdict.kept,
            low=100 * verdict.kept_low,
            high=100 * verdict.kept_high,
            score=100 * verdict.score_share,
            confidence=say(f"confidence.{verdict.confidence}"),
            **({"why": _but(verdict)} if key == "answer.nearest" else {}),
            **names,
        )

    lines = [told("answer.good", place, verdict) for place, verdict in list(named.items())[:_MOST]]
    if len(named) > _MOST:
        lines.append(say("answer.more", n=len(named) - _MOST))
    if not named:
        lines.append(say("answer.none"))
        known = [(place, verdict) for place, verdict in verdicts.items() if not math.isnan(verdict.kept)]
        if known:
            place, verdict = max(known, key=lambda each: each[1].kept)
            lines.append(told("answer.nearest", place, verdict))
    return tuple(lines)


def _but(verdict: Verdict) -> Text:
    """Say what keeps a cell from being interchangeable, where one thing does."""
    why = verdict.reason.values.get("why")
    blocked = verdict.reason.key == "verdict.blocked" and isinstance(why, Text)
    return say("answer.nearest_why", why=why) if blocked else say("answer.nearest_plain")


def _sure(comparison: Comparison, counts: Mapping[str, int], n_seeds: int) -> tuple[Text, ...]:
    lines = []
    if counts:
        lines.append(
            say("answer.sure", n=sum(counts.values()) - counts.get(UNKNOWN, 0), of=sum(counts.values()))
        )
    lines.append(say("answer.one_seed") if n_seeds < 2 else say("answer.seeds", n=n_seeds))
    if comparison.unconverged:
        lines.append(say("answer.unconverged", n=len(comparison.unconverged), of=len(comparison.cells)))
    return tuple(lines)


def _not_meant(comparison: Comparison, stitch: str) -> tuple[Text, ...]:
    scores = [
        cell.score
        for cell in comparison.cells
        if cell.control in _LABEL_ONLY and cell.stitch == stitch and cell.score is not None
    ]
    first = say("answer.label_alone", best=max(scores)) if scores else say("answer.label_alone_not_run")
    return first, say("answer.this_task"), say("answer.this_data")


def _next_steps(
    recommendation: str,
    verdicts: Mapping[tuple[str, str], Verdict],
    named: Mapping[tuple[str, str], Verdict],
    n_seeds: int,
) -> tuple[Text, ...]:
    lines: list[Text] = []
    if named:
        place = next(iter(named))
        lines.append(say("next.pilot", sender=place[0], receiver=place[1]))
        lines.append(say("next.own_data"))
        if n_seeds < ENOUGH_SEEDS:
            lines.append(say("next.seeds", n=ENOUGH_SEEDS))
        return tuple(lines)
    if recommendation == "unmeasured":
        return (say("next.measure"),)
    if recommendation == "leave":
        return say("next.leave"), say("next.feature")
    reasons = Counter(
        _ADVICE[_deciding(verdict.reason)] for verdict in verdicts.values() if verdict.name == UNKNOWN
    )
    return tuple(say(key, n=n) for key, n in reasons.most_common(2))


def _deciding(reason: Text) -> str:
    """Return the key of what decided: for a verdict that was blocked, what blocked it."""
    why = reason.values.get("why")
    return why.key if reason.key == "verdict.blocked" and isinstance(why, Text) else reason.key
