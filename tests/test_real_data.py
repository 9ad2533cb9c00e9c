"""Real images and weights trained by others; skipped where MODELSTITCH_DATA is not set."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from modelstitch.cli import main
from modelstitch.data.load import load_data
from modelstitch.specs import DataSpec

ROOT = Path(__file__).parent.parent


def test_the_parquet_set_is_read_whole(shared_data: Path) -> None:
    data = load_data(
        DataSpec(source=str(shared_data / "data" / "cifar10-jpeg"), limit=500, heldout_limit=200)
    )
    assert data.train.images.shape == (500, 3, 32, 32)
    assert data.train.images.dtype == torch.uint8
    assert data.classes[:3] == ("airplane", "automobile", "bird")
    assert data.train.labels.bincount().tolist() == [50] * 10
    assert data.division == "the files train*.parquet and test*.parquet"


@pytest.mark.slow
def test_foreign_resnets_through_the_command_line(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their accuracies are those of the files, and a late stitch works after a few steps."""
    monkeypatch.chdir(ROOT)
    arguments = [
        *("compare", "examples.cifar_resnet:resnet20", "examples.cifar_resnet:resnet32"),
        *("--sender-weights", str(shared_data / "weights" / "resnet20-12fca82f.th")),
        *("--receiver-weights", str(shared_data / "weights" / "resnet32-d509ac18.th")),
        *("--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225"),
        *("--data", str(shared_data / "data" / "cifar10-jpeg"), "--limit", "500"),
        *("--sender-cuts", "layer3.2", "--receiver-cuts", "layer3.4"),
        *("--controls", "none", "--evidence", "none", "--steps", "30", "--device", "cpu", "--json"),
    ]
    assert main(arguments) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["sender_accuracy"] == pytest.approx(0.8103, abs=0.002)
    assert result["receiver_accuracy"] == pytest.approx(0.8256, abs=0.002)
    assert result["facts"]["pair"]["cut_difference"] <= 1e-6
    (cell,) = result["cells"]
    assert cell["n_heldout"] == 10_000
    assert cell["score"] > 0.6


@pytest.mark.slow
def test_the_script_of_the_example_runs(shared_data: Path, tmp_path: Path) -> None:
    """As the documents show it, with options for a small run behind."""
    small = ["--limit", "60", "--heldout-limit", "40", "--steps", "1", "--evidence", "none"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [str(ROOT / "examples" / "cifar_resnet.sh"), "--out", str(tmp_path / "run"), *small],
        env={**os.environ, "PATH": path, "MODELSTITCH_DATA": str(shared_data), "PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "report.html").is_file()
