"""The decision word: the whole truth table of three conditions, of many cells, and of records."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelstitch.evidence.verdict import Verdict
from modelstitch.results.decision import (
    CandidateConditions,
    ConditionState,
    DecisionWord,
    Record,
    at_least_partly,
    decision,
    with_record,
)
from modelstitch.specs.verdicts import Confidence, Reason, VerdictName, VerdictReason

HOLDS, FAILS, OPEN = ConditionState.HOLDS, ConditionState.FAILS, ConditionState.OPEN
ADOPT, PILOT, LEAVE, UNDECIDED = DecisionWord


@pytest.mark.parametrize("shown", list(itertools.product(ConditionState, repeat=3)))
def test_one_candidate(shown: tuple[ConditionState, ConditionState, ConditionState]) -> None:
    no_worse, saves, partly = shown
    # Counted by hand: 1 pilot, 19 with a failure, and 7 without one but with something open.
    expected = PILOT if shown == (HOLDS,) * 3 else LEAVE if shown.count(FAILS) else UNDECIDED
    assert CandidateConditions(no_worse=no_worse, saves=saves, partly=partly).word is expected


def test_how_often_each_word_is_said_of_one_candidate() -> None:
    words = [
        CandidateConditions(no_worse=a, saves=b, partly=c).word
        for a, b, c in itertools.product(ConditionState, repeat=3)
    ]
    assert [words.count(word) for word in DecisionWord] == [0, 1, 19, 7]


@pytest.mark.parametrize(
    ("words", "complete", "expected"),
    [
        ([PILOT], True, PILOT),
        ([LEAVE, PILOT, UNDECIDED], False, PILOT),
        ([LEAVE, LEAVE], True, LEAVE),
        ([LEAVE, LEAVE], False, UNDECIDED),
        ([LEAVE, UNDECIDED], True, UNDECIDED),
        ([UNDECIDED], True, UNDECIDED),
        ([], True, LEAVE),
        ([], False, UNDECIDED),
    ],
)
def test_a_run(words: list[DecisionWord], complete: bool, expected: DecisionWord) -> None:
    assert decision(words, complete=complete) is expected


@given(st.lists(st.sampled_from([PILOT, LEAVE, UNDECIDED]), max_size=6), st.booleans())
def test_a_run_never_says_more_than_pilot_and_leaves_only_what_all_fail(
    words: list[DecisionWord], complete: bool
) -> None:
    word = decision(words, complete=complete)
    assert word is not ADOPT
    assert (word is PILOT) == (PILOT in words)
    assert word is not LEAVE or (complete and set(words) <= {LEAVE})


def verdict(name: VerdictName, low: float, high: float) -> Verdict:
    kept = (low + high) / 2
    return Verdict(name, VerdictReason(reason=Reason.KEPT), Confidence.LOW, 0.9, kept, low, high)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, OPEN),
        (verdict(VerdictName.INTERCHANGEABLE, 0.9, 0.95), HOLDS),
        (verdict(VerdictName.PARTLY, 0.18, 0.3), HOLDS),
        # Of several seeds the word is that of the weaker, and the interval that of all.
        (verdict(VerdictName.PARTLY, 0.17, 0.3), OPEN),
        (verdict(VerdictName.PARTLY, 0.175, 0.3), OPEN),
        (verdict(VerdictName.DECODABLE_ONLY, 0.1, 0.17), FAILS),
        (verdict(VerdictName.DECODABLE_ONLY, 0.1, 0.175), OPEN),
        (verdict(VerdictName.DECODABLE_ONLY, 0.1, 0.4), OPEN),
        # More than the label is not shown, though the interval of kept is high: not ruled out.
        (verdict(VerdictName.DECODABLE_ONLY, 0.3, 0.4), OPEN),
        (verdict(VerdictName.INCOMPATIBLE, math.nan, math.nan), FAILS),
        (verdict(VerdictName.CANNOT_TELL, 0.1, 0.12), OPEN),
        (verdict(VerdictName.DECODABLE_ONLY, math.nan, math.nan), OPEN),
    ],
)
def test_at_least_partly_is_decided_by_the_bounds(given: Verdict | None, expected: ConditionState) -> None:
    assert at_least_partly(given) is expected


RECORDS = list(
    itertools.product(
        ("candidate", "pilot", "adopted", "retired"),
        (None, "passed", "failed", "undecided"),
        (None, "Bo"),
        (False, True),
        (False, True),
    )
)


@pytest.mark.parametrize("word", [PILOT, LEAVE, UNDECIDED])
def test_adopt_needs_a_passed_pilot_and_a_check_by_another_and_nothing_against_it(
    word: DecisionWord,
) -> None:
    adopted = 0
    for stage, pilot, by, does_not_hold, alarm in RECORDS:
        record = Record(
            exporter="Ann",
            stage=stage,
            pilot=pilot,
            checked_by=by,
            does_not_hold=does_not_hold,
            alarm=alarm,
        )
        said = with_record(word, record)
        clean = stage != "retired" and not does_not_hold and not alarm
        if clean and pilot == "passed" and by == "Bo":
            assert said is ADOPT
            adopted += 1
        elif word is PILOT and (not clean or pilot == "failed"):
            assert said is UNDECIDED
        else:
            assert said is word
    assert adopted == 3  # one a stage: candidate, pilot, adopted
    assert with_record(word, None) is word


@pytest.mark.parametrize(
    ("changes", "against"),
    [
        ({}, None),
        ({"pilot": "failed"}, "pilot"),
        ({"pilot": "failed", "does_not_hold": True}, "verify"),
        ({"does_not_hold": True, "alarm": True}, "alarm"),
        ({"stage": "retired", "alarm": True}, "retired"),
    ],
)
def test_the_gravest_reason_is_named(changes: dict[str, object], against: str | None) -> None:
    record = Record(**{"exporter": "Ann", "stage": "pilot", **changes})  # type: ignore[arg-type]
    assert record.against == against
