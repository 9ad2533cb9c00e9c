"""The first screen: what comes across, for a reader who does not program, from the verdicts alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from modelstitch.evidence.verdict import Verdict
from modelstitch.results.comparison import Comparison
from modelstitch.results.sentences import learnt_sentences, of_yardstick
from modelstitch.specs import CONTROLS, TRAINED
from modelstitch.specs.verdicts import Confidence, Learnt, Reason, VerdictName
from modelstitch.wording import Sentence, say

ENOUGH_SEEDS = 3
"""Fitting seeds that have to agree before the page says that places are shown."""

_MOST_NAMED = 6
"""Interchangeable cells that the first screen names."""

_MOST_PARTLY, _MOST_REPLACEABLE, _MOST_BESIDE = 4, 3, 2
"""Cells of further sorts: where they are the first to be named, and beside others."""

ByPlace = Mapping[tuple[str, str], Verdict]
"""Verdicts by (sender cut, receiver cut)."""


class Finding(StrEnum):
    """What comes across by a run; what to do about it is another question, the findings word's."""

    SHOWN = "shown"
    INTERCHANGEABLE = "interchangeable"
    PARTLY = "partly"
    REPLACEABLE = "replaceable"
    NOTHING = "nothing"
    UNCLEAR = "unclear"
    UNMEASURED = "unmeasured"


ADVICE: dict[Reason, str] = {
    Reason.KEPT_TOO_WIDE: "advice.wide",
    Reason.SELF_STITCH_LOSES: "advice.loses",
    Reason.SCORE_BETWEEN: "advice.between",
    Reason.FIT_NOT_CONVERGED: "advice.moves",
    Reason.SELF_STITCH_NOT_CONVERGED: "advice.moves",
    Reason.TOO_FEW_EXAMPLES: "advice.few",
    Reason.TOO_FEW_IN_CLASSES: "advice.few_in_classes",
    Reason.REFERENCES_TOO_CLOSE: "advice.range",
    Reason.NO_VALUE: "advice.range",
    Reason.SELF_STITCH_AT_CHANCE: "advice.range",
    Reason.SELF_STITCH_ABOVE_RECEIVER: "advice.misfit",
    Reason.RECEIVER_AT_CHANCE: "advice.chance",
    Reason.SEEDS_DISAGREE: "advice.seeds",
    Reason.SEEDS_MISSING: "advice.unfinished",
    Reason.NO_LABEL_ONLY_SENDER: "advice.controls",
    Reason.FIT_FAILED: "advice.failed",
    Reason.SELF_STITCH_FAILED: "advice.failed",
    Reason.NO_SCORE: "advice.no_score",
}
"""What to try next, by the reason of a cell that is *cannot tell*."""


@dataclass(frozen=True)
class RunFindings:
    """What a run shows with one stitch.

    Attributes:
        finding: what comes across.
        verdicts: of all seeds together.
        named: the interchangeable cells that support the finding, the best to try first.
        partly: cells from which part comes across, that which keeps most first.
        replaceable: interchangeable cells for which an untrained sender would do.
        counts: cells by verdict.
        n_places: pairs of cuts of the run, also those that are not finished.
        n_seeds: fitting seeds.
        others: other stitches with interchangeable cells, and how many.
    """

    finding: Finding
    verdicts: ByPlace
    named: ByPlace
    partly: ByPlace
    replaceable: ByPlace
    counts: Mapping[VerdictName, int]
    n_places: int
    n_seeds: int
    others: Mapping[str, int]


@dataclass(frozen=True)
class Answer:
    """The first screen.

    Attributes:
        finding: what comes across.
        headline: the answer in one line.
        tried: what was tried.
        stand_in: which parts can be exchanged, a sentence each.
        sure: how sure the answer is.
        not_meant: what a high number does not mean.
        next_steps: what to try next.
        counts: cells by verdict.
    """

    finding: Finding
    headline: Sentence
    tried: tuple[Sentence, ...]
    stand_in: tuple[Sentence, ...]
    sure: tuple[Sentence, ...]
    not_meant: tuple[Sentence, ...]
    next_steps: tuple[Sentence, ...]
    counts: Mapping[VerdictName, int]


def answer(comparison: Comparison, stitch: str) -> Answer:
    """Return the answer that a run gives with one stitch."""
    findings = findings_of(comparison, stitch)
    return Answer(
        finding=findings.finding,
        headline=_headline(findings),
        tried=_tried(comparison),
        stand_in=_stand_in(comparison, findings),
        sure=_sure(comparison, findings),
        not_meant=_not_meant(comparison, stitch),
        next_steps=_next_steps(findings),
        counts=findings.counts,
    )


def _headline(findings: RunFindings) -> Sentence:
    finding = findings.finding
    places = {
        Finding.PARTLY: findings.partly,
        Finding.REPLACEABLE: findings.replaceable,
    }.get(finding, findings.named)
    best = _kept(next(iter(places.values()))) if places else {}
    return say(f"answer.{finding}", n=len(places), of=findings.n_places, **best)


def findings_of(comparison: Comparison, stitch: str) -> RunFindings:
    """Return what a run shows with one stitch; a pair of cuts without a verdict counts as *cannot tell*."""
    verdicts = _by_place(comparison, stitch)
    n_places = _n_places(comparison, stitch)
    n_seeds = len({cell.seed for cell in comparison.cells if cell.control == TRAINED})
    counts = Counter(verdict.name for verdict in verdicts.values())
    if verdicts and n_places > len(verdicts):
        counts[VerdictName.CANNOT_TELL] += n_places - len(verdicts)
    whole = _named(verdicts, VerdictName.INTERCHANGEABLE)
    replaceable = {place: each for place, each in whole.items() if each.learnt is Learnt.NOT_LEARNT}
    good = {place: each for place, each in whole.items() if place not in replaceable}
    sure = {place: each for place, each in good.items() if _is_sure(each)}
    partly = _named(verdicts, VerdictName.PARTLY)
    others = {
        other: n
        for other in comparison.stitches
        if other != stitch and (n := len(_named(_by_place(comparison, other), VerdictName.INTERCHANGEABLE)))
    }
    n_no = counts[VerdictName.DECODABLE_ONLY] + counts[VerdictName.INCOMPATIBLE]
    if not verdicts:
        finding = Finding.UNMEASURED
    elif sure and n_seeds >= ENOUGH_SEEDS:
        finding = Finding.SHOWN
    elif good:
        finding = Finding.INTERCHANGEABLE
    elif partly:
        finding = Finding.PARTLY
    elif replaceable:
        finding = Finding.REPLACEABLE
    elif n_no == n_places and not others:
        finding = Finding.NOTHING
    else:
        finding = Finding.UNCLEAR
    return RunFindings(
        finding=finding,
        verdicts=verdicts,
        named=_surest_first(sure if finding is Finding.SHOWN else good),
        partly=dict(sorted(partly.items(), key=lambda item: -item[1].kept)),
        replaceable=_surest_first(replaceable),
        counts=counts,
        n_places=n_places,
        n_seeds=n_seeds,
        others=others,
    )


def _is_sure(verdict: Verdict) -> bool:
    return verdict.confidence is not Confidence.LOW and verdict.learnt is Learnt.LEARNT


def _by_place(comparison: Comparison, stitch: str) -> ByPlace:
    return {place[:2]: verdict for place, verdict in comparison.cell_verdicts(stitch).items()}


def _named(verdicts: ByPlace, name: VerdictName) -> ByPlace:
    return {place: verdict for place, verdict in verdicts.items() if verdict.name is name}


def _n_places(comparison: Comparison, stitch: str) -> int:
    """Return how many pairs of cuts the run has: in a run that is not finished, more than there are cells."""
    finished = {
        (cell.sender_cut, cell.receiver_cut)
        for cell in comparison.cells
        if (cell.control, cell.stitch) == (TRAINED, stitch)
    }
    if not comparison.is_cut_short:
        return len(finished)
    return len(comparison.spec.sender_cuts) * len(comparison.spec.receiver_cuts)


def _surest_first(good: ByPlace) -> ByPlace:
    """Return cells in the order in which to try them: the surest first, then by the low end of kept."""
    order = list(Confidence)
    return dict(sorted(good.items(), key=lambda item: (order.index(item[1].confidence), -item[1].kept_low)))


def _tried(comparison: Comparison) -> tuple[Sentence, ...]:
    real = [cell for cell in comparison.cells if cell.control == TRAINED]
    if not real:
        return (say("answer.tried_controls", sender=comparison.sender, receiver=comparison.receiver),)
    joined = say(
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
    return joined, say("answer.controls", n=n_controls) if n_controls else say("answer.no_controls")


def _stand_in(comparison: Comparison, findings: RunFindings) -> tuple[Sentence, ...]:
    others = [say("answer.other_stitch", stitch=stitch, n=n) for stitch, n in findings.others.items()]
    if not findings.verdicts:
        return say("answer.no_verdict"), *others
    sorts = (
        ("answer.good", "answer.more", findings.named, _MOST_NAMED),
        ("answer.part", "answer.more_partly", findings.partly, _MOST_PARTLY),
        ("answer.spare", "answer.more_spare", findings.replaceable, _MOST_REPLACEABLE),
    )
    lines: list[Sentence] = []
    for key, more, places, most in sorts:
        n_named = min(most, _MOST_BESIDE) if lines else most
        if places and key == "answer.part":
            lines.append(say("answer.part_of"))
        lines += [
            say(key, **_numbers(*item), learnt=_learnt(item[1])) for item in list(places.items())[:n_named]
        ]
        if len(places) > n_named:
            lines.append(say(more, n=len(places) - n_named))
    if not lines:
        return say("answer.none"), *_nearest(findings.verdicts), *others
    return *lines, *of_yardstick(comparison.facts.yardstick), *others


def _learnt(verdict: Verdict) -> Sentence:
    """Return a sentence on the second answer, to stand behind the first."""
    untrained = 100 * (verdict.kept - verdict.lead)
    return say(f"answer.learnt.{verdict.learnt}", untrained=untrained)


def _nearest(verdicts: ByPlace) -> list[Sentence]:
    """Return a sentence on the cell that keeps most."""
    known = {place: verdict for place, verdict in verdicts.items() if not math.isnan(verdict.kept)}
    if not known:
        return []
    place = max(known, key=lambda place: known[place].kept)
    return [say("answer.nearest", **_numbers(place, known[place]))]


def _numbers(place: tuple[str, str], verdict: Verdict) -> dict[str, str | float]:
    """Return the cuts and the percentages that a sentence on one cell holds."""
    return {
        "sender": place[0],
        "receiver": place[1],
        **_kept(verdict),
        "score": 100 * verdict.score_share,
        "confidence": say(f"confidence.{verdict.confidence}"),
    }


def _kept(verdict: Verdict) -> dict[str, float]:
    return {"kept": 100 * verdict.kept, "low": 100 * verdict.kept_low, "high": 100 * verdict.kept_high}


def _sure(comparison: Comparison, findings: RunFindings) -> tuple[Sentence, ...]:
    lines: list[Sentence] = []
    n_judged = sum(findings.counts.values())
    if n_judged:
        n_decided = n_judged - findings.counts.get(VerdictName.CANNOT_TELL, 0)
        lines.append(say("answer.sure", n=n_decided, of=n_judged))
    lines += learnt_sentences(list(findings.verdicts.values()))
    one_seed = findings.n_seeds < 2
    lines.append(say("answer.one_seed") if one_seed else say("answer.seeds", n=findings.n_seeds))
    if comparison.unconverged:
        lines.append(say("answer.unconverged", n=len(comparison.unconverged), of=len(comparison.cells)))
    return tuple(lines)


def _not_meant(comparison: Comparison, stitch: str) -> tuple[Sentence, ...]:
    scores = [
        cell.score
        for cell in comparison.cells
        if CONTROLS[cell.control].label_only and cell.stitch == stitch and cell.score is not None
    ]
    first = say("answer.label_alone", best=max(scores)) if scores else say("answer.label_alone_not_run")
    return first, say("answer.this_task"), say("answer.this_data")


def _next_steps(findings: RunFindings) -> tuple[Sentence, ...]:
    finding = findings.finding
    seeds = [say("next.seeds", n=ENOUGH_SEEDS)] if findings.n_seeds < ENOUGH_SEEDS else []
    if findings.named:
        sender, receiver = next(iter(findings.named))
        return say("next.pilot", sender=sender, receiver=receiver), say("next.own_data"), *seeds
    if finding is Finding.PARTLY:
        (sender, receiver), best = next(iter(findings.partly.items()))
        first = say("next.partly", sender=sender, receiver=receiver, kept=100 * best.kept)
        return first, say("next.larger"), *grey_sentences(findings)[:1], *seeds
    if finding is Finding.REPLACEABLE:
        _, receiver = next(iter(findings.replaceable))
        return say("next.replaceable", receiver=receiver), *grey_sentences(findings)[:1], *seeds
    if finding is Finding.UNMEASURED:
        return (say("next.measure"),)
    if finding is Finding.NOTHING:
        return say("next.leave"), say("next.feature")
    return tuple(grey_sentences(findings)[:2])


def grey_sentences(findings: RunFindings) -> list[Sentence]:
    """Return why cells have no answer and what to try there, a sentence a reason, the commonest first."""
    counts = Counter(
        ADVICE[verdict.reason]
        for verdict in findings.verdicts.values()
        if verdict.name is VerdictName.CANNOT_TELL
    )
    return [say(key, n=n) for key, n in counts.most_common()]
