"""The same data by several label sets: all are checked before anything is fitted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelstitch.data.label_sets import LabelSet
from modelstitch.data.parts import Data
from modelstitch.data.several_labels import by_each, run_folders
from modelstitch.errors import SpecError
from modelstitch.specs import DataSpec


def test_a_spec_stays_a_spec_and_data_stay_data(digits: Data) -> None:
    specs = by_each(DataSpec(source="digits", limit=300), ["finest", "parity"])
    assert specs == {
        "finest": DataSpec(source="digits", limit=300),
        "parity": DataSpec(source="digits", limit=300, labels="parity"),
    }
    data = by_each(digits, ["parity", "finest"])
    assert data["finest"] is digits
    assert data["parity"].classes == ("even", "odd")


def test_a_set_that_is_called_finest_is_that_set(digits: Data) -> None:
    own = digits.with_label_sets(
        [LabelSet("finest", ("low", "high"), (0,) * 5 + (1,) * 5), *digits.label_sets]
    )
    assert by_each(own, ["finest", "parity"])["finest"].classes == ("low", "high")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "expected at least two label sets, got none"),
        (["parity"], "expected at least two label sets, got parity: one alone is the labels of the data"),
        (["parity", "parity"], "expected label sets without repeats, got parity, parity"),
        (["parity", "party"], "unknown label set of data digits 'party'.*did you mean 'parity'"),
    ],
)
@pytest.mark.parametrize("source", ["name", "data"])
def test_bad_label_sets_are_refused(names: list[str], message: str, source: str, digits: Data) -> None:
    data: Any = "digits" if source == "name" else digits
    with pytest.raises(SpecError, match=message):
        by_each(data, names)


def test_data_by_a_coarser_set_or_for_another_task_are_refused(digits: Data) -> None:
    with pytest.raises(SpecError, match="expected data by their finest labels beside several label sets"):
        by_each(DataSpec(source="digits", labels="parity"), ["parity", "finest"])
    with pytest.raises(SpecError, match="with the task classification alone, got retrieval"):
        by_each(DataSpec(source="digits", task="retrieval"), ["parity", "finest"])
    with pytest.raises(SpecError, match="unknown label set of data digits 'parity'"):
        by_each(replace(digits, label_sets=()), ["parity", "finest"])


def test_every_label_set_has_a_folder_of_its_own(tmp_path: Path) -> None:
    assert run_folders(tmp_path, ["a", "b"]) == {"a": tmp_path / "a", "b": tmp_path / "b"}
    assert run_folders(None, ["a/b"]) == {"a/b": None}
    for name in ("a/b", "..", ""):
        with pytest.raises(SpecError, match="whose names can be names of folders, got"):
            run_folders(tmp_path, ["a", name])
