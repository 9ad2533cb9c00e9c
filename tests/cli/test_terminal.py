"""What the terminal shows of the verdicts: both answers and the score, with a legend."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelstitch.cli.terminal import print_verdicts
from modelstitch.results.comparison import Comparison
from tests.report.made import run


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def shown(comparison: Comparison, capsys: pytest.CaptureFixture[str]) -> str:
    print_verdicts(comparison, "affine")
    return capsys.readouterr().out


def test_a_cell_has_both_answers_and_its_score(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(run(1, 2, kept=0.65, lead=0.0), capsys)
    first, second = (line.split("│")[2:4] for line in text.splitlines() if line.startswith("│"))
    assert [each.strip() for each in first] == ["part 65 %"] * 2
    assert [each.strip() for each in second] == ["0.93 u"] * 2


def test_the_legend_explains_every_sign_and_has_the_yardstick(capsys: pytest.CaptureFixture[str]) -> None:
    comparison = run(1, 1)
    facts = replace(comparison.facts, yardstick=(0.59, 0.56, 0.62))
    text = shown(replace(comparison, facts=facts), capsys)
    for line in (
        "Per cent: kept, the share of what the receiver knows about an input beyond its label",
        "inter = interchangeable, part = partly, label = decodable only, none = incompatible, "
        "? = cannot tell.",
        "u: not learnt, an untrained sender does as well; u?: unclear",
        "Yardstick: of two whole networks, the sender's outputs recover 59 % (56 to 62)",
    ):
        assert line in text
    assert "- c0 -> c0, interchangeable (high confidence), learnt (high confidence): score 0.93" in text


def test_seeds_stand_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    comparison = run(1, 1, seeds=(0, 1))
    kept = tuple(replace(row, kept=0.91) if row.seed == 1 else row for row in comparison.kept)
    text = shown(replace(comparison, kept=kept), capsys)
    assert "inter 95 91 %" in text
    assert "Per cent by seed." in text


def test_without_the_control_nobody_asked_what_was_learnt(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(run(1, 1, lead=None), capsys)
    assert "Was it learnt: not asked, no untrained sender was run." in text
    assert "- c0 -> c0, interchangeable (high confidence): score 0.93" in text
