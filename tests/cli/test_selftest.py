from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelstitch.cli import main
from modelstitch.known_answers import cases as listing
from modelstitch.known_answers.cases import Case

FEW = [Case("itself", 1.0, 0, "layers.4"), Case("one-hot", 1.0, 0, "layers.4")]


@pytest.fixture
def few_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "cases", lambda n, cuts, quick: FEW)


@pytest.mark.usefixtures("few_cases")
def test_a_selftest_goes_on_where_it_stopped(
    checkpoints: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [
        "selftest",
        "--models",
        str(checkpoints[0]),
        "--out",
        str(tmp_path / "bed"),
        "--measure",
        "standard",
    ]
    assert main([*asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["right_share"] == {"interchangeable": 1.0, "decodable only": 1.0}
    assert [case["verdict"] for case in found["cases"]] == ["interchangeable", "decodable only"]
    assert found["wrong_interchangeable"] == 0
    assert [row["measure"] for row in found["measures"]][1:3] == ["CKA", "debiased CKA"]
    path = tmp_path / "bed" / "cases.jsonl"
    before = path.read_text()
    main(asked)
    assert path.read_text() == before
    printed = capsys.readouterr()
    assert "2 of 2 cells were finished earlier" in " ".join(printed.err.split())
    assert "wrongly called interchangeable: 0 of 1" in printed.out


def test_other_data_needs_models_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["selftest", "--data", "somewhere"]) == 2
    assert "expected models that were trained on somewhere, got none" in capsys.readouterr().err


def test_a_measure_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["selftest", "--measure", "math:floor"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert (
        "measure 'math:floor': expected a function of stitched (n, d), expected (n, d) and labels (n,)"
        in said
    )
