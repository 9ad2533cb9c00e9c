"""The stages of a candidate: what each needs, what is refused, and that the ledger stays whole."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from modelstitch.adoption.folder import ledger
from modelstitch.adoption.folder.check import check_folder
from modelstitch.adoption.folder.ledger import LEDGER, LOCK, LedgerEntry, append, read_ledger
from modelstitch.adoption.stages.names import same_name
from modelstitch.adoption.stages.reviewed import read_reviewed
from modelstitch.adoption.stages.road import Road, road_of, stage_of
from modelstitch.cli import main
from modelstitch.errors import DataError, RunError, SpecError
from modelstitch.util.locks import locked

PASSED: dict[str, Any] = {"k": 1, "result": "passed", "disagreements": 4}


def check(folder: Path, event: str, by: str = "Bo", **facts: Any) -> None:
    append(folder / LEDGER, LedgerEntry(event=event, by=by, facts=facts))


def verified(folder: Path, by: str = "Bo", result: str = "holds") -> None:
    check(folder, "verify", by, result=result)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "looked at.csv"
    path.write_text("example,word,who\n17,fine,Cy\n3,worse,Cy\n5,fine,Cy\n", encoding="utf-8")
    return path


def refused(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> str:
    before = (folder / LEDGER).read_bytes()
    assert main(["stage", str(folder), *words]) == 2
    assert (folder / LEDGER).read_bytes() == before
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    return error


def test_the_road(copied: Path, table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert stage_of(copied) == "candidate"
    assert main(["stage", str(copied), "pilot", "--by", "Bo", "--note", "on line 2\u2028 of two"]) == 0
    check(copied, "pilot", **PASSED)
    verified(copied)
    adopt = ["stage", str(copied), "adopted", "--by", "Cy", "--reviewed", str(table)]
    assert main([*adopt, "--json"]) == 0
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert line["facts"]["reviewed"]["words"] == {"fine": 2, "worse": 1}
    assert line["facts"]["reviewed"]["n"] == 3
    lines = read_ledger(copied / LEDGER)
    assert line["facts"]["pilot_line"] == lines[2].hash
    assert line["facts"]["verify_line"] == lines[3].hash
    assert line["facts"]["from"] == "pilot"
    assert main(["stage", str(copied), "retired", "--by", "Cy"]) == 0
    assert [entry.event for entry in road_of(copied).moves] == ["candidate", "pilot", "adopted", "retired"]
    assert check_folder(copied).holds


@pytest.mark.parametrize(
    ("lines", "lacks"),
    [
        ([], ("pilot", "verify", "reviewed")),
        ([("pilot", "Bo", PASSED)], ("verify", "reviewed")),
        ([("pilot", "Bo", PASSED), ("verify", "Bo", {"result": "holds"})], ("reviewed",)),
        # The exporter is Ann, however she writes her name.
        ([("pilot", "Bo", PASSED), ("verify", " \uff21nn", {"result": "holds"})], ("verify", "reviewed")),
        # The latest of each counts.
        (
            [("pilot", "Bo", PASSED), ("pilot", "Bo", {"result": "failed"})],
            ("pilot-failed", "verify", "reviewed"),
        ),
        (
            [("pilot", "Bo", PASSED), ("pilot", "Bo", {"result": "undecided"})],
            ("pilot-undecided", "verify", "reviewed"),
        ),
        ([("pilot", "Bo", {"result": "failed"}), ("pilot", "Bo", PASSED)], ("verify", "reviewed")),
        # A pilot without labels makes no claim.
        (
            [("pilot", "Bo", PASSED), ("pilot", "Bo", {"result": "undecided", "labelled": False})],
            ("verify", "reviewed"),
        ),
        (
            [("verify", "Bo", {"result": "holds"}), ("verify", "Cy", {"result": "does not hold"})],
            ("pilot", "verify-failed", "reviewed"),
        ),
        (
            [("verify", "Bo", {"result": "does not hold"}), ("verify", "Bo", {"result": "holds"})],
            ("pilot", "reviewed"),
        ),
        # A later check by the exporter that holds takes nothing away.
        (
            [("verify", "Bo", {"result": "holds"}), ("verify", "Ann", {"result": "holds"})],
            ("pilot", "reviewed"),
        ),
        # Where both never differed there is nothing to look at.
        ([("pilot", "Bo", {**PASSED, "disagreements": 0})], ("verify",)),
    ],
)
def test_what_adopted_lacks(lines: list[tuple[str, str, dict[str, Any]]], lacks: tuple[str, ...]) -> None:
    first = LedgerEntry(event="candidate", by="Ann")
    road = Road((first, *(LedgerEntry(event=event, by=by, facts=facts) for event, by, facts in lines)))
    assert road.lacks == lacks


def test_a_pilot_that_was_run_is_the_stage_pilot_and_its_decision_may_come_later(
    copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check(copied, "pilot", **PASSED)
    assert road_of(copied).stage == "pilot"
    assert main(["stage", str(copied), "pilot", "--by", "Bo"]) == 0
    assert "is at the stage pilot already" in refused(capsys, copied, "pilot", "--by", "Bo")


def test_what_is_skipped_needs_a_reason(
    copied: Path, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verified(copied)
    adopt = ("adopted", "--by", "Cy")
    said = refused(capsys, copied, *adopt)
    assert "a passed pilot" in said
    assert '--skip "reason"' in said
    assert "a passed pilot" in refused(capsys, copied, *adopt, "--reviewed", str(table))
    assert "expected a reason to skip" in refused(capsys, copied, *adopt, "--skip", " ")
    assert main(["stage", str(copied), *adopt, "--skip", "the old one is down", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)["facts"]
    assert (facts["skip"], facts["skipped"]) == ("the old one is down", ["pilot", "reviewed"])


def test_what_cannot_be_skipped(copied: Path, table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    skip = ("adopted", "--by", "Cy", "--skip", "in a hurry", "--reviewed", str(table))
    said = refused(capsys, copied, *skip)
    assert "by somebody else than the exporter" in said
    assert "--skip" not in said
    verified(copied)
    check(copied, "pilot", result="failed", k=1)
    assert "the latest one failed" in refused(capsys, copied, *skip)


def test_no_way_back(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verified(copied)
    assert main(["stage", str(copied), "adopted", "--by", "Cy", "--skip", "a test"]) == 0
    assert "does not go back to pilot" in refused(capsys, copied, "pilot", "--by", "Cy")
    assert "already" in refused(capsys, copied, "adopted", "--by", "Cy", "--skip", "a test")
    assert main(["stage", str(copied), "retired", "--by", "Cy", "--note", "replaced"]) == 0
    for stage in ("pilot", "adopted", "retired"):
        assert "is retired: no stage follows" in refused(capsys, copied, stage, "--by", "Cy")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["adopt", "--by", "Bo"], "unknown stage to move to 'adopt'.*did you mean 'adopted'"),
        (["candidate", "--by", "Bo"], "unknown stage to move to 'candidate'"),
        (["pilot", "--by", " "], "expected the name of a person"),
        (["pilot", "--by", "Bo\nEve"], "expected the name of a person"),
        (["pilot", "--by", "Bo", "--note", "\udcff"], "expected a text in UTF-8"),
        (["pilot", "--by", "Bo", "--reviewed", "TABLE"], "expected --reviewed with the stage adopted"),
        (["adopted", "--by", "Bo", "--reviewed", "none.csv"], "cannot read the reviewed examples 'none.csv'"),
    ],
)
def test_bad_input_is_one_line(
    copied: Path, table: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    import re

    said = refused(capsys, copied, *(str(table) if word == "TABLE" else word for word in words))
    assert re.search(message, said), said


@pytest.mark.parametrize("change", ["changed", "missing", "added", "ledger"])
def test_a_folder_that_was_changed_is_refused(
    copied: Path, capsys: pytest.CaptureFixture[str], change: str
) -> None:
    if change == "changed":
        (copied / "card.json").write_text("{}", encoding="utf-8")
    elif change == "missing":
        (copied / "card.json").unlink()
    elif change == "added":
        (copied / "new.txt").touch()
    else:
        text = (copied / LEDGER).read_text(encoding="utf-8")
        (copied / LEDGER).write_text(text.replace("Ann", "Eve"), encoding="utf-8")
    said = refused(capsys, copied, "pilot", "--by", "Bo")
    assert "is not what was exported" in said
    assert change in said
    with pytest.raises(RunError, match="is not what was exported"):
        stage_of(copied)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected the columns example, word .* got none"),
        (b"example;word\n1;a\n", "got example;word"),
        (b"example,word,word\n1,a,b\n", "once each"),
        (b"example,word\n", "expected examples that a person looked at"),
        (b"example,word\n1,\n", "expected an example and a word in line 2"),
        (b"example,word\n1\n", "expected an example and a word in line 2"),
        (b"example,word\n1,a\n 1 ,b\n", "each example once .* '1' again"),
        (b'example,word\n1,"a\n', "cannot read the reviewed examples"),
        (b"\xff\xfe", "no text in UTF-8"),
    ],
)
def test_a_bad_table_of_reviewed_examples(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "table.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_reviewed(tmp_path / "table.csv")


def test_a_table_as_a_spreadsheet_writes_it(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(b'\xef\xbb\xbfword,example\r\n"as good,\r\nor better",a.png\r\n')
    assert read_reviewed(tmp_path / "table.csv").words == {"as good,\r\nor better": 1}


@pytest.mark.parametrize("other", ["ann lee", "ANN\u00a0LEE", "Ann  Lee ", "\uff21nn Lee"])
def test_one_person_however_the_name_is_written(other: str) -> None:
    assert same_name("Ann Lee", other)


def test_a_full_disk_leaves_the_old_ledger(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = (copied / LEDGER).read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match="cannot write the ledger .*No space left"):
        verified(copied)
    monkeypatch.setattr(os, "fsync", lambda file: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        verified(copied)
    assert (copied / LEDGER).read_bytes() == before
    assert check_folder(copied).holds


def test_two_writers_at_once(
    copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ledger, "_WAIT", 0.0)
    with locked(copied / LOCK, "in use"):
        assert {path.name for path in copied.glob("*.lock*")} == {LOCK}
        assert "is in use by another process" in refused(capsys, copied, "pilot", "--by", "Bo")
    assert main(["stage", str(copied), "pilot", "--by", "Bo"]) == 0


def test_a_writer_that_was_killed_is_in_nobodys_way(copied: Path) -> None:
    (copied / f"{LEDGER}.unfinished").write_text("{", encoding="utf-8")
    verified(copied)
    assert [entry.event for entry in road_of(copied).entries] == ["candidate", "verify"]


def test_a_ledger_without_its_last_line_end(copied: Path) -> None:
    path = copied / LEDGER
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    verified(copied)
    assert len(read_ledger(path)) == 2


def test_facts_that_no_file_can_hold() -> None:
    with pytest.raises(SpecError, match="expected a text in UTF-8"):
        LedgerEntry(event="pilot", by="Bo", facts={"file": "\udcff.csv"})
