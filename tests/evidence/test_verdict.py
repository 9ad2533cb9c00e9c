"""The rule, one line at a time."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelstitch.evidence.verdict import (
    DECODABLE,
    INCOMPATIBLE,
    INTERCHANGEABLE,
    UNKNOWN,
    Facts,
    Thresholds,
    decide,
    together,
)

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
    assert (found.name, found.confidence) == (INTERCHANGEABLE, "high")
    assert found.kept == pytest.approx(0.93 / 0.97)
    assert "0.75" in found.reason
    assert "0.93" in found.reason
    assert "0.97" in found.reason


def test_a_high_score_without_anything_within_the_class_is_decodable_only() -> None:
    assert decide(replace(GOOD, within=at(0.03))).name == DECODABLE
    assert decide(replace(GOOD, within=(math.nan, math.nan, math.nan))).name == DECODABLE


def test_chance_is_incompatible_whatever_is_kept() -> None:
    found = decide(replace(GOOD, score=at(0.11)))
    assert (found.name, found.confidence) == (INCOMPATIBLE, "high")


def test_between_the_lines_nothing_is_said() -> None:
    found = decide(replace(GOOD, within=at(0.97 * 0.65)))
    assert found.name == UNKNOWN
    assert "more than the label" in found.reason
    assert "between done and not done" in decide(replace(GOOD, score=at(0.2), within=at(0.1))).reason


def test_a_low_score_passes_part_of_the_label() -> None:
    assert ": part of the label comes across" in decide(replace(GOOD, score=at(0.4), within=at(0.1))).reason
    assert ": the label comes across" in decide(replace(GOOD, within=at(0.1))).reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"n": 50}, "50 held-out examples are too few"),
        ({"failed": "the loss was nan"}, "the fit failed: the loss was nan"),
        ({"self_score": 0.11}, "within noise of chance"),
        ({"within": at(0.93, 0.3)}, "give or take"),
        ({"converged": False}, "the fit had not converged"),
        ({"self_converged": False}, "the fit of the self-stitch had not converged"),
        ({"within": at(0.03), "converged": False}, "had not converged"),
        ({"label_within": {}}, "no sender that holds the label alone was run"),
        ({"random_within": None}, "no random sender was run"),
        ({"within": (0.93, math.nan, math.nan)}, "give or take"),
        ({"random_within": at(0.95)}, "a random sender keeps as much"),
        ({"self_within": at(0.05)}, "the references span no range"),
        ({"score": at(0.5)}, "the score is 61 % of the self-stitch's"),
    ],
)
def test_what_forbids_a_verdict(change: dict[str, object], reason: str) -> None:
    found = decide(replace(GOOD, **change))  # type: ignore[arg-type]
    assert found.name == UNKNOWN
    assert reason in found.reason


def test_a_fit_that_still_moves_is_not_called_incompatible() -> None:
    assert decide(replace(GOOD, score=at(0.1), converged=False)).name == UNKNOWN


def test_depth_is_named_where_the_receiver_itself_does_no_better() -> None:
    facts = replace(GOOD, within=at(0.3), deeper_within=at(0.31))
    assert "depth that loses it" in decide(facts).reason
    assert "depth" not in decide(replace(facts, deeper_within=at(0.9))).reason


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
    assert found.reason
    if found.name == INTERCHANGEABLE:
        assert within - half > floor + 0.02
        assert score > 0.5


@given(st.floats(0, 0.95), st.floats(0, 0.95))
def test_more_kept_is_never_judged_lower(one: float, other: float) -> None:
    order = {DECODABLE: 0, UNKNOWN: 1, INTERCHANGEABLE: 2}
    low, high = sorted((one, other))
    facts = replace(GOOD, random_within=at(-0.5))
    assert (
        order[decide(replace(facts, within=at(low))).name]
        <= order[decide(replace(facts, within=at(high))).name]
    )


def test_thresholds_move_the_lines() -> None:
    facts = replace(GOOD, within=at(0.6))
    assert decide(facts, Thresholds(kept_low=0.3, kept_high=0.6)).name == UNKNOWN
    lower = Thresholds(kept_low=0.3, kept_high=0.55)
    assert decide(replace(facts, random_within=at(0.1)), lower).name == INTERCHANGEABLE


def test_doubt_about_the_references_is_doubt_about_what_is_kept() -> None:
    sure = decide(replace(GOOD, self_within=at(0.97, 0.01)))
    unsure = decide(replace(GOOD, self_within=at(0.97, 0.2)))
    assert sure.name == INTERCHANGEABLE
    assert unsure.name == UNKNOWN
    assert unsure.kept_high - unsure.kept_low > sure.kept_high - sure.kept_low
    floor = {"clustered-noise": at(0.0, 0.3)}
    assert decide(replace(GOOD, within=at(0.3), label_within=floor)).kept_high > 0.5


def test_seeds_that_agree_say_it_together_with_the_widest_interval_and_the_lowest_confidence() -> None:
    one, other = decide(GOOD), decide(replace(GOOD, within=at(0.9, 0.07)))
    found = together([one, other])
    assert found.name == INTERCHANGEABLE
    assert found.kept == pytest.approx((one.kept + other.kept) / 2)
    assert (found.kept_low, found.kept_high) == (other.kept_low, max(one.kept_high, other.kept_high))
    assert (one.confidence, other.confidence, found.confidence) == ("high", "low", "low")
    assert found.reason == other.reason
    assert together([one]) == one


def test_seeds_that_disagree_say_so() -> None:
    verdicts = [decide(GOOD), decide(GOOD), decide(replace(GOOD, within=at(0.97 * 0.65)))]
    found = together(verdicts)
    assert (found.name, found.confidence) == (UNKNOWN, "low")
    assert found.reason.startswith("the seeds disagree: interchangeable with 2, cannot tell with 1; ")


def test_a_seed_that_failed_is_a_disagreement() -> None:
    found = together([decide(GOOD), decide(replace(GOOD, failed="the loss was nan"))])
    assert found.name == UNKNOWN
    assert found.kept == decide(GOOD).kept
