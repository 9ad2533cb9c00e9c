"""The rule, one line at a time."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelstitch.evidence.verdict import Facts, Thresholds, decide, together
from modelstitch.specs.verdicts import Confidence, Reason, VerdictName, VerdictReason

GOOD = Facts(
    n=2000,
    chance=0.1,
    score=(0.75, 0.73, 0.77),
    self_score=0.76,
    within=(0.93, 0.91, 0.95),
    self_within=(0.97, 0.96, 0.98),
    label_within={"clustered-noise": (0.0, -0.02, 0.02), "one-hot": (math.nan, math.nan, math.nan)},
    random_within=(0.6, 0.55, 0.65),
    converged=True,
)


def at(value: float, half: float = 0.02) -> tuple[float, float, float]:
    return (value, value - half, value + half)


def test_what_does_as_the_receivers_own_is_interchangeable() -> None:
    found = decide(GOOD)
    assert (found.name, found.confidence) == (VerdictName.INTERCHANGEABLE, Confidence.HIGH)
    assert found.kept == pytest.approx(0.93 / 0.97)
    because = found.because
    assert because.reason is Reason.KEPT
    assert (because.score, because.self_score, because.chance) == (0.75, 0.76, 0.1)
    assert (because.within, because.self_within, because.label_within) == (0.93, 0.97, (0.0, 0.0))
    assert because.kept == found.kept
    assert because.kept_half == pytest.approx((found.kept_high - found.kept_low) / 2)
    assert because.score_share == pytest.approx(0.65 / 0.66)


def test_a_high_score_without_anything_within_the_class_is_decodable_only() -> None:
    assert decide(replace(GOOD, within=at(0.03))).name == VerdictName.DECODABLE_ONLY
    assert decide(replace(GOOD, within=(math.nan, math.nan, math.nan))).name == VerdictName.DECODABLE_ONLY


def test_chance_is_incompatible_whatever_is_kept() -> None:
    found = decide(replace(GOOD, score=at(0.11)))
    assert (found.name, found.confidence) == (VerdictName.INCOMPATIBLE, Confidence.HIGH)


def test_a_label_only_control_that_is_not_fitted_to_its_end_forbids_what_is_read_against_it() -> None:
    short = ("one-hot", 0.9)
    for facts in (GOOD, replace(GOOD, within=at(0.03)), replace(GOOD, within=at(0.65))):
        found = decide(replace(facts, label_short=short))
        assert (found.name, found.reason) == (VerdictName.CANNOT_TELL, Reason.LABEL_CONTROL_SHORT)
        assert found.kept == decide(facts).kept
        assert "a one-hot label for a sender scores 0.90, below the receiver itself" in found.sentence
    chance = replace(GOOD, score=at(0.11))
    assert decide(replace(chance, label_short=short)).name == VerdictName.INCOMPATIBLE


def test_a_self_stitch_above_the_receiver_says_that_data_and_receiver_do_not_fit() -> None:
    """By more than .05 and by three paired standard errors; below one of them nothing is said."""
    for above in ((0.05, 0.001), (0.2, 0.07), (-0.3, 0.01), (math.nan, math.nan)):
        assert decide(replace(GOOD, self_above=above)) == decide(GOOD)
    found = decide(replace(GOOD, self_above=(0.46, 0.02)))
    assert found.name == VerdictName.CANNOT_TELL
    assert str(found.sentence) == (
        "the receiver into itself scores 0.76, 0.46 above the whole receiver (0.30): data and receiver do "
        "not fit each other"
    )


def test_between_the_lines_nothing_is_said() -> None:
    found = decide(replace(GOOD, within=at(0.97 * 0.65)))
    assert (found.name, found.reason) == (VerdictName.CANNOT_TELL, Reason.KEPT_BETWEEN)
    half_done = decide(replace(GOOD, score=at(0.2), within=at(0.1)))
    assert (half_done.name, half_done.reason) == (VerdictName.CANNOT_TELL, Reason.SCORE_BETWEEN)


def test_a_low_score_passes_part_of_the_label() -> None:
    assert decide(replace(GOOD, score=at(0.4), within=at(0.1))).reason is Reason.PART_OF_LABEL
    assert decide(replace(GOOD, within=at(0.1))).reason is Reason.LABEL_ONLY


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"n": 50}, Reason.TOO_FEW_EXAMPLES),
        ({"failed": "the loss was nan"}, Reason.FIT_FAILED),
        ({"self_score": 0.11}, Reason.SELF_STITCH_AT_CHANCE),
        ({"self_above": (0.06, 0.015)}, Reason.SELF_STITCH_ABOVE_RECEIVER),
        ({"within": at(0.93, 0.3)}, Reason.KEPT_BETWEEN),
        ({"within": (0.93, math.nan, math.nan)}, Reason.KEPT_BETWEEN),
        ({"within": at(0.03), "converged": False}, Reason.LITTLE_KEPT_NOT_CONVERGED),
        ({"score": at(0.1), "converged": False}, Reason.LOW_SCORE_NOT_CONVERGED),
        ({"self_within": at(0.05)}, Reason.REFERENCES_TOO_CLOSE),
        ({"score": at(0.5)}, Reason.SCORE_TOO_LOW),
        ({"converged": False}, Reason.FIT_NOT_CONVERGED),
        ({"self_converged": False}, Reason.SELF_STITCH_NOT_CONVERGED),
        ({"label_within": {}}, Reason.NO_LABEL_ONLY_SENDER),
        ({"random_within": None}, Reason.NO_RANDOM_SENDER),
        ({"random_within": at(0.95)}, Reason.RANDOM_KEEPS_AS_MUCH),
    ],
)
def test_what_forbids_a_verdict(change: dict[str, object], reason: Reason) -> None:
    verdict = decide(replace(GOOD, **change))  # type: ignore[arg-type]
    assert (verdict.name, verdict.confidence) == (VerdictName.CANNOT_TELL, Confidence.LOW)
    assert verdict.reason is reason


def test_a_reason_holds_the_numbers_that_decided() -> None:
    assert decide(replace(GOOD, n=50)).because == VerdictReason(
        reason=Reason.TOO_FEW_EXAMPLES, n=50, n_needed=Thresholds().fewest
    )
    assert decide(replace(GOOD, failed="the loss was nan")).because.failure == "the loss was nan"
    assert decide(replace(GOOD, score=at(0.5))).because.score_share == pytest.approx(0.4 / 0.66)
    assert decide(replace(GOOD, random_within=at(0.95))).because.random_within == 0.95


def test_a_label_only_sender_that_keeps_as_much_is_named() -> None:
    # Its own w is unsure, so that kept is high although the intervals of w overlap.
    lines = Thresholds(kept_high=-10.0, kept_low=-11.0)
    facts = replace(GOOD, label_within={"one-hot": at(0.1, 0.9), "clustered-noise": at(0.0)})
    verdict = decide(facts, lines)
    assert (verdict.name, verdict.reason) == (VerdictName.CANNOT_TELL, Reason.LABEL_KEEPS_AS_MUCH)
    assert verdict.because.label_control == "one-hot"
    assert "a one-hot label keeps as much" in verdict.sentence


def test_a_fit_that_still_moves_is_not_called_incompatible() -> None:
    assert decide(replace(GOOD, score=at(0.1), converged=False)).name == VerdictName.CANNOT_TELL


def test_depth_is_named_where_the_receiver_itself_does_no_better() -> None:
    facts = replace(GOOD, within=at(0.3), deeper_within=at(0.31))
    assert decide(facts).because.depth_within == 0.31
    assert "the depth loses it" in decide(facts).sentence
    assert decide(replace(facts, deeper_within=at(0.9))).because.depth_within is None


unit = st.floats(-0.2, 1.0)


@given(score=st.floats(0, 1), within=unit, floor=st.floats(-0.1, 0.5), half=st.floats(0, 0.3))
def test_the_rule_is_total_and_never_calls_a_label_interchangeable(
    score: float, within: float, floor: float, half: float
) -> None:
    facts = replace(
        GOOD,
        score=at(score),
        within=at(within, half),
        label_within={"clustered-noise": at(floor)},
        random_within=at(-0.5),
    )
    found = decide(facts)
    assert found.sentence
    if found.name == VerdictName.INTERCHANGEABLE:
        assert within - half > floor + 0.02
        assert score > 0.5


@given(st.floats(0, 0.95), st.floats(0, 0.95))
def test_more_kept_is_never_judged_lower(one: float, other: float) -> None:
    order = {VerdictName.DECODABLE_ONLY: 0, VerdictName.CANNOT_TELL: 1, VerdictName.INTERCHANGEABLE: 2}
    low, high = sorted((one, other))
    facts = replace(GOOD, random_within=at(-0.5))
    assert (
        order[decide(replace(facts, within=at(low))).name]
        <= order[decide(replace(facts, within=at(high))).name]
    )


def test_thresholds_move_the_lines() -> None:
    facts = replace(GOOD, within=at(0.6))
    assert decide(facts, Thresholds(kept_low=0.3, kept_high=0.6)).name == VerdictName.CANNOT_TELL
    lower = Thresholds(kept_low=0.3, kept_high=0.55)
    assert decide(replace(facts, random_within=at(0.1)), lower).name == VerdictName.INTERCHANGEABLE


def test_doubt_about_the_references_is_doubt_about_what_is_kept() -> None:
    sure = decide(replace(GOOD, self_within=at(0.97, 0.01)))
    unsure = decide(replace(GOOD, self_within=at(0.97, 0.2)))
    assert sure.name == VerdictName.INTERCHANGEABLE
    assert unsure.name == VerdictName.CANNOT_TELL
    assert unsure.kept_high - unsure.kept_low > sure.kept_high - sure.kept_low
    floor = {"clustered-noise": at(0.0, 0.3)}
    assert decide(replace(GOOD, within=at(0.3), label_within=floor)).kept_high > 0.5


def test_seeds_that_agree_say_it_together_with_the_widest_interval_and_the_lowest_confidence() -> None:
    one, other = decide(GOOD), decide(replace(GOOD, within=at(0.9, 0.07)))
    found = together([one, other])
    assert found.name == VerdictName.INTERCHANGEABLE
    assert found.kept == pytest.approx((one.kept + other.kept) / 2)
    assert (found.kept_low, found.kept_high) == (other.kept_low, max(one.kept_high, other.kept_high))
    confidences = (one.confidence, other.confidence, found.confidence)
    assert confidences == (Confidence.HIGH, Confidence.LOW, Confidence.LOW)
    assert found.because == other.because
    assert together([one]) == one


def test_seeds_that_disagree_say_so() -> None:
    verdicts = [decide(GOOD), decide(GOOD), decide(replace(GOOD, within=at(0.97 * 0.65)))]
    found = together(verdicts)
    assert (found.name, found.confidence) == (VerdictName.CANNOT_TELL, Confidence.LOW)
    assert found.reason is Reason.SEEDS_DISAGREE
    assert found.because.seeds == ((VerdictName.INTERCHANGEABLE, 2), (VerdictName.CANNOT_TELL, 1))
    assert found.because.least == verdicts[2].because
    assert found.sentence.startswith("the seeds disagree: interchangeable with 2, cannot tell with 1; ")


def test_a_seed_that_failed_is_a_disagreement() -> None:
    found = together([decide(GOOD), decide(replace(GOOD, failed="the loss was nan"))])
    assert found.name == VerdictName.CANNOT_TELL
    assert found.kept == decide(GOOD).kept
