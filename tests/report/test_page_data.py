"""The page data: what the page's program reads, whole, small and inert."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from modelstitch.report import page
from modelstitch.report.page_data import as_script, page_data
from tests.report.made import SINGLE, run


def test_accuracies_and_verdicts_stand_in_the_order_of_rows_and_columns() -> None:
    comparison = run(2, 3)
    facts = page_data(comparison, "en")
    assert (facts["real"], facts["self_stitch"]) == ("trained", "self-stitch")
    assert facts["rows"]["trained"] == ["c0", "c1"]
    assert facts["rows"]["self-stitch"] == facts["receivers"] == ["c0", "c1", "c2"]
    assert facts["grids"]["trained|affine|0"]["score"] == [0.93] * 6
    assert len(facts["grids"]["self-stitch|affine|0"]["score"]) == 9
    name, confidence, share, kept, low, high, reason = facts["verdicts"]["affine|all"][0]
    assert (name, confidence) == ("interchangeable", "high")
    assert share == pytest.approx(0.976, abs=1e-3)
    assert low < kept < high
    assert reason.startswith("score 0.93 (self-stitch 0.95, chance 0.10)")


def test_evidence_of_the_pair_has_its_interval_and_that_of_controls_its_value() -> None:
    facts = page_data(run(2, 3), "en")
    names = [each["key"] for each in facts["measures"]]
    assert len(names) == sum(map(len, SINGLE.values()))
    at = names.index("similarity.cka")
    pair, own = (facts["evidence"][f"{name}|affine|0"][at] for name in ("trained", "self-stitch"))
    assert pair[:2] == [[0.312, 0.023], [0.322, 0.023]]  # symmetric intervals by half of their width
    assert own[:2] == [0.312, 0.322]
    # A later cut of the receiver lies behind the cell's own.
    assert facts["along"]["trained|affine|0"][1] == [None, 0.95, 0.95]


def test_small_values_keep_their_digits_beside_large_ones_and_what_is_no_number_is_left_out() -> None:
    comparison = run(2, 2)
    planted = {
        ("trained", "c0", "c0"): 0.000415,
        ("trained", "c0", "c1"): 12345.6,
        ("trained", "c1", "c0"): math.inf,
    }
    evidence = tuple(
        replace(row, value=planted[row.control, row.sender_cut, row.receiver_cut], low=None, high=None)
        if (row.kind, row.name) == ("errors", "ev")
        and (row.control, row.sender_cut, row.receiver_cut) in planted
        else row
        for row in comparison.evidence
    )
    facts = page_data(replace(comparison, evidence=evidence), "en")
    at = [each["key"] for each in facts["measures"]].index("errors.ev")
    assert facts["evidence"]["trained|affine|0"][at][:3] == [0.000415, 12300, None]


def test_reasons_of_all_seeds_together_come_first() -> None:
    facts = page_data(run(9, 17, seeds=(0, 1, 2, 3)), "ja")
    assert all(verdict[6] for verdict in facts["verdicts"]["affine|all"])


def test_a_grid_of_9_by_17_with_controls_makes_a_page_under_500_kb_that_holds_everything() -> None:
    text = page(run(9, 17, prefix="features.stage.block."))
    assert len(text.encode()) < 500_000
    assert '"left_out":0' in text


@pytest.mark.parametrize(("language", "seeds"), [("en", (0, 1, 2)), ("ja", tuple(range(5)))])
def test_no_number_of_seeds_makes_it_larger(language: str, seeds: tuple[int, ...]) -> None:
    text = page(run(9, 17, prefix="features.stage.block.", seeds=seeds), language)
    assert len(text.encode()) < 500_000
    assert ('"trained|affine|0":[[[' in text) == (len(seeds) == 3)  # the evidence of the pair goes last


def test_what_does_not_fit_is_left_out_and_said() -> None:
    comparison = run(9, 17, seeds=tuple(range(6)))
    facts = page_data(comparison, "en", 400_000)
    assert facts["left_out"] > 0
    assert "trained|affine|0" in facts["evidence"]
    assert "more grids is in evidence.csv" in page(comparison)
    assert len(as_script(facts).encode()) < 400_000


def test_the_script_cannot_be_ended_from_inside() -> None:
    hostile = {"name": "</script><!--", "other": "a\u2028b & c"}
    text = as_script(hostile)
    assert not any(sign in text for sign in "<>&\u2028")
    assert json.loads(text) == hostile
