"""Comparisons by several label sets, beside each other."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from modelstitch.errors import SpecError
from modelstitch.results.by_labels import ByLabels
from modelstitch.results.comparison import Comparison
from tests.results.test_curves import comparison

CELL = ("a", "b", "affine")


def one(kept: float, n_classes: int) -> Comparison:
    made = comparison({"affine": (kept, None)})
    return replace(made, facts=replace(made.facts, n_classes=n_classes))


@pytest.fixture
def found() -> ByLabels:
    return ByLabels({"finest": one(0.9, 10), "parity": one(0.5, 2), "kind": one(math.nan, 3)})


def test_a_cell_says_for_which_label_sets_it_is_interchangeable_and_was_tried(found: ByLabels) -> None:
    assert found.tried_for == ("finest", "parity", "kind")
    assert found.interchangeable_for() == {CELL: ("finest",)}
    frame = found.frame()
    assert frame["labels"].tolist() == ["finest", "parity", "kind"]
    assert frame["n_labels"].tolist() == [10, 2, 3]
    assert frame["kept"].tolist()[:2] == [0.9, 0.5]
    assert math.isnan(frame["kept"].tolist()[2])
    assert frame["name"].tolist() == ["interchangeable", "partly", "cannot tell"]
    assert set(frame["score"]) == {0.88}
    assert set(frame["interchangeable_for"]) == {"finest"}
    assert set(frame["tried_for"]) == {"finest, parity, kind"}


def test_a_cell_that_one_label_set_lacks_has_a_row_less(found: ByLabels) -> None:
    fewer = replace(found["parity"], cells=tuple(c for c in found["parity"].cells if c.control != "trained"))
    frame = ByLabels({"finest": found["finest"], "parity": fewer}).frame()
    assert frame["labels"].tolist() == ["finest"]


def test_the_sentences_count_cells_and_name_means_in_both_languages(found: ByLabels) -> None:
    tried, counts, kept, _ = found.sentences()
    assert tried == "Each cell was tried for 3 label sets: 'finest', 'parity', 'kind'."
    assert counts == "Interchangeable for all of them: 0 of 1 cell; for some alone: 1; for none: 0."
    assert "'finest' 90 % (score 0.88), 'parity' 50 % (score 0.88), 'kind' not known" in kept
    assert "一部のラベルだけで置き換え可能なものが1件" in counts.in_language("ja")


def test_without_evidence_only_what_was_tried_is_said() -> None:
    bare = {name: replace(one(0.9, 2), evidence=(), kept=()) for name in ("x", "y")}
    assert [sentence.key for sentence in ByLabels(bare).sentences()] == ["labels.tried"]
    assert ByLabels(bare).frame()["name"].tolist() == ["", ""]


def test_the_table_and_the_plain_values_are_whole(found: ByLabels, tmp_path: Path) -> None:
    table = pd.read_csv(found.write(tmp_path))
    assert table["labels"].tolist() == ["finest", "parity", "kind"]
    plain = found.to_json()["label_sets"]
    assert Comparison.from_json(plain["parity"]) == found["parity"]


@pytest.mark.parametrize("names", [(), ("finest",)])
def test_one_label_set_is_no_comparison_of_several(names: tuple[str, ...]) -> None:
    with pytest.raises(SpecError, match="expected comparisons by at least two label sets, got"):
        ByLabels({name: one(0.9, 2) for name in names})
