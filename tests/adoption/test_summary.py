"""What the page is told of an exported candidate: from real folders, whose ledgers go on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import modelstitch as ms
from modelstitch.adoption.candidates.reuse import ReuseSpec
from modelstitch.adoption.candidates.reuse import candidates as find_candidates
from modelstitch.adoption.folder.ledger import LEDGER, LedgerEntry, append
from modelstitch.adoption.stages.road import Road
from modelstitch.adoption.summary.of_folder import candidate_folders, next_steps_of, record_of, what_was_done
from modelstitch.results.decision import DecisionWord, with_record
from modelstitch.results.stitched import StitchedCell

EXPORTED = LedgerEntry(event="candidate", by="Ann")


def line(event: str, by: str, **facts: Any) -> LedgerEntry:
    return LedgerEntry(event=event, by=by, facts=facts)


PASSED = line("pilot", "Ann", result="passed", k=1, n=812, disagreements=9)
FAILED = line("pilot", "Ann", result="failed", k=2)
UNLABELLED = line("pilot", "Ann", result="failed", labelled=False)
HOLDS_BO, HOLDS_ANN = line("verify", "Bo", result="holds"), line("verify", " ANN ", result="holds")
BROKEN_BO = line("verify", "Bo", result="does not hold")
RETIRED = line("retired", "Cy", **{"from": "pilot"})


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        ((), "pilot"),
        ((PASSED,), "pilot"),
        ((HOLDS_BO,), "pilot"),
        ((PASSED, HOLDS_BO), "adopt"),
        ((HOLDS_BO, PASSED), "adopt"),
        ((PASSED, HOLDS_ANN), "pilot"),
        ((PASSED, BROKEN_BO), "undecided"),
        ((PASSED, BROKEN_BO, HOLDS_BO), "adopt"),
        # What another found is not undone by the exporter.
        ((PASSED, BROKEN_BO, HOLDS_ANN), "pilot"),
        ((PASSED, HOLDS_BO, BROKEN_BO), "undecided"),
        ((PASSED, HOLDS_BO, FAILED), "undecided"),
        ((FAILED, PASSED, HOLDS_BO), "adopt"),
        ((PASSED, HOLDS_BO, UNLABELLED), "adopt"),
        ((PASSED, HOLDS_BO, RETIRED), "undecided"),
        ((line("adopted", "Cy", skip="no time"), HOLDS_BO), "pilot"),
    ],
)
def test_the_word_that_a_ledger_allows(lines: tuple[LedgerEntry, ...], word: str) -> None:
    assert with_record(DecisionWord.PILOT, record_of(Road((EXPORTED, *lines)))) == word


def test_every_line_has_its_words() -> None:
    skipped = line("adopted", "Cy", skip="no time")
    said = [what_was_done(entry) for entry in (EXPORTED, PASSED, HOLDS_BO, BROKEN_BO, skipped, RETIRED)]
    assert said == [
        "exported as a candidate",
        "pilot 1: passed, after 812 examples",
        "checked: it holds",
        "checked: it does not hold",
        "moved to the stage adopted, skipping what it asks for",
        "moved to the stage retired",
    ]
    assert what_was_done(line("monitor", "Cy", alpha=0.05)) == "began to monitor"
    assert what_was_done(line("monitor", "Cy", result="alarm")) == "a monitor raised an alarm"
    assert next_steps_of(Road((EXPORTED,)), "x", alarm=True)[0].startswith("See what changed in the inputs")


@pytest.mark.parametrize(
    ("lines", "steps"),
    [
        ((), ["modelstitch pilot x", "modelstitch verify x", "--reviewed FILE.csv"]),
        ((PASSED,), ["modelstitch verify x", "--reviewed FILE.csv"]),
        ((FAILED,), ["retired", "modelstitch verify x", "--reviewed FILE.csv"]),
        ((line("pilot", "Ann", result="passed", disagreements=0), HOLDS_BO), ["stage x adopted --by NAME"]),
        ((line("adopted", "Cy"),), ["modelstitch monitor x"]),
        ((PASSED, BROKEN_BO, HOLDS_ANN), ["modelstitch verify x", "--reviewed FILE.csv"]),
        ((RETIRED,), ["None: it is retired."]),
    ],
)
def test_what_comes_next(lines: tuple[LedgerEntry, ...], steps: list[str]) -> None:
    found = next_steps_of(Road((EXPORTED, *lines)), "x")
    assert len(found) == len(steps)
    assert all(part in step for part, step in zip(steps, found, strict=True))


def test_a_folder_is_told_with_its_risk_and_its_ledger(candidate: StitchedCell, copied: Path) -> None:
    append(copied / LEDGER, PASSED)
    (told,) = candidate_folders([copied, copied], candidate.comparison)
    assert told.name == "copy"
    assert told.place == (candidate.spec.sender_cut, candidate.spec.receiver_cut, "affine", 0)
    assert [(one.by, one.reason) for one in told.lines] == [("Ann", "smaller; a test"), ("Ann", "")]
    assert told.accepted_risk == "a test"
    assert any("no verdict" in reason for reason in told.risk_reasons)
    assert told.record.pilot == "passed"


def test_the_page_of_a_run_and_its_candidate(candidate: StitchedCell, copied: Path, tmp_path: Path) -> None:
    run = candidate.comparison
    ms.write_report(run, tmp_path / "page.html", folders=[copied])
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "A risk was accepted: a test" in text
    for entry in (PASSED, HOLDS_BO):
        append(copied / LEDGER, entry)
    ms.write_report(run, tmp_path / "page.html", folders=[copied], language="ja")
    assert "採用できます。候補copyは試験導入に合格し" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_changed_folder_and_one_of_another_run_are_refused(
    candidate: StitchedCell, copied: Path, tmp_path: Path
) -> None:
    run = candidate.comparison
    other = replace(run, facts=replace(run.facts, data_content="0" * 64))
    with pytest.raises(ms.RunError, match="is of another run: expected the data 00000000, got "):
        candidate_folders([copied], other)
    networks = replace(run, baselines=tuple(replace(row, digest="f" * 64) for row in run.baselines))
    with pytest.raises(ms.RunError, match="is of another run: expected the sender ffffffff"):
        candidate_folders([copied], networks)
    cells = tuple(replace(row, seed=7) for row in run.cells)
    with pytest.raises(ms.RunError, match="this one has no cell 2 -> 4"):
        candidate_folders([copied], replace(run, cells=cells))
    with pytest.raises(ms.RunError, match="no candidate"):
        candidate_folders([tmp_path], run)
    (copied / "run.py").write_text("changed")
    with pytest.raises(ms.RunError, match=r"is not what was exported .*run\.py"):
        candidate_folders([copied], run)


def test_candidates_of_another_comparison_are_refused(candidate: StitchedCell, tmp_path: Path) -> None:
    run = candidate.comparison
    found = find_candidates(run, ReuseSpec(batches=()))
    ms.write_report(run, tmp_path / "page.html", found=found)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert 'id="candidates"' in text
    with pytest.raises(ms.SpecError, match="expected candidates of this comparison"):
        ms.write_report(run, tmp_path / "other.html", found=replace(found, content="0"))
    assert not (tmp_path / "other.html").exists()
