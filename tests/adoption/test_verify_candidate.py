"""A candidate that is checked again: every damage is named, and what was not checked is said."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import modelstitch as ms
from modelstitch.adoption.folder.check import check_folder
from modelstitch.adoption.folder.export import Exported, ExportSpec
from modelstitch.adoption.folder.export import export as export_cell
from modelstitch.adoption.folder.ledger import LEDGER, read_ledger
from modelstitch.adoption.folder.manifest import MANIFEST, manifest_text, sums
from modelstitch.adoption.stages.road import Road, expect_whole
from modelstitch.adoption.verify.candidate import verify_candidate
from modelstitch.adoption.verify.record import Verification
from modelstitch.cli import main
from modelstitch.errors import DataError, RunError
from modelstitch.results.stitched import StitchedCell

FILES = (
    "README.md",
    "bom.cdx.json",
    "calibration.safetensors",
    "card.json",
    "ledger.jsonl",
    "manifest.sha256",
    "model.onnx",
    "model.pt2",
    "model.safetensors",
    "run.py",
    "spec.json",
)


@pytest.fixture(scope="module")
def other(candidate: StitchedCell, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of another candidate: the same network, exported with another margin by another name."""
    folder = tmp_path_factory.mktemp("other") / "folder"
    return export_cell(candidate, folder, ExportSpec(by="Cy", margin=0.03, accept_risk="a test")).folder


def files_of(found: Verification) -> str:
    assert found.checks[0].name == "files"
    return found.checks[0].said


def test_a_whole_folder_holds(copied: Path, digits: ms.Data) -> None:
    found = verify_candidate(copied, "Bo", data=digits)
    assert found.holds
    assert [check.name for check in found.checks] == ["files", "forms", "score"]
    assert found.checks[1].facts["differences"].keys() == {"model.safetensors", "model.onnx"}
    assert found.checks[2].facts["n"] == 180
    assert found.checks[2].facts["examples_off"] == 0
    assert [text.partition(":")[0] for text in found.not_checked] == [
        "the signature",
        "the verdict, the controls and the loss against the receiver",
        "the calibration",
    ]
    *_, entry = read_ledger(copied / LEDGER)
    assert (entry.event, entry.by, entry.facts["result"]) == ("verify", "Bo", "holds")
    assert entry.facts["checks"][2]["score"] == found.checks[2].facts["score"]
    assert entry.facts["versions"]["torch"] == torch.__version__
    assert entry.when == found.when
    assert check_folder(copied).holds  # a line more changes nothing


def test_without_data_the_score_is_not_checked(copied: Path) -> None:
    found = verify_candidate(copied, "Bo")
    assert found.holds
    assert [check.name for check in found.checks] == ["files", "forms"]
    assert "the score: no data were given" in found.not_checked


@pytest.mark.parametrize("name", FILES)
def test_one_byte_more_or_other_in_any_file_is_named(copied: Path, name: str) -> None:
    path = copied / name
    content = bytearray(path.read_bytes())
    place = len(content) // 2
    content[place] ^= 1
    path.write_bytes(bytes(content))
    found = verify_candidate(copied, "Bo")
    assert not found.holds
    assert found.reason == "files"
    named = [file for file in FILES if file in files_of(found)]
    assert named == [name]
    assert "forms and score: the files are not those that were exported" in found.not_checked
    with pytest.raises(RunError, match=name):
        expect_whole(copied)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_missing_is_named(copied: Path, name: str) -> None:
    (copied / name).unlink()
    found = verify_candidate(copied, "Bo")
    assert not found.holds
    assert [file for file in FILES if file in files_of(found)] == [name]


@pytest.mark.parametrize("name", ["README.md", "card.json", "ledger.jsonl", "manifest.sha256", "spec.json"])
def test_a_file_of_another_candidate_is_named(copied: Path, other: Path, name: str) -> None:
    assert (copied / name).read_bytes() != (other / name).read_bytes()
    shutil.copyfile(other / name, copied / name)
    found = verify_candidate(copied, "Bo")
    assert not found.holds
    assert [file for file in FILES if file in files_of(found)] == [name]


@pytest.mark.parametrize(
    ("add", "name"),
    [
        (lambda folder: (folder / "more.bin").write_bytes(b"1"), "added: more.bin"),
        (lambda folder: (folder / "link").symlink_to(folder / "run.py"), "added: link"),
        (lambda folder: ((folder / "in").mkdir(), (folder / "in" / "x").write_text("")), "added: in/x"),
    ],
)
def test_an_added_file_is_named(copied: Path, add: Callable[[Path], object], name: str) -> None:
    add(copied)
    found = verify_candidate(copied, "Bo")
    assert not found.holds
    assert files_of(found) == name
    *_, entry = read_ledger(copied / LEDGER)
    assert (entry.facts["result"], entry.facts["reason"]) == ("does not hold", "files")


def test_a_sum_that_was_made_anew_is_seen_by_the_ledger(copied: Path) -> None:
    (copied / "run.py").write_text("print('other')\n")
    (copied / MANIFEST).write_text(manifest_text(sums(copied)))
    found = verify_candidate(copied, "Bo")
    assert not found.holds
    assert "ledger.jsonl: the first line of the ledger belongs to another candidate" in files_of(found)


def test_a_ledger_that_does_not_hold_gets_no_line(copied: Path) -> None:
    before = (copied / LEDGER).read_bytes().replace(b"Ann", b"Eve")
    (copied / LEDGER).write_bytes(before)
    found = verify_candidate(copied, "Bo")
    assert not found.holds
    assert (copied / LEDGER).read_bytes() == before
    assert any("the record is not in the ledger" in text for text in found.not_checked)


def test_other_data_check_no_score_and_are_said(copied: Path, digits: ms.Data) -> None:
    few = ms.Data(digits.train, digits.heldout.take(torch.arange(50)), digits.classes, "few", "by hand")
    found = verify_candidate(copied, "Bo", data=few)
    assert found.holds
    assert [check.name for check in found.checks] == ["files", "forms"]
    (said,) = (text for text in found.not_checked if text.startswith("the score:"))
    assert "these are other data than the run's" in said
    assert "on all 50 held-out examples" in said


def test_data_that_do_not_fit_are_refused(copied: Path, digits: ms.Data) -> None:
    half = ms.data_from(torch.rand(60, 1, 4, 4), torch.arange(60) % 10)
    with pytest.raises(DataError, match=r"do not fit the candidate: expected x: float32 \(N, 1, 8, 8\)"):
        verify_candidate(copied, "Bo", data=ms.Data(half.train, half.heldout, digits.classes, "half", ""))
    renamed = ms.Data(digits.train, digits.heldout, tuple("abcdefghij"), "letters", "")
    with pytest.raises(DataError, match="expected the label set 0, 1, 2, 3, 4 .10., got a, b, c, d, e"):
        verify_candidate(copied, "Bo", data=renamed)
    assert len(read_ledger(copied / LEDGER)) == 1


def test_a_form_that_gives_something_else_is_seen_behind_a_right_manifest(copied: Path) -> None:
    """Somebody who changes weights, manifest and ledger together is caught by the forms."""
    from hashlib import sha256

    from safetensors.torch import load_file, save_file

    from modelstitch.adoption.folder.ledger import LedgerEntry

    weights = load_file(copied / "model.safetensors")
    name = next(iter(weights))
    save_file({**weights, name: weights[name] * 1.5}, copied / "model.safetensors")
    text = manifest_text(sums(copied))
    (copied / MANIFEST).write_text(text)
    (first,) = read_ledger(copied / LEDGER)
    facts = {**first.facts, "manifest": sha256(text.encode()).hexdigest()}
    (copied / LEDGER).write_text(LedgerEntry(event="candidate", by="Ann", facts=facts).line)
    found = verify_candidate(copied, "Bo")
    assert found.checks[0].holds
    assert found.reason == "forms"
    assert found.checks[1].said.startswith("differ from model.pt2: model.safetensors by")
    assert "model.onnx" not in found.checks[1].said


def test_a_card_that_says_another_score_does_not_hold(copied: Path, digits: ms.Data) -> None:
    from hashlib import sha256

    from modelstitch.adoption.folder.ledger import LedgerEntry

    card = json.loads((copied / "card.json").read_text())
    card["score"][0] += 3 / 180
    (copied / "card.json").write_text(json.dumps(card))
    text = manifest_text(sums(copied))
    (copied / MANIFEST).write_text(text)
    (first,) = read_ledger(copied / LEDGER)
    facts = {**first.facts, "manifest": sha256(text.encode()).hexdigest()}
    (copied / LEDGER).write_text(LedgerEntry(event="candidate", by="Ann", facts=facts).line)
    found = verify_candidate(copied, "Bo", data=digits)
    assert found.reason == "score"
    assert found.checks[2].facts["examples_off"] == pytest.approx(3)


def test_from_the_command_line(copied: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["verify", str(copied), "--by", "ann ", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["result"], record["reason"], record["target"]) == ("holds", None, "candidate")
    # By the exporter's own name it is on record, and does not count for the stage adopted.
    assert "verify" in Road(read_ledger(copied / LEDGER)).lacks
    assert main(["verify", str(copied), "--by", "Bo"]) == 0
    assert "holds: files" in capsys.readouterr().out
    assert "verify" not in Road(read_ledger(copied / LEDGER)).lacks
    (copied / "run.py").write_text("")
    assert main(["verify", str(copied), "--by", "Bo", "--json"]) == 4
    record = json.loads(capsys.readouterr().out)
    assert (record["reason"], record["checks"][0]["changed"]) == ("files", ["run.py"])
    assert main(["stage", str(copied), "pilot", "--by", "Bo"]) == 2
    assert "changed: run.py" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    for words, message in (
        ([str(tmp_path / "none"), "--by", "Bo"], "expected a run folder or the folder of a candidate, got"),
        ([str(tmp_path / "empty"), "--by", "Bo"], "which holds neither run.sqlite nor the files"),
        ([str(copied), "--by", " "], "expected the name of a person"),
        ([str(copied), "--by", "Bo", "--public-key", "none.pem"], "a key or a certificate in 'none.pem'"),
    ):
        assert main(["verify", *words]) == 2
        printed = capsys.readouterr().err
        assert message in printed
        assert printed.count("\n") == 1


def test_data_that_cannot_be_read(
    exported: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "whole"
    shutil.copytree(exported.folder, folder)
    before = (folder / LEDGER).read_bytes()
    assert main(["verify", str(folder), "--by", "Bo", "--data", "nowhere/x.npz"]) == 2
    assert "nowhere/x.npz" in capsys.readouterr().err
    assert (folder / LEDGER).read_bytes() == before
