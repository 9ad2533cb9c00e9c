"""The first screen: what it recommends, from planted verdicts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelstitch.report.answer import ADVICE, ENOUGH_SEEDS, answer, findings_of
from modelstitch.report.limits import limits
from modelstitch.results.comparison import Comparison
from modelstitch.results.rows import CellRow
from modelstitch.specs.verdicts import Reason
from modelstitch.wording import LANGUAGES
from tests.made import with_stitch
from tests.report.made import run

THREE = tuple(range(ENOUGH_SEEDS))


@pytest.mark.parametrize(
    ("comparison", "finding"),
    [
        (run(), "interchangeable"),
        (run(seeds=THREE), "shown"),
        (run(kept=0.1, seeds=THREE), "nothing"),
        (run(score=0.1), "nothing"),
        (run(kept=0.65), "partly"),
        (run(kept=0.65, seeds=THREE), "partly"),
        (run(lead=0.0, seeds=THREE), "replaceable"),
        (run(lead=0.05, seeds=THREE), "interchangeable"),
        (run(lead=None, seeds=THREE), "interchangeable"),
        (run(converged=False), "unclear"),
        (run(controls=("trained",)), "unmeasured"),
        (run(controls=("trained", "self-stitch")), "unclear"),
    ],
)
def test_what_is_found(comparison: Comparison, finding: str) -> None:
    assert answer(comparison, "affine").finding == finding


def test_seeds_that_disagree_show_nothing() -> None:
    comparison = run(seeds=THREE)
    spoilt = tuple(
        replace(row, kept=0.1, low=0.08, high=0.12) if (row.seed, row.control) == (2, "trained") else row
        for row in comparison.kept
    )
    found = answer(replace(comparison, kept=spoilt), "affine")
    assert found.finding == "unclear"
    assert found.next_steps[0].startswith("The seeds disagree in 6 places")


def test_seeds_that_disagree_by_one_word_say_the_weaker() -> None:
    comparison = run(seeds=THREE)
    spoilt = tuple(
        replace(row, kept=0.6, low=0.58, high=0.62) if (row.seed, row.control) == (2, "trained") else row
        for row in comparison.kept
    )
    found = answer(replace(comparison, kept=spoilt), "affine")
    assert found.finding == "partly"
    assert found.counts == {"partly": 6}


def test_every_reason_for_which_nothing_can_be_told_has_its_advice() -> None:
    told = {
        *(Reason.KEPT, Reason.KEPT_IN_PART, Reason.SCORE_TOO_LOW),
        *(Reason.LABEL_ONLY, Reason.PART_OF_LABEL, Reason.NO_MORE_THAN_LABEL, Reason.TASK_NOT_DONE),
    }
    assert set(ADVICE) == set(Reason) - told
    assert set(ADVICE.values()) == {key for key in LANGUAGES["en"] if key.startswith("advice.")}


def test_the_facts_behind_the_answer() -> None:
    decision = findings_of(run(3, 3, seeds=THREE), "affine")
    assert (decision.n_places, decision.n_seeds, len(decision.named)) == (9, 3, 9)
    partly = findings_of(run(kept=0.65), "affine")
    assert (partly.named, len(partly.partly), partly.replaceable) == ({}, 6, {})
    spare = findings_of(run(lead=0.0), "affine")
    assert (spare.named, spare.partly, len(spare.replaceable)) == ({}, {}, 6)


def test_places_without_a_verdict_are_counted_and_stand_against_leaving() -> None:
    whole = run(3, 3, kept=0.1)
    assert answer(whole, "affine").finding == "nothing"
    facts = replace(whole.facts, n_cells=len(whole.cells))
    first = [cell for cell in whole.cells if cell.control != "trained"] + [whole.cells[0]]
    found = answer(replace(whole, cells=tuple(first), facts=facts), "affine")
    assert found.finding == "unclear"
    assert found.counts == {"decodable only": 1, "cannot tell": 8}
    assert "The evidence decides in 1 of 9 places." in found.sure


def test_a_stitch_that_can_speaks_against_leaving() -> None:
    poor, good = run(2, 2, kept=0.1), run(2, 2)
    cells = tuple(with_stitch(cell, "conv(3)", n_parameters=90) for cell in good.cells)
    evidence = tuple(replace(row, stitch="conv(3)") for row in good.evidence)
    kept = tuple(replace(row, stitch="conv(3)") for row in good.kept)
    both = replace(
        poor,
        cells=(*poor.cells, *cells),
        evidence=(*poor.evidence, *evidence),
        kept=(*poor.kept, *kept),
    )
    found = answer(both, "affine")
    assert found.finding == "unclear"
    assert (
        "Another stitch, conv(3), makes 4 places interchangeable. Choose it in the maps below."
        in found.stand_in
    )


def test_the_surest_place_is_the_one_to_try() -> None:
    comparison = run(1, 2, seeds=THREE)
    wide = tuple(
        replace(row, kept=0.97, low=0.81, high=1.14)
        if (row.control, row.receiver_cut) == ("trained", "c0")
        else row
        for row in comparison.kept
    )
    found = answer(replace(comparison, kept=wide), "affine")
    assert found.finding == "shown"
    assert found.headline.startswith("Yes, for this task. In 1 of 2 places")
    assert found.next_steps[0].startswith("The place to look at first is c0 -> c1")


def test_evidence_that_is_missing_for_a_seed_is_no_disagreement() -> None:
    comparison = run(seeds=THREE)
    evidence = tuple(row for row in comparison.evidence if (row.seed, row.control) != (2, "trained"))
    found = answer(replace(comparison, evidence=evidence), "affine")
    assert found.next_steps[0].startswith("6 places have no evidence for some seeds.")


def test_good_cells_are_named_with_their_numbers_and_the_rest_counted() -> None:
    found = answer(run(3, 3), "affine")
    assert found.counts == {"interchangeable": 9}
    assert "95 % of what the receiver knows" in found.stand_in[0]
    assert "(95 % interval 92 to 98)" in found.stand_in[0]
    assert found.stand_in[0].endswith("Untrained senders keep 40 %: it was learnt.")
    assert found.stand_in[-1] == "The map below shows 3 more."
    assert "The evidence decides in 9 of 9 places." in found.sure


def test_places_from_which_part_comes_across_are_named_with_their_per_cent() -> None:
    comparison = run(kept=0.65, lead=0.25)
    best = tuple(
        replace(row, kept=0.71, low=0.68, high=0.74)
        if (row.control, row.sender_cut, row.receiver_cut) == ("trained", "c1", "c2")
        else row
        for row in comparison.kept
    )
    yardstick = replace(comparison.facts, yardstick=(0.59, 0.56, 0.62))
    found = answer(replace(comparison, kept=best, facts=yardstick), "affine")
    assert found.headline == (
        "In 6 of 6 places, part of what the receiver knows beyond the label comes across: 71 % at best "
        "(68 to 74)."
    )
    assert found.stand_in[1] == (
        "c1 -> c2: 71 % kept (68 to 74), 98 % of the score; confidence high. Untrained senders keep 46 %: it "
        "was learnt."
    )
    assert found.stand_in[5] == "In 2 more places, part comes across."
    assert "the sender's outputs recover 59 % (56 to 62)" in found.stand_in[6]
    assert found.next_steps[0].startswith("If 71 % is enough for your purpose, try c1 -> c2 there")


def test_what_an_untrained_part_does_as_well_is_a_replaceable_part() -> None:
    found = answer(run(lead=0.0), "affine")
    assert found.headline.startswith("Yes, but an untrained part would do. In 6 of 6 places")
    assert found.stand_in[0].startswith(
        "The receiver up to c0 is a replaceable part: the sender up to c0 keeps 95 % (92 to 98)"
    )
    assert "Untrained senders keep 95 %: it was not learnt." in found.stand_in[0]
    assert found.stand_in[-1] == "3 more parts are replaceable."
    assert [text for text in found.sure if "learnt" in text and "?" not in text] == [
        "6 cells are interchangeable, but not learnt: a replaceable part. An untrained part would do there, "
        "so perhaps nothing needs to be reused at all.",
        "These cells are no sign that the two networks learnt shared features.",
    ]
    assert found.next_steps[0].startswith("Try a small untrained part in place of the receiver up to c0")


def test_learnt_and_replaceable_places_stand_side_by_side() -> None:
    comparison = run(2, 2, seeds=THREE)
    mixed = tuple(
        replace(row, lead=0.0, lead_low=-0.03, lead_high=0.03, untrained=(0.95,) * 3)
        if (row.control, row.receiver_cut) == ("trained", "c0")
        else row
        for row in comparison.kept
    )
    found = answer(replace(comparison, kept=mixed), "affine")
    assert found.finding == "shown"
    assert found.headline.startswith("Yes, for this task. In 2 of 4 places")
    assert [("replaceable part" in text) for text in found.stand_in] == [False, False, True, True]


def test_where_not_even_part_comes_across_the_nearest_is_named() -> None:
    found = answer(run(kept=0.1), "affine")
    assert found.stand_in[0] == "This run found none."
    nearest = (
        "the sender up to c0 in place of the receiver up to c0. It keeps 10 % beyond the label (7 to 13)"
    )
    assert nearest in found.stand_in[1]


def test_the_commonest_reason_gives_the_advice() -> None:
    comparison = run()
    wide = tuple(
        replace(row, kept=0.5, low=0.1, high=0.9) if row.control == "trained" else row
        for row in comparison.kept
    )
    found = answer(replace(comparison, kept=wide), "affine")
    assert found.finding == "unclear"
    assert found.next_steps[0].startswith("The interval of kept is too wide in 6 places.")


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
    one_of_two = ("trained", "random-sender", "one-hot", "self-stitch")
    assert "missing" not in texts(run(controls=one_of_two))
    # One untrained sender is as good as another.
    calibrated = replace(
        run(),
        cells=tuple(
            replace(cell, control="random-sender-bn") if cell.control == "random-sender" else cell
            for cell in run().cells
        ),
    )
    assert "missing" not in texts(calibrated)
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
