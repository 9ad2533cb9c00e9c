"""Two runs side by side, and the runs of a folder."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import modelstitch as ms
from modelstitch.cli import main
from modelstitch.report.difference_page import difference_markdown, difference_page
from modelstitch.results.comparison import Comparison
from modelstitch.results.difference import difference
from tests.report.made import run


def moved(comparison: Comparison, by: float) -> Comparison:
    """Return a run whose first cell of the pair scores otherwise."""
    (first, *others) = comparison.cells
    assert first.score is not None
    return replace(comparison, cells=(replace(first, score=first.score + by), *others))


def test_a_run_beside_itself_has_no_change() -> None:
    found = difference(run(), run())
    assert (found.choices, found.moved, found.verdicts) == ((), (), ())
    assert found.scores
    assert "All choices are the same." in difference_markdown(found, ("a", "b"))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_score_counts_beyond_its_noise_alone(sign: int) -> None:
    noise = difference(run(), run()).scores[0].noise
    within, beyond = (difference(run(), moved(run(), sign * noise * share)) for share in (0.9, 1.1))
    assert not within.moved
    ((only),) = beyond.moved
    assert only.after - only.before == pytest.approx(sign * noise * 1.1)


def test_choices_and_verdicts_that_differ_are_named() -> None:
    other = replace(run(kept=0.3), spec=replace(run().spec, seeds=(0, 7)))
    found = difference(run(), other)
    assert ("seeds", "0", "0, 7") in found.choices
    assert {one.before for one in found.verdicts} == {"interchangeable"}
    assert {one.after for one in found.verdicts} == {"partly"}
    text = difference_markdown(found, ("a|b", "<b>"))
    assert "| seeds | 0 | 0, 7 |" in text
    assert "a\\|b" in text
    page = difference_page(found, ("a", "<b>"), "ja")
    assert "&lt;b&gt;" in page
    assert "判定は" in page
    json.dumps(found.to_plain(), allow_nan=False)


def test_the_commands(
    small_run: tuple[Comparison, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder = small_run
    saved = tmp_path / "saved.json"
    ms.load(folder).save(saved)
    assert main(["diff", str(folder), str(saved)]) == 0
    assert "All choices are the same." in capsys.readouterr().out
    page = tmp_path / "changes.html"
    assert main(["diff", str(folder), str(saved), "--out", str(page)]) == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    capsys.readouterr()
    assert main(["runs", str(folder.parent), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["run"], row["word"]) == ("run", "undecided")
    assert main(["runs", str(folder.parent)]) == 0
    assert "undecided" in capsys.readouterr().out
    assert main(["runs", str(tmp_path)]) == 0
    assert "no run in" in capsys.readouterr().out
    assert main(["runs", str(tmp_path / "gone")]) == 2
    assert main(["diff", str(folder), str(tmp_path / "gone")]) == 2
