"""A tiny bed from end to end, and what is counted of it."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from modelstitch.data.parts import Data
from modelstitch.errors import RunError
from modelstitch.evidence.verdict import Facts
from modelstitch.geometry.intervals import ValueWithInterval
from modelstitch.known_answers.bed import Bed
from modelstitch.known_answers.calibration import line_between, upper_bound
from modelstitch.known_answers.cases import Case, cases
from modelstitch.known_answers.conditions import CONDITIONS
from modelstitch.known_answers.evaluation import derive, leave_one_family_out, report
from modelstitch.known_answers.families import PLANT_FAMILIES
from modelstitch.known_answers.measures import KNOWN_MEASURES
from modelstitch.known_answers.outcome import Outcome, word_of
from modelstitch.known_answers.record import BedRecord
from modelstitch.known_answers.series import correlation_of, series
from modelstitch.models.network import Network
from modelstitch.specs.verdicts import VerdictName

CUT = "layers.4"
PLANTS = (
    ("itself", 1.0),
    ("mixing", 1.0),
    ("low rank", 0.97),
    ("low rank", 0.4),
    ("low rank", 0.2),
    ("noise added", 0.25),
    ("noise added", 1.0),
    ("noise added", 2.0),
    ("one-hot", 1.0),
    ("another of the class", 1.0),
    ("dominating number", 100.0),
    ("noise alone", 1.0),
    ("constant", 1.0),
)


@pytest.fixture(scope="module")
def bed(trained: Network, digits: Data) -> Bed:
    return Bed([trained], digits, {"CKA": KNOWN_MEASURES["CKA"]})


@pytest.fixture(scope="module")
def outcomes(bed: Bed) -> list[Outcome]:
    listed = [Case(family, dose, 0, CUT) for family, dose in PLANTS]
    return bed.run([*listed, Case("itself", 1.0, 0, CUT, "collapsed receiver")])


def test_the_tables_name_what_exists() -> None:
    for condition in CONDITIONS.values():
        for name, dose in condition.families:
            assert dose in PLANT_FAMILIES[name].doses or len(PLANT_FAMILIES[name].doses) == 1
    for family in PLANT_FAMILIES.values():
        assert set(family.few) <= set(family.doses)


def test_the_whole_bed_has_three_hundred_cases_that_are_not_interchangeable() -> None:
    plain = [case for case in cases(2, tuple("01234")) if case.condition == "plain"]
    assert len(plain) == len(set(plain))
    by_construction = [
        case
        for case in plain
        if case.plant_family.truth in (VerdictName.DECODABLE_ONLY, VerdictName.INCOMPATIBLE)
    ]
    computed = [
        case for case in plain if case.plant_family.truth is None and not case.plant_family.by_another
    ]
    assert len(by_construction) == 120
    assert len(computed) == 350


@pytest.mark.parametrize("quick", [True, False])
def test_one_network_has_no_other_to_plant_from(quick: bool) -> None:
    listed = cases(1, ("a", "b", "c"), quick=quick)
    assert not any(case.plant_family.by_another for case in listed)
    assert {case.cut for case in listed} == ({"b", "c"} if quick else {"a", "b", "c"})


def test_the_verdict_is_right_on_the_tiny_bed(outcomes: list[Outcome]) -> None:
    wrong = [
        (o.case.name, o.truth, o.verdict.name) for o in outcomes if o.truth not in (None, o.verdict.name)
    ]
    assert not wrong
    found = report(outcomes)
    assert found["passed"]
    assert found["n_cases"] == len(outcomes) == 14
    assert found["wrong_interchangeable"] == 0 < found["not_interchangeable"]
    assert found["conditions"]["collapsed receiver"]["cannot_tell"] == 1
    json.dumps(found, allow_nan=False)


def test_what_is_measured_is_near_the_truth(outcomes: list[Outcome]) -> None:
    for o in outcomes:
        if o.case.condition == "plain":
            assert o.verdict.kept == pytest.approx(o.truth_value, abs=0.1), o.case.name
            assert set(o.places) == {CUT, "output"}


def test_a_dominating_number_is_seen_behind_the_cut(outcomes: list[Outcome]) -> None:
    (one,) = [o for o in outcomes if o.case.family == "dominating number"]
    assert one.kept[CUT] > 0.9
    assert one.facts.where == "output"


def test_a_bed_that_is_lied_about_does_not_pass(outcomes: list[Outcome]) -> None:
    lied = [
        replace(o, case=replace(o.case, family="one-hot")) if o.case.family == "itself" else o
        for o in outcomes
    ]
    found = report(lied)
    assert found["wrong_interchangeable"] == 1
    assert found["wrong_interchangeable_upper_95"] > 0.1
    assert not found["passed"]


def test_a_family_is_judged_by_lines_of_the_others(outcomes: list[Outcome]) -> None:
    plain = [o for o in outcomes if o.case.condition == "plain"]
    assert 0.1 < derive(plain).kept_low < 0.4
    assert 0.5 < derive(plain).kept_high < 0.97
    # A measure that is twice the truth has lines that are twice as high, for all but a strange family.
    doubled = [
        replace(o, facts=replace(o.facts, kept=twice(o.facts.kept))) if o.case.family != "noise added" else o
        for o in plain
    ]
    lines = derive([o for o in doubled if o.case.family != "noise added"])
    assert lines.kept_high > 1.2
    judged = dict(zip(doubled_names(doubled), leave_one_family_out(doubled), strict=True))
    assert judged["noise added 0.25"].name != VerdictName.INTERCHANGEABLE
    assert judged["mixing"].name == VerdictName.INTERCHANGEABLE


def twice(kept: ValueWithInterval) -> ValueWithInterval:
    value, low, high = kept
    return 2 * value, 2 * low, 2 * high


def doubled_names(outcomes: list[Outcome]) -> list[str]:
    return [o.case.name.partition(",")[0] for o in outcomes]


def test_what_is_kept_falls_with_the_dose(outcomes: list[Outcome]) -> None:
    found = series(outcomes)
    assert [one.family for one in found] == ["low rank", "noise added"]
    for one in found:
        assert one.monotone
        assert all(before > after for before, after in itertools.pairwise(one.kept))
    assert correlation_of((0.9, 0.5, 0.1), (0.3, 0.8, 0.2)) == pytest.approx(0.5)
    assert correlation_of((0.9, 0.895, 0.1), (0.8, 0.9, 0.2)) == pytest.approx(1.0)
    assert correlation_of((0.9, 0.895), (0.8, 0.9)) is None


def test_the_bands_of_the_truth() -> None:
    said = [word_of(value) for value in (1.0, 0.85, 0.8, 0.75, 0.25, 0.2, 0.1, 0.0)]
    whole, partly, label = VerdictName.INTERCHANGEABLE, VerdictName.PARTLY, VerdictName.DECODABLE_ONLY
    assert said == [whole, whole, None, partly, partly, None, label, label]
    assert word_of(math.nan) is None


def test_a_line_is_moved_by_rank() -> None:
    truths = [0.0, 0.1, 0.5, 0.9, 1.0]
    assert line_between(truths, [0, 10, 20, 40, 50], 0.8) == 30
    # One value far off on the wrong side moves it by one rank.
    assert line_between(truths, [0, 1000, 20, 40, 50], 0.8) == 45
    assert line_between(truths, [1, 2, 3, 4, 5], 2.0) > 5
    assert line_between(truths, [1, 2, 3, 4, 5], -1.0) == 1


def test_the_upper_bound_of_nothing_seen() -> None:
    assert upper_bound(0, 300) == pytest.approx(1 - 0.05 ** (1 / 300))
    assert upper_bound(0, 0) == upper_bound(3, 3) == 1.0


def outcome(case: Case) -> Outcome:
    facts = Facts(n=500, chance=0.1, score=(0.9, 0.88, 0.92), self_score=0.9, kept=(math.nan,) * 3)
    fitted = CONDITIONS[case.condition].digest
    return Outcome(case, {"output": 0.5}, facts, {"output": 0.4}, {"CKA": None}, {"output": 0.9}, fitted)


def test_a_record_goes_on_after_a_line_that_was_cut_off(tmp_path: Path) -> None:
    first, second = Case("itself", 1.0, 0, "a"), Case("low rank", 0.4, 0, "a")
    record = BedRecord(tmp_path / "bed", {"networks": ["x"]})
    assert record.outcomes() == {}
    record.add(outcome(first))
    path = tmp_path / "bed" / "cases.jsonl"
    whole = path.read_text()
    record.add(outcome(second))
    path.write_text(path.read_text()[: len(whole) + 40])
    again = BedRecord(tmp_path / "bed", {"networks": ["x"]})
    assert set(again.outcomes()) == {first}
    again.add(outcome(second))
    found = again.outcomes()
    assert set(found) == {first, second}
    assert found[first].facts.score == (0.9, 0.88, 0.92)
    assert math.isnan(found[first].facts.kept[0])
    assert found[first].verdict == outcome(first).verdict or math.isnan(found[first].verdict.kept)


def test_a_record_of_another_bed_is_refused(tmp_path: Path) -> None:
    BedRecord(tmp_path / "bed", {"networks": ["x"], "data": "d"})
    with pytest.raises(RunError, match="got one with other networks: choose another folder with --out"):
        BedRecord(tmp_path / "bed", {"networks": ["y"], "data": "d"})
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match="expected an empty folder or that of a selftest"):
        BedRecord(tmp_path / "full", {})


def test_known_outcomes_are_taken_as_they_are(bed: Bed) -> None:
    case = Case("itself", 1.0, 0, CUT)
    known = {case: outcome(case)}
    told: list[Outcome] = []
    assert bed.run([case], known=bed.usable(known), on_outcome=told.append) == [known[case]]
    assert not told
    assert bed.usable({case: replace(known[case], measures={})}) == {}


def test_outcomes_of_another_fit_are_not_taken(bed: Bed) -> None:
    plain, wide = (Case("itself", 1.0, 0, CUT, name) for name in ("plain", "over-fitted conv(5)"))
    known = {case: outcome(case) for case in (plain, wide)}
    stale = replace(known[wide], fitted=known[plain].fitted)
    assert bed.usable({plain: known[plain], wide: stale}) == {plain: known[plain]}
    assert bed.usable(known) == known


def test_the_last_cut_comes_first() -> None:
    listed = [case.cut for case in cases(1, tuple("abc")) if case.condition == "plain"]
    assert list(dict.fromkeys(listed)) == ["c", "b", "a"]
