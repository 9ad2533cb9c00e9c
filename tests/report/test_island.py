"""The JSON island: what the page's program reads, whole, small and inert."""

from __future__ import annotations

import json

import pytest

from modelstitch.report import page
from modelstitch.report.island import BYTES, as_script, island
from tests.report.made import SINGLE, run


def test_accuracies_and_verdicts_stand_in_the_order_of_rows_and_columns() -> None:
    comparison = run(2, 3)
    facts = island(comparison, "en")
    assert facts["rows"]["none"] == ["c0", "c1"]
    assert facts["rows"]["self-stitch"] == facts["receivers"] == ["c0", "c1", "c2"]
    assert facts["grids"]["none|affine|0"]["accuracy"] == [0.93] * 6
    assert len(facts["grids"]["self-stitch|affine|0"]["accuracy"]) == 9
    name, confidence, share, kept, low, high, reason = facts["verdicts"]["affine|all"][0]
    assert (name, confidence) == ("interchangeable", "high")
    assert share == pytest.approx(0.976, abs=1e-3)
    assert low < kept < high
    assert reason.startswith("score 0.93 (self-stitch 0.95, chance 0.10)")


def test_evidence_of_the_pair_has_its_interval_and_that_of_controls_its_value() -> None:
    facts = island(run(2, 3), "en")
    names = [each["key"] for each in facts["measures"]]
    assert len(names) == sum(map(len, SINGLE.values()))
    at = names.index("similarity.cka")
    unit = facts["measures"][at]["unit"]
    pair, own = (facts["evidence"][f"{name}|affine|0"][at] for name in ("none", "self-stitch"))
    assert [[each * unit for each in cell] for cell in pair[:2]] == [
        pytest.approx([0.312, 0.289, 0.336]),
        pytest.approx([0.322, 0.299, 0.346]),
    ]
    assert [each * unit for each in own[:2]] == pytest.approx([0.312, 0.322])
    # A later cut of the receiver lies behind the cell's own.
    assert facts["along"]["none|affine|0"][1] == [None, 0.95, 0.95]


def test_a_grid_of_9_by_17_with_controls_makes_a_page_under_500_kb() -> None:
    comparison = run(9, 17, prefix="features.stage.block.")
    text = page(comparison)
    assert len(text.encode()) < 500_000
    assert island(comparison, "en")["left_out"] == 0


def test_what_does_not_fit_is_left_out_and_said() -> None:
    comparison = run(9, 17, seeds=tuple(range(6)))
    facts = island(comparison, "en")
    assert facts["left_out"] > 0
    assert "none|affine|0" in facts["evidence"]
    assert f"Evidence of {facts['left_out']} further grids is in evidence.csv" in page(comparison)
    assert len(as_script({"e": facts["evidence"], "a": facts["along"]})) < BYTES


def test_the_script_cannot_be_ended_from_inside() -> None:
    hostile = {"name": "</script><!--", "other": "a\u2028b & c"}
    text = as_script(hostile)
    assert not any(sign in text for sign in "<>&\u2028")
    assert json.loads(text) == hostile
