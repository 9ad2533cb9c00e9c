"""Measures of similarity on the bed: a good one, an empty one, and functions that are none."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from modelstitch.errors import SpecError
from modelstitch.evidence.verdict import Facts
from modelstitch.known_answers.cases import Case
from modelstitch.known_answers.measure_table import measure_table
from modelstitch.known_answers.measures import KNOWN_MEASURES, measured, measures_named
from modelstitch.known_answers.outcome import Outcome

FUNCTIONS = """
import numpy as np

def two(stitched, expected): return 1.0
def nan(stitched, expected, labels): return float("nan")
def many(stitched, expected, labels): return stitched.mean(0)
def word(stitched, expected, labels): return "alike"
def truth(stitched, expected, labels): return True
def turned(stitched, expected, labels): return 1j
def good(stitched, expected, labels):
    assert stitched.shape == expected.shape and labels.shape == (len(stitched),)
    return np.float32(-np.abs(stitched - expected).mean())
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "some_measures.py").write_text(FUNCTIONS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "some_measures", raising=False)
    return "some_measures"


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("two", "expected a function of stitched .n, d., expected .n, d. and labels .n,., got TypeError"),
        ("nan", "expected a finite number, got nan"),
        ("many", r"expected one number, got ndarray of shape \(8,\)"),
        ("word", "expected one number, got str"),
        ("truth", "expected one number, got bool"),
        ("turned", "expected one number, got complex"),
        ("goood", "unknown function in some_measures 'goood'.*did you mean 'good'"),
    ],
)
def test_what_is_no_measure_is_refused_by_name(module: str, name: str, complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        measures_named((f"{module}:{name}",))


def test_a_name_that_is_no_function_is_refused() -> None:
    with pytest.raises(
        SpecError, match="expected 'standard' or package.module:function as a measure, got 'cka'"
    ):
        measures_named(("cka",))
    with pytest.raises(SpecError, match="cannot import 'no_such_module'"):
        measures_named(("no_such_module:f",))


def test_a_good_measure_is_taken_beside_the_standard_ones(module: str) -> None:
    taken = measures_named(("standard", f"{module}:good"))
    assert list(taken) == [*KNOWN_MEASURES, f"{module}:good"]
    rows = np.random.default_rng(0).standard_normal((80, 6))
    labels = np.arange(80) % 4
    for name, measure in taken.items():
        same, other = (measured(name, measure, rows, y, labels) for y in (rows, rows[::-1].copy()))
        assert same is not None
        assert other is not None
        assert same > other + 0.1
    assert measured("CKA", KNOWN_MEASURES["CKA"], np.ones((80, 6)), rows, labels) is None


def outcome(family: str, dose: float, truth: float, values: dict[str, float | None]) -> Outcome:
    facts = Facts(
        n=2000,
        chance=0.1,
        score=(0.9, 0.89, 0.91),
        self_score=0.9,
        kept=(truth, truth - 0.01, truth + 0.01),
        recovered=truth,
        own=1.0,
    )
    return Outcome(Case(family, dose, 0, "a"), {"output": truth}, facts, {}, values)


def test_the_table_counts_what_a_measure_calls_interchangeable() -> None:
    plants = [
        ("itself", 1.0, 1.0),
        ("mixing", 1.0, 0.98),
        ("rotation", 1.0, 0.99),
        ("low rank", 0.97, 0.95),
        ("low rank", 0.4, 0.5),
        ("noise added", 1.0, 0.55),
        ("noise added", 0.25, 0.93),
        ("one-hot", 1.0, 0.0),
        ("another of the class", 1.0, 0.0),
    ]
    flattered = {"one-hot": 5.0, "another of the class": 6.0}
    outcomes = [
        outcome(family, dose, truth, {"right": 3 * truth, "flattered": flattered.get(family, 3 * truth)})
        for family, dose, truth in plants
    ]
    rows = {row["measure"]: row for row in measure_table(outcomes)}
    assert list(rows) == ["stitching accuracy", "right", "flattered", "kept", "verdict of modelstitch"]
    for name in ("right", "kept", "verdict of modelstitch"):
        assert (rows[name]["false"], rows[name]["of_others"]) == (0, 4)
        assert (rows[name]["right"], rows[name]["of_interchangeable"]) == (5, 5)
    assert rows["flattered"]["false"] == 2
    assert rows["flattered"]["above_all_others"] == 0
    assert rows["right"]["above_all_others"] == 1
    assert rows["right"]["rank_correlation"] == pytest.approx(1.0)
    # The score is the same for all: it cannot tell any of them from the others.
    assert rows["stitching accuracy"]["false"] == 4
