"""From rows to verdicts: which numbers the rule is given."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from modelstitch.evidence.verdict import Facts
from modelstitch.results.rows import CellKey, CellRow, EvidenceRow, KeptRow
from modelstitch.results.verdicts import (
    asks_for_draws,
    facts_of,
    measured_cells,
    normalised,
    normalised_scores,
    over_seeds,
    selectivity,
    verdict_values,
    verdicts,
)
from modelstitch.specs.verdicts import Learnt, Reason, VerdictName
from tests.made import cell_row, with_stitch


def cell(sender: str, receiver: str, control: str = "trained", score: float | None = 0.75) -> CellRow:
    return cell_row(
        sender_cut=sender,
        receiver_cut=receiver,
        control=control,
        score=score,
        n_heldout=2000,
        failure=None if score is not None else "the loss was nan",
        converged=True,
    )


def row(of: CellRow, n: int = 1500, **changes: Any) -> EvidenceRow:
    return EvidenceRow(
        control=of.control,
        **of.key._asdict(),
        **{
            "kind": "kept",
            "name": "recovered",
            "where": "output",
            "value": 0.8,
            "low": 0.7,
            "high": 0.9,
            "n": n,
            **changes,
        },
    )


def kept(of: CellRow, value: float | None = 0.95, **changes: Any) -> KeptRow:
    known = value is not None
    ends = (value - 0.03, value + 0.03) if value is not None else (None, None)
    return KeptRow(
        control=of.control,
        **of.key._asdict(),
        **{
            "kept": value,
            "low": ends[0],
            "high": ends[1],
            "where": "c",
            "head": 0.97 if known else None,
            "head_low": 0.9 if known else None,
            "head_high": 1.0 if known else None,
            "recovered": 0.86,
            "own": 0.9,
            "label": 0.1,
            "p_label": 0.002,
            "n": 1500,
            **changes,
        },
    )


REAL, OWN = cell("a", "b"), cell("b", "b", "self-stitch", 0.76)
NOISE, HOT = cell("a", "b", "clustered-noise", 0.9), cell("a", "b", "one-hot", 1.0)
RANDOM = cell("a", "b", "random-sender", 0.5)
CELLS = [REAL, OWN, NOISE, HOT, RANDOM]
EVIDENCE = [row(each) for each in CELLS]
KEPT = [kept(REAL), kept(OWN, 1.0)]


def facts(
    cells: list[CellRow] = CELLS,
    evidence: list[EvidenceRow] = EVIDENCE,
    rows: list[KeptRow] = KEPT,
    of: CellRow = REAL,
) -> Facts | None:
    by_cell: Mapping[tuple[str, CellKey], CellRow] = {(each.control, each.key): each for each in cells}
    keeps = {(each.control, each.key): each for each in rows}
    return facts_of(of, by_cell, keeps, measured_cells(evidence), 0.1)


def test_the_rule_is_given_the_numbers_of_its_own_cell() -> None:
    lead: dict[str, Any] = {"lead": 0.3, "lead_low": 0.2, "lead_high": 0.4, "untrained": (0.6, 0.7)}
    others = [kept(cell("a", "c"), 0.1), kept(RANDOM, 0.2), kept(with_stitch(REAL, "mlp(8)"), 0.3)]
    found = facts(rows=[*others, kept(REAL, untrained_control="random-sender", **lead), *KEPT[1:]])
    assert found is not None
    assert (found.chance, found.n, found.n_within, found.self_score) == (0.1, 2000, 1500, 0.76)
    assert found.kept == pytest.approx((0.95, 0.92, 0.98))
    assert (found.where, found.recovered, found.own, found.label) == ("c", 0.86, 0.9, 0.1)
    assert (found.head, found.p_label) == (0.97, 0.002)
    assert (found.lead, found.untrained) == ((0.3, 0.2, 0.4), (0.6, 0.7))
    assert found.untrained_control == "random-sender"
    assert found.score[1] < 0.75 < found.score[2]
    assert (found.converged, found.self_converged, found.failed) == (True, True, None)
    assert found.label_only


def test_what_is_not_known_is_not_a_number_of_the_rule() -> None:
    nothing = kept(REAL, None, recovered=None, own=None, label=None, p_label=None, lead=0.1)
    found = facts(rows=[nothing])
    assert found is not None
    assert all(map(math.isnan, (*found.kept, found.recovered, found.own, found.label, found.p_label)))
    assert found.lead is not None
    assert found.lead[0] == 0.1
    assert all(map(math.isnan, found.lead[1:]))


def test_the_self_stitch_is_told_by_how_much_it_lies_above_the_whole_receiver() -> None:
    above = replace(OWN, above_receiver=0.2, above_receiver_error=0.01, converged=False)
    found = facts([REAL, above, NOISE])
    assert found is not None
    assert (found.self_above, found.self_converged) == ((0.2, 0.01), False)
    none = facts()
    assert none is not None
    assert none.self_above is None


def test_depth_is_what_the_receivers_own_cut_of_the_sender_cuts_name_keeps() -> None:
    deeper = cell("a", "b", "self-stitch", 0.7)
    found = facts(rows=[*KEPT, kept(deeper, 0.4)])
    assert found is not None
    assert found.depth == 0.4
    same = cell("b", "b")
    on_diagonal = facts([same, OWN, NOISE], [row(same), row(OWN)], [kept(same), kept(OWN, 1.0)], same)
    assert on_diagonal is not None
    assert on_diagonal.depth is None


def test_verdicts_of_rows() -> None:
    found = verdicts(CELLS, EVIDENCE, KEPT, 0.1)
    assert {place: verdict.name for place, verdict in found.items()} == {
        REAL.key: VerdictName.INTERCHANGEABLE
    }
    assert verdicts(CELLS, EVIDENCE, [kept(REAL, 0.02)], 0.1)[REAL.key].name == VerdictName.DECODABLE_ONLY
    assert verdicts(CELLS, EVIDENCE, KEPT, 0.1, stitch="conv(3)") == {}


@pytest.mark.parametrize("control", ["trained", "self-stitch"])
def test_without_the_evidence_for_a_verdict_there_is_none(control: str) -> None:
    assert verdicts(CELLS, [each for each in EVIDENCE if each.control != control], KEPT, 0.1) == {}
    other = [replace(each, kind="trajectory", name="within_cka") for each in EVIDENCE]
    assert verdicts(CELLS, other, KEPT, 0.1) == {}


def test_without_a_self_stitch_there_is_no_verdict() -> None:
    assert verdicts([REAL], EVIDENCE, KEPT, 0.1) == {}


def test_a_self_stitch_that_failed_is_the_reason() -> None:
    failed = replace(OWN, score=None, standard_error=None, failure="the loss was nan")
    measured = [each for each in EVIDENCE if each.control != "self-stitch"]
    (verdict,) = verdicts([REAL, failed], measured, [], 0.1).values()
    assert (verdict.reason, verdict.because.failure) == (Reason.SELF_STITCH_FAILED, "the loss was nan")


@pytest.mark.parametrize("score", [math.nan, math.inf, None])
def test_a_score_that_is_not_finite_is_no_score(score: float | None) -> None:
    rows = [replace(REAL, score=score, standard_error=0.01), OWN, NOISE]
    (verdict,) = verdicts(rows, EVIDENCE, KEPT, 0.1).values()
    assert verdict.reason is Reason.NO_SCORE
    own = [REAL, replace(OWN, score=score, standard_error=0.01), NOISE]
    (verdict,) = verdicts(own, EVIDENCE, KEPT, 0.1).values()
    assert verdict.reason is Reason.NO_SCORE


def test_without_a_label_only_sender_kept_has_no_zero() -> None:
    measured = [each for each in EVIDENCE if each.control not in ("clustered-noise", "one-hot")]
    (verdict,) = verdicts(CELLS, measured, [], 0.1).values()
    assert (verdict.name, verdict.reason) == (VerdictName.CANNOT_TELL, Reason.NO_LABEL_ONLY_SENDER)
    (one,) = verdicts(CELLS, [*measured, row(HOT)], [kept(REAL, None)], 0.1).values()
    assert one.reason is Reason.REFERENCES_TOO_CLOSE


def test_a_failed_cell_is_judged_as_failed() -> None:
    failed = cell("a", "b", score=None)
    rows = [each for each in EVIDENCE if each.control != "trained"]
    (verdict,) = verdicts([failed, *CELLS[1:]], rows, KEPT[1:], 0.1).values()
    assert (verdict.reason, verdict.because.failure) == (Reason.FIT_FAILED, "the loss was nan")


def test_a_row_of_the_table_has_both_answers_with_their_numbers() -> None:
    lead: dict[str, Any] = {"lead": 0.3, "lead_low": 0.2, "lead_high": 0.4, "untrained": (0.6, 0.7)}
    rows = [kept(REAL, untrained_control="random-sender", **lead)]
    (verdict,) = verdicts(CELLS, EVIDENCE, rows, 0.1).values()
    values = verdict_values(verdict)
    assert (values["name"], values["learnt"]) == ("interchangeable", "learnt")
    assert (values["confidence"], values["learnt_confidence"]) == ("high", "medium")
    assert (values["kept"], values["kept_where"], values["kept_for_this_head"]) == (0.95, "c", 0.97)
    assert (values["lead"], values["lead_low"], values["lead_high"]) == (0.3, 0.2, 0.4)
    assert (values["untrained_best"], values["untrained_draws"]) == (0.7, 2)
    assert values["untrained_control"] == "random-sender"
    assert values["reason_code"] == "kept"
    (alone,) = verdicts(CELLS, EVIDENCE, KEPT, 0.1).values()
    blank = verdict_values(alone)
    assert (blank["learnt"], blank["learnt_confidence"], blank["untrained_draws"]) == ("not asked", "", 0)
    assert blank["untrained_control"] == ""
    assert math.isnan(float(blank["untrained_best"]))


def test_draws_are_asked_for_where_more_than_the_label_comes_across_and_again_where_unclear() -> None:
    def verdict(value: float, **changes: Any) -> Any:
        return verdicts(CELLS, EVIDENCE, [kept(REAL, value, **changes)], 0.1)[REAL.key]

    lead = {"lead": 0.06, "lead_low": 0.0, "lead_high": 0.12, "untrained": (0.5,)}
    assert not asks_for_draws(None, first=True)
    for value, asked in ((0.95, True), (0.5, True), (0.05, False)):
        assert asks_for_draws(verdict(value), first=True) is asked
        assert not asks_for_draws(verdict(value), first=False)
    unclear, clear = verdict(0.5, **lead), verdict(0.5, **{**lead, "lead_low": 0.055})
    assert (unclear.learnt, clear.learnt) == (Learnt.UNCLEAR, Learnt.LEARNT)
    assert asks_for_draws(unclear, first=False)
    assert not asks_for_draws(clear, first=False)


def test_a_normalised_score_needs_room() -> None:
    assert normalised(0.76, 0.4, 0.76, 2000) == pytest.approx(1)
    assert normalised(0.4, 0.4, 0.76, 2000) == pytest.approx(0)
    assert math.isnan(normalised(0.5, 0.75, 0.76, 2000))
    assert math.isnan(normalised(0.5, 0.8, 0.76, 2000))


def test_scores_beside_their_references() -> None:
    assert normalised_scores(CELLS)[REAL.key] == pytest.approx((0.75 - 0.5) / (0.76 - 0.5))
    assert normalised_scores(CELLS[:2]) == {}
    shuffled = cell("a", "b", "shuffled-labels", 0.1)
    rows = [
        row(REAL, kind="selectivity", name="train_score", value=0.9),
        row(shuffled, kind="selectivity", name="train_score", value=0.3),
    ]
    assert selectivity(rows) == {REAL.key: pytest.approx(0.6)}
    assert selectivity(rows[:1]) == {}


def test_a_seed_without_a_verdict_keeps_the_others_from_speaking_for_it() -> None:
    lead: dict[str, Any] = {"lead": 0.3, "lead_low": 0.2, "lead_high": 0.4, "untrained": (0.6, 0.7)}
    found = verdicts(CELLS, EVIDENCE, [kept(REAL, **lead)], 0.1)
    (key,) = found
    assert found[key].learnt is Learnt.LEARNT
    assert over_seeds(found, [0])[key[:3]] == found[key]
    both = over_seeds(found, [0, 1])[key[:3]]
    assert both.name == VerdictName.CANNOT_TELL
    assert both.reason == Reason.SEEDS_MISSING
    assert (both.learnt, both.untrained) == (Learnt.NOT_ASKED, ())
