"""``modelstitch status``: of a run that goes on, of one that ended, of a candidate, and of neither."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import torch

from modelstitch.adoption.folder.ledger import LedgerEntry
from modelstitch.adoption.stages.road import Road
from modelstitch.adoption.stages.status import CandidateStatus
from modelstitch.cli import main
from modelstitch.results.comparison import Comparison
from modelstitch.runs.progress import progress_of
from modelstitch.runs.store import Store
from tests.made import cell_row
from tests.runs.made import HEADER


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = main(["status", *words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_run_that_ended(small_run: tuple[Comparison, Path], capsys: pytest.CaptureFixture[str]) -> None:
    code, found = said(capsys, str(small_run[1]))
    assert (code, found["kind"], found["done"], found["left"]) == (0, "run", len(small_run[0].cells), 0)
    assert main(["status", str(small_run[1])]) == 0
    assert "The run has ended." in capsys.readouterr().out


def test_a_run_that_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Store(tmp_path, HEADER) as store:
        before = progress_of(tmp_path)
        store.write_cell("1", cell_row(sender_cut="a", receiver_cut="x", seconds=3.0), {"w": torch.zeros(1)})
        # Another process has the run open, and this one may look.
        code, found = said(capsys, str(tmp_path))
    assert (before.done, before.left, before.seconds_left) == (0, 2, None)
    assert (code, found["done"], found["failed"], found["left"]) == (3, 1, 0, 1)
    assert (found["seconds_left"], found["ended"]) == (3.0, False)
    with sqlite3.connect(tmp_path / "run.sqlite") as connection:
        connection.execute("UPDATE cells SET score = NULL")
    connection.close()
    assert progress_of(tmp_path).failed == 1


def test_a_candidate(tmp_path: Path) -> None:
    lines = [LedgerEntry(event="candidate", by="Ann")]
    lines.append(LedgerEntry(event="pilot", by="Bo", facts={"k": 1, "result": "passed", "n": 300}))
    lines.append(LedgerEntry(event="verify", by="Cy", facts={"result": "does not hold"}))
    lines.append(LedgerEntry(event="monitor", by="Cy", facts={"state": "s"}))
    found = CandidateStatus(tmp_path, Road(tuple(lines)))
    plain = found.to_plain()
    assert (plain["stage"], plain["next"], plain["exported_by"]) == ("pilot", "adopted", "Ann")
    assert plain["adopted_lacks"] == ["verify-failed", "reviewed"]
    assert [step["event"] for step in plain["steps"]] == ["candidate", "pilot", "verify", "monitor"]
    assert plain["sentences"][-1].startswith(
        "Next: adopted, which needs: a check by somebody else: the latest"
    )
    alarm = LedgerEntry(event="monitor", by="Cy", facts={"result": "alarm"})
    assert "raised an alarm" in CandidateStatus(tmp_path, Road((*lines, alarm))).sentences()[-2]
    assert found.sentences()[0].in_language("ja") == "段階：試験導入。"
    moved = Road((*lines, LedgerEntry(event="adopted", by="Bo"), LedgerEntry(event="retired", by="Bo")))
    assert str(CandidateStatus(tmp_path, moved).sentences()[-1]) == "No stage follows."


def test_neither(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").touch()
    for folder, message in ((tmp_path, "which holds a.txt"), (tmp_path / "none", "which is no folder")):
        assert main(["status", str(folder)]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    (tmp_path / "run.sqlite").write_bytes(b"no database")
    assert main(["status", str(tmp_path)]) == 2
    assert "it is damaged, or no run" in capsys.readouterr().err
