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
    verdict = dict(zip(facts["verdict_fields"], facts["verdicts"]["affine|all"][1], strict=True))
    assert facts["looks"][verdict["name"]] == ["✓", "interchangeable"]
    assert facts["learnt"][verdict["learnt"]] == ["", "learnt"]
    assert [facts["confidence"][verdict[name]] for name in ("confidence", "learnt_confidence")] == [
        "high"
    ] * 2
    assert verdict["share"] == pytest.approx(0.976, abs=1e-3)
    assert [verdict[name] for name in ("low", "kept", "high")] == [0.92, 0.95, 0.98]
    assert [verdict[name] for name in ("head_low", "head", "head_high")] == [1.02, 1.05, 1.08]
    assert [verdict[name] for name in ("lead_low", "lead", "lead_high")] == [0.52, 0.55, 0.58]
    assert verdict["untrained"] == [0.38, 0.4, 0.42]
    assert facts["untrained"] == "random sender, trained receiver"
    assert facts["receivers"][verdict["where"]] == "c1"
    assert [verdict[name] for name in ("recovered", "own", "label", "p")] == [0.86, 0.9, 0.1, 0.002]
    assert verdict["reason"].startswith("score 0.93 (self-stitch 0.95, chance 0.10)")
    assert facts["kept"]["trained|affine|0"] == [0.95] * 6
    assert facts["kept"]["random-sender|affine|0"] == [0.4] * 6
    # Controls are judged too: their answers are known beforehand.
    words = {
        name: {facts["looks"][word][1] for word in each} for name, each in facts["words_of_controls"].items()
    }
    assert words == {
        "random-sender|affine": {"partly"},
        "clustered-noise|affine": {"decodable only"},
        "one-hot|affine": {"decodable only"},
        "self-stitch|affine": {"interchangeable"},
    }


def test_of_one_seed_among_several_both_answers_stay_and_the_rest_goes() -> None:
    facts = page_data(run(2, 3, seeds=(0, 1)), "en")
    both, one = facts["verdicts"]["affine|all"][0], facts["verdicts"]["affine|1"][0]
    assert len(both) == len(facts["verdict_fields"])
    named = dict(zip(facts["verdict_fields"], one, strict=False))
    assert named["kept"] == 0.95
    assert facts["learnt"][named["learnt"]] == ["", "learnt"]
    assert "untrained" not in named
    # Of several seeds together there is no one interval of "for this head".
    assert dict(zip(facts["verdict_fields"], both, strict=True))["head_low"] is None


def test_evidence_of_the_pair_has_its_interval_and_that_of_controls_its_value() -> None:
    facts = page_data(run(2, 3), "en")
    names = [each["key"] for each in facts["measures"]]
    assert len(names) == sum(map(len, SINGLE.values()))
    at = names.index("similarity.cka")
    pair, own = (facts["evidence"][f"{name}|affine|0"][at] for name in ("trained", "self-stitch"))
    assert pair[:2] == [[0.312, 0.023], [0.322, 0.023]]  # symmetric intervals by half of their width
    assert own[:2] == [0.312, 0.322]
    # From the cell's own cut on: c1, c2 and the output.
    assert facts["along"]["trained|affine|0"][1] == [0.86, 0.86, 0.86]
    assert facts["along"]["one-hot|affine|0"][2] == [0.1, 0.1]


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
    at = facts["verdict_fields"].index("reason")
    assert all(verdict[at] for verdict in facts["verdicts"]["affine|all"])


def test_a_grid_of_9_by_17_with_controls_makes_a_page_under_500_kb_that_holds_everything() -> None:
    text = page(run(9, 17, prefix="features.stage.block."))
    assert len(text.encode()) < 500_000
    assert '"left_out":0' in text


@pytest.mark.parametrize(("language", "seeds"), [("en", (0, 1, 2)), ("ja", tuple(range(6)))])
def test_no_number_of_seeds_makes_it_larger(language: str, seeds: tuple[int, ...]) -> None:
    text = page(run(9, 17, prefix="features.stage.block.", seeds=seeds), language)
    assert len(text.encode()) < 500_000
    assert ('"trained|affine|0":[[[' in text) == (len(seeds) == 3)  # the evidence of the pair goes last
    assert {"en": "more grids is in evidence.csv", "ja": "このページに収まらない"}[language] in text


def test_what_does_not_fit_is_left_out_and_said() -> None:
    comparison = run(9, 17, seeds=tuple(range(6)))
    facts = page_data(comparison, "en", 400_000)
    assert facts["left_out"] > 0
    assert "trained|affine|0" in facts["evidence"]
    assert len(as_script(facts).encode()) < 400_000


def test_the_script_cannot_be_ended_from_inside() -> None:
    hostile = {"name": "</script><!--", "other": "a\u2028b & c"}
    text = as_script(hostile)
    assert not any(sign in text for sign in "<>&\u2028")
    assert json.loads(text) == hostile
