"""Runs of format 1 are read as they were; other formats are refused by name, with what to do."""

from __future__ import annotations

import json
import re
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from modelstitch import load
from modelstitch.errors import RunError
from modelstitch.report.limits import limits
from modelstitch.results.comparison import Comparison
from modelstitch.results.facts import BySide, PairFacts, RunFacts, Versions
from modelstitch.results.rows import AdvantageRow
from modelstitch.runs.reader import read_run
from modelstitch.runs.store import Store
from modelstitch.specs import StitchSpec
from tests.made import with_stitch
from tests.report.made import run
from tests.runs.made import HEADER, format_1_values, write_format_1

FACTS = RunFacts(
    n_classes=10,
    chance=0.1,
    n_train=5000,
    n_heldout=2000,
    n_cells=66,
    versions=Versions(modelstitch="0.1.0", torch="2.13.0"),
    pair=PairFacts(
        cut_difference=1e-6,
        layouts=BySide({"c0": "map2d"}, {"c0": "vector"}),
        technique=BySide("graph capture", "module hooks"),
    ),
)
ADVANTAGE = AdvantageRow(
    control="one-hot",
    sender_cut="c0",
    receiver_cut="c1",
    stitch="affine",
    seed=0,
    difference=0.1,
    low=0.0,
    high=0.2,
)


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    """Two stitches, one of which names its family, its size, its norm and its objective in one text."""
    plain = run(2, 3)
    # Evidence of this kind was not measured then, so that nothing says what is kept.
    plain = replace(plain, kept=(), evidence=tuple(row for row in plain.evidence if row.kind != "kept"))
    label = "lowrank(8) by match+batch"
    cells = (
        *plain.cells,
        *(with_stitch(cell, label, n_parameters=80, converged=None) for cell in plain.cells),
    )
    evidence = (*plain.evidence, *(replace(row, stitch=label) for row in plain.evidence))
    controls = tuple(dict.fromkeys(cell.control for cell in cells))
    spec = replace(plain.spec, stitches=(StitchSpec(), StitchSpec.parse(label)), controls=controls)
    order = {control: index for index, control in enumerate(controls)}
    return replace(
        plain,
        spec=spec,
        facts=FACTS,
        cells=tuple(
            sorted(cells, key=lambda cell: (order[cell.control], cell.sender_cut, cell.receiver_cut))
        ),
        evidence=tuple(
            sorted(evidence, key=lambda row: (order[row.control], row.sender_cut, row.receiver_cut))
        ),
        baselines=tuple(sorted(plain.baselines, key=lambda row: (_old(row.control), row.seed, row.role))),
        advantages=(ADVANTAGE,),
    )


def _old(control: str) -> str:
    return "none" if control == "trained" else control


def test_a_folder_of_format_1_is_read_with_all_its_numbers(comparison: Comparison, tmp_path: Path) -> None:
    write_format_1(tmp_path, comparison)
    before = (tmp_path / "run.sqlite").read_bytes()
    old = read_run(tmp_path)
    assert old.cells == comparison.cells
    assert old.evidence == comparison.evidence
    assert old.baselines == comparison.baselines
    assert old == comparison
    assert (tmp_path / "run.sqlite").read_bytes() == before


def test_a_run_without_what_a_verdict_reads_has_none_and_says_so(comparison: Comparison) -> None:
    assert comparison.verdicts() == {}
    (text,) = [text for text in limits(comparison) if text.startswith("There is no verdict.")]
    assert "older version" in text
    assert "以前の版" in text.in_language("ja")
    assert not any(text.startswith("There is no verdict") for text in limits(run(2, 3)))


def test_of_two_versions_of_evidence_the_last_one_is_read(comparison: Comparison, tmp_path: Path) -> None:
    write_format_1(tmp_path, comparison, version=1)
    assert read_run(tmp_path).evidence == comparison.evidence
    connection = sqlite3.connect(tmp_path / "run.sqlite")
    connection.execute("UPDATE appraisals SET version = 2 WHERE kind = 'similarity'")
    connection.commit()
    connection.close()
    assert {row.kind for row in read_run(tmp_path).evidence} == {"similarity"}


def test_a_run_from_before_there_was_evidence_is_read(comparison: Comparison, tmp_path: Path) -> None:
    write_format_1(tmp_path, comparison)
    connection = sqlite3.connect(tmp_path / "run.sqlite")
    connection.executescript("DROP TABLE evidence; DROP TABLE appraisals")
    connection.close()
    old = read_run(tmp_path)
    assert (len(old.cells), old.evidence) == (66, ())


def test_a_file_of_format_1_is_read(comparison: Comparison, tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    path.write_text(json.dumps(format_1_values(comparison)))
    assert load(path) == comparison


def test_a_folder_of_format_1_is_not_continued(comparison: Comparison, tmp_path: Path) -> None:
    write_format_1(tmp_path, comparison)
    with pytest.raises(
        RunError,
        match=r"cannot continue run folder .*: it has format 1, expected 2 to 3: .* choose another folder",
    ):
        Store(tmp_path, HEADER)
    assert len(load(tmp_path).cells) == 66


def test_a_newer_folder_is_refused_by_reader_and_writer(tmp_path: Path) -> None:
    Store(tmp_path, HEADER).close()
    connection = sqlite3.connect(tmp_path / "run.sqlite")
    assert connection.execute("PRAGMA user_version").fetchone() == (3,)
    connection.execute("PRAGMA user_version = 4")
    connection.close()
    message = r"it has format 4, expected 1 to 3: it was written by a newer modelstitch, so install"
    with pytest.raises(RunError, match=message):
        read_run(tmp_path)
    with pytest.raises(RunError, match=message):
        Store(tmp_path, HEADER)


@pytest.mark.parametrize(
    ("format_name", "message"),
    [
        (
            "modelstitch comparison 3",
            "it has format 3, expected 1 to 2: it was written by a newer modelstitch",
        ),
        ("modelstitch comparison 0", "expected format 1 to 2, got 0"),
        ("another thing 2", "expected 'modelstitch comparison 2', got 'another thing 2'"),
    ],
)
def test_a_file_of_another_format_is_refused(tmp_path: Path, format_name: str, message: str) -> None:
    path = tmp_path / "new.json"
    path.write_text(json.dumps({**run().to_json(), "format": format_name}))
    with pytest.raises(RunError, match=re.escape(message)):
        load(path)


@pytest.mark.parametrize("format_version", [1, 2])
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, format_version: int) -> None:
    path = tmp_path / "damaged.json"
    path.write_text(json.dumps({"format": f"modelstitch comparison {format_version}", "sender": "A"}))
    with pytest.raises(RunError, match=rf"comparison {format_version}'\): it is damaged \(KeyError") as error:
        load(path)
    assert "\n" not in str(error.value)


def test_a_damaged_folder_of_format_1_is_refused(comparison: Comparison, tmp_path: Path) -> None:
    write_format_1(tmp_path, comparison)
    connection = sqlite3.connect(tmp_path / "run.sqlite")
    connection.execute("ALTER TABLE cells DROP COLUMN accuracy")
    connection.close()
    with pytest.raises(RunError, match=r"cannot read run .*format 1.*no such column: accuracy"):
        read_run(tmp_path)
