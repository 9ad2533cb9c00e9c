"""The first screen: what it recommends, from planted verdicts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelstitch.report.answer import ADVICE, ENOUGH_SEEDS, answer, decide_on
from modelstitch.report.limits import limits
from modelstitch.results.comparison import Comparison
from modelstitch.results.rows import CellRow, EvidenceRow
from modelstitch.specs.verdicts import Reason
from modelstitch.wording import LANGUAGES
from tests.made import with_stitch
from tests.report.made import run

THREE = tuple(range(ENOUGH_SEEDS))


@pytest.mark.parametrize(
    ("comparison", "recommendation"),
    [
        (run(), "pilot"),
        (run(seeds=THREE), "adopt"),
        (run(within=0.1, seeds=THREE), "leave"),
        (run(score=0.1), "leave"),
        (run(within=0.65), "undecided"),
        (run(converged=False), "undecided"),
        (run(controls=("trained",)), "unmeasured"),
        (run(controls=("trained", "self-stitch")), "undecided"),
    ],
)
def test_what_is_recommended(comparison: Comparison, recommendation: str) -> None:
    assert answer(comparison, "affine").recommendation == recommendation


def test_seeds_that_disagree_are_no_ground_to_adopt() -> None:
    comparison = run(seeds=THREE)
    spoilt = tuple(
        row if (row.seed, row.control, row.kind) != (2, "trained", "trajectory") else _worse(row)
        for row in comparison.evidence
    )
    found = answer(Comparison(**{**vars(comparison), "evidence": spoilt}), "affine")
    assert found.recommendation == "undecided"
    assert found.next_steps[0].startswith("The seeds disagree in 6 places")


def _worse(row: EvidenceRow) -> EvidenceRow:
    return replace(row, value=0.6, low=0.59, high=0.61)


def test_every_reason_for_which_nothing_can_be_told_has_its_advice() -> None:
    told = {Reason.KEPT, Reason.LABEL_ONLY, Reason.PART_OF_LABEL, Reason.TASK_NOT_DONE}
    assert set(ADVICE) == set(Reason) - told
    assert set(ADVICE.values()) == {key for key in LANGUAGES["en"] if key.startswith("advice.")}


def test_the_facts_behind_the_answer() -> None:
    decision = decide_on(run(3, 3, seeds=THREE), "affine")
    assert (decision.n_places, decision.n_seeds, len(decision.named)) == (9, 3, 9)
    assert decide_on(run(within=0.65), "affine").named == {}


def test_places_without_a_verdict_are_counted_and_stand_against_leaving() -> None:
    whole = run(3, 3, within=0.1)
    assert answer(whole, "affine").recommendation == "leave"
    facts = replace(whole.facts, n_cells=len(whole.cells))
    first = [cell for cell in whole.cells if cell.control != "trained"] + [whole.cells[0]]
    found = answer(replace(whole, cells=tuple(first), facts=facts), "affine")
    assert found.recommendation == "undecided"
    assert found.counts == {"decodable only": 1, "cannot tell": 8}
    assert "The evidence decides in 1 of 9 places." in found.sure


def test_a_stitch_that_can_speaks_against_leaving() -> None:
    poor, good = run(2, 2, within=0.1), run(2, 2)
    cells = tuple(with_stitch(cell, "conv(3)", n_parameters=90) for cell in good.cells)
    evidence = tuple(replace(row, stitch="conv(3)") for row in good.evidence)
    both = replace(poor, cells=(*poor.cells, *cells), evidence=(*poor.evidence, *evidence))
    found = answer(both, "affine")
    assert found.recommendation == "undecided"
    assert (
        "Another stitch, conv(3), makes 4 places interchangeable. Choose it in the maps below."
        in found.stand_in
    )


def test_the_surest_place_is_the_one_to_try() -> None:
    comparison = run(1, 2, seeds=THREE)
    wide = tuple(
        replace(row, value=0.97, low=0.80, high=1.14)
        if (row.control, row.receiver_cut, row.kind) == ("trained", "c0", "trajectory")
        else replace(row, value=0.93, low=0.92, high=0.94)
        if (row.control, row.kind) == ("trained", "trajectory")
        else row
        for row in comparison.evidence
    )
    found = answer(replace(comparison, evidence=wide), "affine")
    assert found.recommendation == "adopt"
    assert found.headline.startswith("Yes, for this task. In 1 of 2 places")
    assert found.next_steps[0].startswith("Take c0 -> c1 as a pilot")


def test_evidence_that_is_missing_for_a_seed_is_no_disagreement() -> None:
    comparison = run(seeds=THREE)
    evidence = tuple(row for row in comparison.evidence if (row.seed, row.control) != (2, "trained"))
    found = answer(replace(comparison, evidence=evidence), "affine")
    assert found.next_steps[0].startswith("6 places have no evidence for some seeds.")


def test_good_cells_are_named_with_their_numbers_and_the_rest_counted() -> None:
    found = answer(run(3, 3), "affine")
    assert found.counts == {"interchangeable": 9}
    assert "98 % of what the receiver knows" in found.stand_in[0]
    assert "(95 % interval 96 to 99)" in found.stand_in[0]
    assert found.stand_in[-1] == "The map below shows 3 more."
    assert "The evidence decides in 9 of 9 places." in found.sure


def test_where_nothing_is_good_the_nearest_is_named_and_the_commonest_reason_gives_the_advice() -> None:
    found = answer(run(within=0.65), "affine")
    assert found.stand_in[0] == "This run found none."
    assert "c0 in place of B up to c1. It keeps 67 % beyond the label" in found.stand_in[1]
    assert found.next_steps[0].startswith(
        "More than the label comes across in 6 places, but not enough for a sure answer."
    )


def test_the_best_label_only_sender_says_what_a_high_number_does_not_mean() -> None:
    assert "knows only the label scored 1.00" in answer(run(), "affine").not_meant[0]
    assert "did not measure" in answer(run(controls=("trained",)), "affine").not_meant[0]


def texts(comparison: Comparison) -> str:
    return " ".join(limits(comparison))


def test_limits_are_said_one_by_one() -> None:
    assert limits(run(seeds=THREE)) == []
    assert texts(run()) == "There is one fitting seed. The effect of another seed is not known."
    assert "No control was run" in texts(run(controls=("trained",)))
    assert "An untrained network scores as well as the pair in every cell." in texts(run(score=0.45))
    at_chance = replace(run(), baselines=tuple(replace(each, score=0.11) for each in run().baselines))
    assert "The whole receiver scores 0.11, and a guess scores 0.10. Are its weights missing" in texts(
        at_chance
    )
    assert "missing: clustered noise" in texts(run(controls=("trained", "random-sender", "self-stitch")))
    assert "6 cells of the pair had not converged" in texts(run(converged=False))
    failed = run(score=None, failure="loss nan at step 2")
    failed = Comparison(
        **{
            **vars(failed),
            "cells": tuple(_failed(cell) if cell.control == "trained" else cell for cell in failed.cells),
        }
    )
    assert "6 of 33 cells failed. The first is c0 -> c0: loss nan at step 2." in texts(failed)
    cut = replace(run(), facts=replace(run().facts, n_cells=50))
    assert "This run is not finished: 33 of 50 cells are done." in texts(cut)


def _failed(cell: CellRow) -> CellRow:
    return replace(cell, score=None, failure="loss nan at step 2")
