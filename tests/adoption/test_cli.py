"""``modelstitch export`` as a user runs it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import modelstitch as ms
from modelstitch.cli import main
from modelstitch.results.comparison import Comparison

CELL = ["--sender-cut", "layers.0", "--receiver-cut", "layers.2", "--by", "Ann"]


@pytest.fixture
def run(small_run: tuple[Comparison, Path]) -> str:
    return str(small_run[1])


def test_a_cell_of_a_run_is_exported(run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "candidate"
    arguments = ["export", run, *CELL, "--stitch", "affine", "--out", str(out), "--accept-risk", "a test"]
    assert main([*arguments, "--json"]) == 0
    card = json.loads(capsys.readouterr().out)
    assert (card["exported_by"], card["accepted_risk"]) == ("Ann", "a test")
    assert [one["form"] for one in card["forms"]] == ["model.pt2", "model.safetensors", "model.onnx"]
    # Of the sender the first layer alone is used, of the receiver all but the first three.
    assert card["sender"]["used"].startswith("44 of ")
    assert card["sender"]["files"].keys() == {"seed0.safetensors"}
    assert ms.load_stitched(out).spec.cell["stitch"] == "affine"
    assert main(arguments) == 2
    assert "exists: expected the name of a new folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([], "expected one fit of layers.0 -> layers.2, got 2: stitch affine, seed 0"),
        (["--stitch", "conv(3)"], "unknown stitch of layers.0 -> layers.2 'conv(3)'"),
        (["--seed", "7"], "unknown seed of layers.0 -> layers.2 '7'"),
        (["--sender-cut", "layers.1"], "unknown sender cut of this run 'layers.1'"),
        (["--by", ""], "expected the name of a person or a team"),
        (["--margin", "2"], "expected a margin between 0 and 1"),
        (["--sign-certificate", "a.pem"], "expected a private key beside the certificates"),
        (["--sign-key", "none.pem"], "expected a key or a certificate in 'none.pem'"),
    ],
)
def test_bad_input_is_one_line(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: list[str], message: str
) -> None:
    assert main(["export", run, *CELL, "--out", str(tmp_path / "new"), *changes]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_saved_comparison_holds_no_stitches(
    small_run: tuple[Comparison, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_run[0].save(tmp_path / "run.json")
    assert main(["export", str(tmp_path / "run.json"), *CELL, "--out", str(tmp_path / "new")]) == 2
    assert "by result.stitched(...).export(...)" in capsys.readouterr().err
    shutil.copytree(small_run[1], tmp_path / "run")
    (tmp_path / "run" / "run.sqlite").unlink()
    assert main(["export", str(tmp_path / "run"), *CELL, "--out", str(tmp_path / "new")]) == 2
    assert "no run in" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
