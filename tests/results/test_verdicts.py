"""From rows to verdicts: which numbers the rule is given."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from modelstitch.results.rows import CellRow, EvidenceRow
from modelstitch.results.verdicts import (
    facts_of,
    normalised,
    normalised_scores,
    over_seeds,
    selectivity,
    verdicts,
    within_classes,
)
from modelstitch.specs.verdicts import Reason, VerdictName
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


def row(
    of: CellRow, where: str, value: float | None, half: float = 0.01, name: str = "within_cka"
) -> EvidenceRow:
    return EvidenceRow(
        sender_cut=of.sender_cut,
        receiver_cut=of.receiver_cut,
        stitch=of.stitch,
        control=of.control,
        seed=of.seed,
        kind="trajectory",
        name=name,
        where=where,
        value=value,
        low=None if value is None else value - half,
        high=None if value is None else value + half,
        n=2000,
    )


REAL, OWN = cell("a", "b"), cell("b", "b", "self-stitch", 0.76)
NOISE, HOT = cell("a", "b", "clustered-noise", 0.9), cell("a", "b", "one-hot", 1.0)
RANDOM = cell("a", "b", "random-sender", 0.5)
CELLS = [REAL, OWN, NOISE, HOT, RANDOM]
EVIDENCE = [
    row(REAL, "b", 0.9),
    row(REAL, "c", 0.94),
    row(REAL, "c", 0.1, name="retrieval"),
    row(OWN, "b", 0.98),
    row(OWN, "c", 0.96),
    row(NOISE, "b", 0.0),
    row(NOISE, "c", 0.02),
    row(HOT, "b", None),
    row(HOT, "c", None),
    row(RANDOM, "b", 0.6),
    row(RANDOM, "c", 0.5),
]


SHORT: dict[str, Any] = {"converged": False, "above_receiver": -0.09, "above_receiver_error": 0.007}


@pytest.mark.parametrize(
    ("changes", "by_class", "short"),
    [
        (SHORT, True, ("clustered-noise", 0.9)),
        (SHORT, False, None),
        ({**SHORT, "converged": True}, True, None),
        ({**SHORT, "converged": None}, True, None),
        ({**SHORT, "above_receiver": -0.01}, True, None),
        ({**SHORT, "above_receiver": 0.2}, True, None),
        ({**SHORT, "above_receiver": None, "above_receiver_error": None}, True, None),
        ({**SHORT, "score": None}, True, None),
    ],
)
def test_a_label_only_control_below_the_receiver_is_told_to_the_rule(
    changes: dict[str, Any], by_class: bool, short: tuple[str, float] | None
) -> None:
    rows = [REAL, OWN, replace(NOISE, **changes), HOT, RANDOM]
    cells = {(each.control, each.key): each for each in rows}
    facts = facts_of(REAL, cells, within_classes(EVIDENCE), 0.1, by_class=by_class)
    assert facts is not None
    assert facts.label_short == short
    judged = verdicts(rows, EVIDENCE, 0.1, by_class=by_class)[REAL.key]
    assert (judged.reason is Reason.LABEL_CONTROL_SHORT) == (short is not None)


@pytest.mark.parametrize(("stitch", "is_told"), [("mlp(8)", True), ("conv(3)", True), ("lowrank(1)", False)])
def test_a_stitch_that_cannot_bring_every_label_across_is_no_short_control(
    stitch: str, is_told: bool
) -> None:
    rows = [with_stitch(each, stitch) for each in (REAL, replace(OWN), replace(NOISE, **SHORT), HOT, RANDOM)]
    cells = {(each.control, each.key): each for each in rows}
    evidence = [replace(each, stitch=stitch) for each in EVIDENCE]
    facts = facts_of(rows[0], cells, within_classes(evidence), 0.1)
    assert facts is not None
    assert (facts.label_short is not None) == is_told


def test_within_is_the_mean_over_the_cut_and_all_later_ones() -> None:
    found = within_classes(EVIDENCE)
    assert found["trained", REAL.key] == pytest.approx((0.92, 0.91, 0.93))
    assert math.isnan(found["one-hot", HOT.key][0])


def test_a_cut_at_which_nothing_differs_any_more_counts_as_nothing_kept() -> None:
    rows = [row(REAL, "b", 0.8), row(REAL, "c", None)]
    assert within_classes(rows)["trained", REAL.key][0] == pytest.approx(0.4)


def test_the_rule_is_given_the_numbers_of_its_own_cell() -> None:
    cells = {(each.control, each.key): each for each in CELLS}
    facts = facts_of(REAL, cells, within_classes(EVIDENCE), 0.1, 1500)
    assert facts is not None
    assert (facts.chance, facts.n, facts.self_score) == (0.1, 1500, 0.76)
    assert facts.self_within[0] == pytest.approx(0.97)
    assert facts.random_within is not None
    assert facts.random_within[0] == pytest.approx(0.55)
    assert set(facts.label_within) == {"clustered-noise", "one-hot"}
    assert facts.deeper_within is None
    assert facts.score[1] < 0.75 < facts.score[2]


def test_verdicts_of_rows() -> None:
    found = verdicts(CELLS, EVIDENCE, 0.1)
    assert {place: verdict.name for place, verdict in found.items()} == {
        REAL.key: VerdictName.INTERCHANGEABLE
    }
    weak = [
        replace(each, value=0.02, low=0.0, high=0.04) if each.control == "trained" else each
        for each in EVIDENCE
    ]
    assert verdicts(CELLS, weak, 0.1)[REAL.key].name == VerdictName.DECODABLE_ONLY
    assert verdicts(CELLS, EVIDENCE, 0.1, stitch="conv(3)") == {}


def test_without_its_references_there_is_no_verdict() -> None:
    assert verdicts([REAL], EVIDENCE, 0.1) == {}
    assert verdicts(CELLS, [each for each in EVIDENCE if each.control != "self-stitch"], 0.1) == {}
    assert verdicts(CELLS, [each for each in EVIDENCE if each.control != "trained"], 0.1) == {}


def test_a_failed_cell_is_judged_as_failed() -> None:
    failed = cell("a", "b", score=None)
    rows = [each for each in EVIDENCE if each.control != "trained"]
    (verdict,) = verdicts([failed, *CELLS[1:]], rows, 0.1).values()
    assert (verdict.reason, verdict.because.failure) == (Reason.FIT_FAILED, "the loss was nan")


def test_a_normalised_score_needs_room() -> None:
    assert normalised(0.76, 0.4, 0.76, 2000) == pytest.approx(1)
    assert normalised(0.4, 0.4, 0.76, 2000) == pytest.approx(0)
    assert math.isnan(normalised(0.5, 0.75, 0.76, 2000))
    assert math.isnan(normalised(0.5, 0.8, 0.76, 2000))


def test_of_two_random_senders_the_better_one_counts_also_beside_a_dead_one() -> None:
    dead = [
        replace(each, value=None, low=None, high=None) if each.control == "random-sender" else each
        for each in EVIDENCE
    ]
    alive = cell("a", "b", "random-sender-bn", 0.5)
    rows = [*dead, row(alive, "b", 0.6), row(alive, "c", 0.5)]
    cells = {(each.control, each.key): each for each in [*CELLS, alive]}
    facts = facts_of(REAL, cells, within_classes(rows), 0.1)
    assert facts is not None
    assert facts.random_within is not None
    assert facts.random_within[0] == pytest.approx(0.55)


def test_scores_beside_their_references() -> None:
    assert normalised_scores(CELLS)[REAL.key] == pytest.approx((0.75 - 0.5) / (0.76 - 0.5))
    assert normalised_scores(CELLS[:2]) == {}
    shuffled = cell("a", "b", "shuffled-labels", 0.1)
    rows = [
        replace(row(REAL, "output", 0.9), kind="selectivity", name="train_score"),
        replace(row(shuffled, "output", 0.3), kind="selectivity", name="train_score"),
    ]
    assert selectivity(rows) == {REAL.key: pytest.approx(0.6)}
    assert selectivity(rows[:1]) == {}


def test_a_seed_without_a_verdict_keeps_the_others_from_speaking_for_it() -> None:
    found = verdicts(CELLS, EVIDENCE, 0.1)
    (key,) = found
    assert over_seeds(found, [0])[key[:3]] == found[key]
    both = over_seeds(found, [0, 1])[key[:3]]
    assert both.name == VerdictName.CANNOT_TELL
    assert both.reason == Reason.SEEDS_MISSING
