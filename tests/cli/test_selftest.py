from __future__ import annotations

import json

import pytest

from modelstitch.cli import main
from modelstitch.known_answers import cases


@pytest.mark.slow
def test_selftest_passes_and_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At one cut of the quick form's two; ``tests/known_answers`` judges both."""
    listed = cases.cases
    monkeypatch.setattr(cases, "cases", lambda n, cuts, quick: listed(n, (cuts[2],)))
    assert main(["selftest", "--quick", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["passed"]
    assert found["wrong_interchangeable"] == 0
    assert {"confusion", "cases"} <= set(found)
    assert len(found["cases"]) == found["n_cases"] == 14


def test_the_table_of_a_bed_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    from modelstitch.cli.selftest import _show

    row = {"interchangeable": 3, "decodable only": 0, "incompatible": 0, "cannot tell": 1}
    case = {
        "family": "mixing",
        "network": 0,
        "cut": "layers.2",
        "truth": "interchangeable",
        "verdict_left_out": "cannot tell",
        "reason": "the interval is wide",
    }
    lines = {"kept_low": 0.5, "kept_high": 0.8, "score_low": 0.15}
    _show({"confusion": {"interchangeable": row}, "cases": [case], "derived_lines": lines})
    printed = capsys.readouterr().out
    assert "mixing, network 0, layers.2: interchangeable, judged cannot tell: the interval is wide" in printed
    assert "kept 0.50 and 0.80" in printed


def test_other_data_needs_models_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["selftest", "--data", "somewhere"]) == 2
    assert "expected models that were trained on somewhere, got none" in capsys.readouterr().err
