"""The rule, one line at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelstitch.evidence.verdict import Facts, Thresholds, Verdict, decide, together
from modelstitch.specs.verdicts import Confidence, KeptScale, Learnt, Reason, VerdictName, VerdictReason

INTERCHANGEABLE, PARTLY = VerdictName.INTERCHANGEABLE, VerdictName.PARTLY
DECODABLE_ONLY, INCOMPATIBLE = VerdictName.DECODABLE_ONLY, VerdictName.INCOMPATIBLE
CANNOT_TELL = VerdictName.CANNOT_TELL
NAN = math.nan


def at(value: float, half: float = 0.02) -> tuple[float, float, float]:
    return (value, value - half, value + half)


GOOD = Facts(
    n=2000,
    n_within=1000,
    chance=0.1,
    score=at(0.75),
    self_score=0.76,
    kept=at(0.95),
    where="layers.3",
    recovered=0.86,
    own=0.9,
    label=0.1,
    head=0.97,
    p_label=0.002,
    converged=True,
    self_converged=True,
)


def judged(**changes: Any) -> Verdict:
    return decide(replace(GOOD, **changes))


# What comes across


@pytest.mark.parametrize(
    ("changes", "name", "reason"),
    [
        ({}, INTERCHANGEABLE, Reason.KEPT),
        ({"kept": at(0.5)}, PARTLY, Reason.KEPT_IN_PART),
        ({"score": at(0.5)}, PARTLY, Reason.SCORE_TOO_LOW),
        ({"kept": at(0.05)}, DECODABLE_ONLY, Reason.LABEL_ONLY),
        ({"kept": at(0.05), "score": at(0.5)}, DECODABLE_ONLY, Reason.PART_OF_LABEL),
        ({"p_label": 0.06}, DECODABLE_ONLY, Reason.NO_MORE_THAN_LABEL),
        ({"score": at(0.12)}, INCOMPATIBLE, Reason.TASK_NOT_DONE),
        ({"kept": at(0.5, 0.4)}, CANNOT_TELL, Reason.KEPT_TOO_WIDE),
        ({"score": at(0.2)}, CANNOT_TELL, Reason.SCORE_BETWEEN),
    ],
)
def test_every_word_has_its_lines(changes: dict[str, Any], name: VerdictName, reason: Reason) -> None:
    found = judged(**changes)
    assert (found.name, found.reason) == (name, reason)
    assert (found.kept, found.kept_low, found.kept_high) == replace(GOOD, **changes).kept
    assert found.head == 0.97


def test_where_the_self_stitch_loses_much_the_sentence_names_both_scales() -> None:
    found = judged(kept=(0.4, 0.37, 1.05), scaled_by=KeptScale.BOTH)
    assert (found.name, found.confidence) == (PARTLY, Confidence.LOW)
    assert "low end with the receiver itself as 100 %, high end with the self-stitch" in found.sentence
    assert "受け手自身への接合を100%" in found.sentence.in_language("ja")
    little = judged(kept=(0.0, -0.01, 0.02), scaled_by=KeptScale.BOTH)
    assert (little.name, little.confidence) == (DECODABLE_ONLY, Confidence.HIGH)
    assert "100 %" not in judged(kept=at(0.5)).sentence


@pytest.mark.parametrize(
    ("kept", "name"),
    [
        ((0.9, 0.8, 1.0), INTERCHANGEABLE),
        ((0.9, 0.799, 1.0), PARTLY),
        ((0.3, 0.175, 0.4), PARTLY),
        ((0.3, 0.174, 0.4), DECODABLE_ONLY),
        ((0.3, 0.174, 0.799), DECODABLE_ONLY),
        ((0.3, 0.174, 0.8), CANNOT_TELL),
        ((0.5, 0.175, 0.9), PARTLY),
        ((0.0, 0.0, 0.0), DECODABLE_ONLY),
        ((1.0, 1.0, 1.0), INTERCHANGEABLE),
        ((-0.3, -0.4, -0.2), DECODABLE_ONLY),
        ((1.2, 1.1, 1.3), INTERCHANGEABLE),
    ],
)
def test_the_low_end_of_the_interval_has_to_reach_a_line(
    kept: tuple[float, float, float], name: VerdictName
) -> None:
    assert judged(kept=kept).name is name


@pytest.mark.parametrize(
    ("kept", "name"),
    [((0.85, 0.78, 0.92), PARTLY), ((0.79, 0.7, 0.88), PARTLY), ((0.2, 0.15, 0.25), DECODABLE_ONLY)],
)
def test_across_one_line_the_weaker_word_is_said_with_low_confidence(
    kept: tuple[float, float, float], name: VerdictName
) -> None:
    found = judged(kept=kept)
    assert (found.name, found.confidence) == (name, Confidence.LOW)


@pytest.mark.parametrize(
    ("kept", "confidence"),
    [
        (at(0.9, 0.03), Confidence.HIGH),
        (at(0.9, 0.04), Confidence.MEDIUM),
        (at(0.9, 0.06), Confidence.LOW),
        (at(0.5, 0.1), Confidence.HIGH),
        (at(0.65, 0.06), Confidence.MEDIUM),
        (at(0.7, 0.06), Confidence.LOW),
        (at(0.25, 0.05), Confidence.LOW),
        (at(0.0, 0.05), Confidence.HIGH),
        (at(0.1, 0.03), Confidence.MEDIUM),
        (at(0.12, 0.05), Confidence.LOW),
    ],
)
def test_confidence_is_the_distance_of_the_interval_from_the_line_in_half_widths(
    kept: tuple[float, float, float], confidence: Confidence
) -> None:
    found = judged(kept=kept)
    assert found.name is not CANNOT_TELL
    assert found.confidence is confidence


def test_a_score_of_a_guess_is_incompatible_whatever_is_kept() -> None:
    for kept in (at(0.95), at(0.0), (NAN, NAN, NAN)):
        found = judged(score=at(0.11, 0.01), kept=kept)
        assert (found.name, found.confidence) == (INCOMPATIBLE, Confidence.HIGH)
    assert judged(score=(0.15, 0.1, 0.199)).name is INCOMPATIBLE  # the line: .1 + .15 x .66
    assert judged(score=(0.15, 0.1, 0.1991)).reason is Reason.SCORE_BETWEEN


def test_what_serves_the_head_alone_is_shown_and_does_not_decide() -> None:
    found = judged(kept=at(0.4), head=0.99)
    assert (found.name, found.head) == (PARTLY, 0.99)


def test_a_reason_holds_the_numbers_that_decided() -> None:
    because = judged().because
    assert (because.score, because.self_score, because.chance) == (0.75, 0.76, 0.1)
    assert because.score_share == pytest.approx(0.65 / 0.66)
    assert (because.kept, because.kept_low, because.kept_high) == GOOD.kept
    assert (because.where, because.recovered, because.own, because.label) == ("layers.3", 0.86, 0.9, 0.1)
    assert (because.head, because.p_label) == (0.97, 0.002)
    few = VerdictReason(reason=Reason.TOO_FEW_EXAMPLES, n=50, n_needed=Thresholds().fewest)
    assert judged(n=50).because == few
    assert judged(failed="the loss was nan").because.failure == "the loss was nan"
    assert judged(score=at(0.5)).because.score_share == pytest.approx(0.4 / 0.66)


# What forbids a word


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"failed": "the loss was nan"}, Reason.FIT_FAILED),
        ({"self_failed": "the loss was nan"}, Reason.SELF_STITCH_FAILED),
        ({"n": 99}, Reason.TOO_FEW_EXAMPLES),
        ({"n_within": 99}, Reason.TOO_FEW_IN_CLASSES),
        ({"self_above": (0.06, 0.015)}, Reason.SELF_STITCH_ABOVE_RECEIVER),
        ({"self_score": 0.11}, Reason.SELF_STITCH_AT_CHANCE),
        ({"score": (NAN, NAN, NAN)}, Reason.NO_SCORE),
        ({"self_score": NAN}, Reason.NO_SCORE),
        ({"chance": NAN}, Reason.NO_SCORE),
        ({"kept": (NAN, NAN, NAN), "label_only": False}, Reason.NO_LABEL_ONLY_SENDER),
        ({"kept": (NAN, NAN, NAN)}, Reason.REFERENCES_TOO_CLOSE),
        ({"kept": (NAN, NAN, NAN), "own": NAN}, Reason.NO_VALUE),
        ({"kept": (NAN, NAN, NAN), "recovered": NAN}, Reason.NO_VALUE),
        ({"kept": (0.95, NAN, NAN)}, Reason.NO_VALUE),
        ({"converged": False}, Reason.FIT_NOT_CONVERGED),
        ({"self_converged": False}, Reason.SELF_STITCH_NOT_CONVERGED),
        ({"kept": at(0.5, 0.4)}, Reason.KEPT_TOO_WIDE),
        ({"kept": (0.1, 0.08, 0.3), "scaled_by": KeptScale.BOTH}, Reason.SELF_STITCH_LOSES),
        ({"kept": (0.1, 0.08, 1.0), "scaled_by": KeptScale.BOTH}, Reason.SELF_STITCH_LOSES),
        ({"score": at(0.2)}, Reason.SCORE_BETWEEN),
    ],
)
def test_what_forbids_a_verdict(changes: dict[str, Any], reason: Reason) -> None:
    found = judged(**changes, lead=at(0.5))
    assert (found.name, found.confidence) == (CANNOT_TELL, Confidence.LOW)
    assert found.reason is reason
    assert (found.learnt, found.untrained) == (Learnt.NOT_ASKED, ())


ORDER: tuple[tuple[dict[str, Any], Reason], ...] = (
    ({"failed": "the loss was nan"}, Reason.FIT_FAILED),
    ({"self_failed": "the loss was nan"}, Reason.SELF_STITCH_FAILED),
    ({"n": 50}, Reason.TOO_FEW_EXAMPLES),
    ({"self_above": (0.3, 0.01)}, Reason.SELF_STITCH_ABOVE_RECEIVER),
    ({"n_within": 50}, Reason.TOO_FEW_IN_CLASSES),
    ({"chance": NAN}, Reason.NO_SCORE),
    ({"self_score": 0.11}, Reason.SELF_STITCH_AT_CHANCE),
    ({"converged": False}, Reason.FIT_NOT_CONVERGED),
    ({"kept": (NAN, NAN, NAN)}, Reason.REFERENCES_TOO_CLOSE),
    ({"self_converged": False}, Reason.SELF_STITCH_NOT_CONVERGED),
    ({"score": at(0.2)}, Reason.SCORE_BETWEEN),
    ({"kept": at(0.5, 0.4)}, Reason.KEPT_TOO_WIDE),
)


@pytest.mark.parametrize("first", range(len(ORDER)))
def test_of_several_obstacles_the_one_that_spoils_most_is_named(first: int) -> None:
    changes: dict[str, Any] = {}
    for some, _ in reversed(ORDER[first:]):
        changes |= some
    assert judged(**changes).reason is ORDER[first][1]


@pytest.mark.parametrize("above", [(0.05, 0.001), (0.2, 0.07), (-0.3, 0.01), (NAN, NAN)])
def test_a_self_stitch_a_little_or_not_surely_above_the_receiver_forbids_nothing(
    above: tuple[float, float],
) -> None:
    assert judged(self_above=above) == judged()


def test_a_self_stitch_above_the_receiver_says_that_data_and_receiver_do_not_fit() -> None:
    assert str(judged(self_above=(0.46, 0.02)).sentence) == (
        "the receiver into itself scores 0.76, 0.46 above the whole receiver (0.30): data and receiver do "
        "not fit each other"
    )


def test_a_fit_that_has_not_come_to_its_end_is_not_called_incompatible() -> None:
    assert judged(score=at(0.1), converged=False).reason is Reason.FIT_NOT_CONVERGED
    assert judged(score=at(0.1), converged=None).name is INCOMPATIBLE


def test_depth_is_named_where_the_receiver_itself_does_no_better() -> None:
    told = judged(kept=at(0.1), depth=0.15)
    assert told.because.depth == 0.15
    assert "the depth loses it" in told.sentence
    assert judged(kept=at(0.1), depth=0.5).because.depth is None  # the receiver's own cut does better
    assert judged(kept=at(0.5), depth=0.81).because.depth is None  # the depth loses nothing
    assert judged(kept=at(0.1), depth=NAN).because.depth is None


# Was it learnt


@pytest.mark.parametrize(
    ("lead", "learnt", "confidence"),
    [
        (at(0.5, 0.1), Learnt.LEARNT, Confidence.HIGH),
        (at(0.2, 0.06), Learnt.LEARNT, Confidence.MEDIUM),
        (at(0.2, 0.1), Learnt.LEARNT, Confidence.LOW),
        ((0.2, 0.05, 0.35), Learnt.UNCLEAR, Confidence.LOW),
        ((0.03, -0.1, 0.05), Learnt.UNCLEAR, Confidence.LOW),
        (at(0.0, 0.02), Learnt.NOT_LEARNT, Confidence.MEDIUM),
        (at(-0.3, 0.1), Learnt.NOT_LEARNT, Confidence.HIGH),
        (at(0.1, 0.3), Learnt.UNCLEAR, Confidence.LOW),
        ((0.5, NAN, NAN), Learnt.UNCLEAR, Confidence.LOW),
        ((NAN, NAN, NAN), Learnt.UNCLEAR, Confidence.LOW),
    ],
)
@pytest.mark.parametrize("kept", [at(0.95), at(0.5)])
def test_learnt_needs_the_interval_of_the_lead_on_one_side_of_its_line(
    kept: tuple[float, float, float], lead: tuple[float, float, float], learnt: Learnt, confidence: Confidence
) -> None:
    found = judged(kept=kept, lead=lead, untrained=(0.4, 0.5, 0.45))
    assert (found.learnt, found.learnt_confidence) == (learnt, confidence)
    assert found.untrained == (0.4, 0.5, 0.45)
    assert found.name is judged(kept=kept).name  # the second answer leaves the first alone


@pytest.mark.parametrize(
    "changes",
    [{"lead": None}, {"kept": at(0.05)}, {"score": at(0.11)}, {"kept": at(0.5, 0.4)}, {"p_label": 0.5}],
)
def test_learnt_is_asked_where_more_than_the_label_comes_across_and_untrained_senders_were_drawn(
    changes: dict[str, Any],
) -> None:
    found = judged(**{"lead": at(0.5), "untrained": (0.4,), **changes})
    assert found.learnt is Learnt.NOT_ASKED
    assert math.isnan(found.lead)
    assert found.untrained == ()
    assert str(found.learnt_sentence) == "not asked"


def test_the_second_answer_says_its_numbers() -> None:
    found = judged(lead=(0.3, 0.22, 0.38), untrained=(0.6, 0.65, 0.7))
    assert (found.lead, found.lead_low, found.lead_high) == (0.3, 0.22, 0.38)
    assert (
        str(found.learnt_sentence) == "learnt: 30 points ahead of the mean of 3 untrained senders (22 to 38)"
    )


# The rule as a whole

share = st.floats(-0.5, 1.5)
half = st.floats(0, 0.6)


@given(score=st.floats(0, 1), kept=share, half=half, p_label=st.floats(0, 1))
def test_interchangeable_has_a_whole_interval_above_the_line(
    score: float, kept: float, half: float, p_label: float
) -> None:
    found = judged(score=at(score), kept=at(kept, half), p_label=p_label)
    assert found.sentence
    assert (found.name is INTERCHANGEABLE) == (
        kept - half >= 0.8 and p_label <= 0.05 and (score - 0.1) / 0.66 >= 0.8
    )


STRENGTH = {DECODABLE_ONLY: 0, PARTLY: 1, INTERCHANGEABLE: 2}


@given(share, share, st.floats(0, 0.3))
def test_more_kept_is_never_judged_lower(one: float, other: float, half: float) -> None:
    low, high = (judged(kept=at(each, half)).name for each in sorted((one, other)))
    assert STRENGTH[low] <= STRENGTH[high]


@given(share, share, half)
def test_a_larger_lead_is_never_judged_less_learnt(one: float, other: float, half: float) -> None:
    order = [Learnt.NOT_LEARNT, Learnt.UNCLEAR, Learnt.LEARNT]
    low, high = (order.index(judged(lead=at(each, half)).learnt) for each in sorted((one, other)))
    assert low <= high


numbers = st.floats(width=16, allow_nan=True, allow_infinity=True)
THREE = st.builds(at, numbers, st.floats(0, 1) | st.just(NAN) | st.just(math.inf))


@given(score=THREE, self_score=numbers, chance=numbers, kept=THREE)
def test_what_is_not_finite_never_becomes_a_word(
    score: tuple[float, float, float], self_score: float, chance: float, kept: tuple[float, float, float]
) -> None:
    found = judged(score=score, self_score=self_score, chance=chance, kept=kept)
    if found.name is not CANNOT_TELL:
        assert all(map(math.isfinite, (*score, self_score, chance)))
    if found.name not in (CANNOT_TELL, INCOMPATIBLE):
        assert all(map(math.isfinite, kept))
    assert found.sentence


def test_thresholds_move_every_line() -> None:
    def under(facts: Facts, **lines: float) -> Verdict:
        return decide(facts, replace(Thresholds(), **lines))  # type: ignore[arg-type]

    half = replace(GOOD, kept=at(0.5), lead=at(0.2, 0.01))
    assert under(half, kept_high=0.4).name is INTERCHANGEABLE
    assert under(half, kept_low=0.6).name is DECODABLE_ONLY
    assert under(half, learnt=0.3).learnt is Learnt.NOT_LEARNT
    assert under(replace(half, p_label=0.1), label_error=0.2).name is PARTLY
    assert under(replace(GOOD, score=at(0.5)), score_high=0.5).name is INTERCHANGEABLE
    assert under(replace(GOOD, score=at(0.2)), score_low=0.2).name is INCOMPATIBLE
    assert under(replace(GOOD, n=50, n_within=20), fewest=20).name is INTERCHANGEABLE
    above = replace(GOOD, self_above=(0.2, 0.01))
    assert under(above, self_above=0.3).name is INTERCHANGEABLE
    assert under(above, self_above_errors=30.0).name is INTERCHANGEABLE


# Several seeds


def of_kept(*kept: float, **changes: Any) -> list[Verdict]:
    return [judged(kept=at(each), **changes) for each in kept]


def test_one_seed_speaks_for_itself() -> None:
    (one,) = of_kept(0.95, lead=at(0.5))
    assert together([one]) == one


def test_seeds_that_agree_say_it_together_with_the_widest_interval_and_the_lowest_confidence() -> None:
    one, other = judged(), judged(kept=at(0.9, 0.08))
    found = together([one, other])
    assert (found.name, found.confidence) == (INTERCHANGEABLE, Confidence.LOW)
    assert one.confidence is Confidence.HIGH
    assert found.kept == pytest.approx((0.95 + 0.9) / 2)
    assert (found.kept_low, found.kept_high) == (other.kept_low, other.kept_high)
    assert found.because == other.because
    assert found.head == pytest.approx(0.97)


@pytest.mark.parametrize(
    ("names", "name"),
    [
        ((INTERCHANGEABLE, INTERCHANGEABLE, PARTLY), PARTLY),
        ((PARTLY, DECODABLE_ONLY), DECODABLE_ONLY),
        ((DECODABLE_ONLY, INCOMPATIBLE, INCOMPATIBLE), INCOMPATIBLE),
        ((INTERCHANGEABLE, DECODABLE_ONLY), CANNOT_TELL),
        ((INTERCHANGEABLE, PARTLY, DECODABLE_ONLY), CANNOT_TELL),
        ((PARTLY, INCOMPATIBLE), CANNOT_TELL),
        ((PARTLY, CANNOT_TELL), CANNOT_TELL),
        ((INCOMPATIBLE, CANNOT_TELL), CANNOT_TELL),
    ],
)
def test_seeds_one_word_apart_say_the_weaker_and_further_apart_nothing(
    names: Sequence[VerdictName], name: VerdictName
) -> None:
    by_name = {
        INTERCHANGEABLE: judged(),
        PARTLY: judged(kept=at(0.5)),
        DECODABLE_ONLY: judged(kept=at(0.05)),
        INCOMPATIBLE: judged(score=at(0.11)),
        CANNOT_TELL: judged(kept=at(0.5, 0.4)),
    }
    verdicts = [by_name[each] for each in names]
    for order in (verdicts, verdicts[::-1]):
        found = together(order)
        assert (found.name, found.confidence) == (name, Confidence.LOW)
        assert found.reason is Reason.SEEDS_DISAGREE
        assert dict(found.because.seeds) == {each: names.count(each) for each in names}
        assert found.because.least == min(order, key=lambda verdict: verdict.kept).because


def test_seeds_that_disagree_say_so() -> None:
    found = together(of_kept(0.95, 0.95, 0.5))
    assert found.sentence.startswith("the seeds disagree: interchangeable with 2, partly with 1; ")


def test_a_seed_that_failed_keeps_the_others_from_speaking_for_it() -> None:
    found = together([judged(), judged(failed="the loss was nan")])
    assert found.name is CANNOT_TELL
    assert found.kept == 0.95
    assert found.because.least == judged().because


@pytest.mark.parametrize(
    ("leads", "learnt"),
    [
        ((at(0.5), at(0.4)), Learnt.LEARNT),
        ((at(0.0), at(-0.1)), Learnt.NOT_LEARNT),
        ((at(0.5), at(0.0)), Learnt.UNCLEAR),
        ((at(0.5), at(0.06)), Learnt.UNCLEAR),
        ((at(0.5), None), Learnt.UNCLEAR),
        ((None, None), Learnt.NOT_ASKED),
    ],
)
def test_seeds_have_to_agree_about_what_was_learnt(
    leads: Sequence[tuple[float, float, float] | None], learnt: Learnt
) -> None:
    found = together([judged(lead=lead, untrained=() if lead is None else (0.1, 0.2)) for lead in leads])
    assert found.learnt is learnt
    known = [lead for lead in leads if lead is not None]
    assert len(found.untrained) == 2 * len(known)
    if known:
        assert found.lead == pytest.approx(sum(lead[0] for lead in known) / len(known))
        assert (found.lead_low, found.lead_high) == (min(a[1] for a in known), max(a[2] for a in known))


def test_learnt_is_not_asked_where_the_seeds_together_are_less_than_partly() -> None:
    found = together([judged(kept=at(0.5), lead=at(0.4), untrained=(0.1,)), judged(kept=at(0.05))])
    assert (found.name, found.learnt) == (DECODABLE_ONLY, Learnt.NOT_ASKED)
    assert math.isnan(found.lead)
    assert found.untrained == ()
