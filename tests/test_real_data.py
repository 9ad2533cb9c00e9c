"""Real images and weights trained by others; skipped where MODELSTITCH_DATA is not set."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from published_weights import LEAST, RECEIVER, SENDER, arguments
from torch import nn

from modelstitch.cli import main
from modelstitch.data.load import load_data
from modelstitch.data.parts import DataPart
from modelstitch.specs import DataSpec

ROOT = Path(__file__).parent.parent
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def test_the_parquet_set_is_read_whole(shared_data: Path) -> None:
    data = load_data(
        DataSpec(source=str(shared_data / "data" / "cifar10-jpeg"), limit=500, heldout_limit=200)
    )
    assert data.train.images.shape == (500, 3, 32, 32)
    assert data.train.images.dtype == torch.uint8
    assert data.classes[:3] == ("airplane", "automobile", "bird")
    assert data.train.labels.bincount().tolist() == [50] * 10
    assert data.division == "the files train*.parquet and test*.parquet"


def accuracy_in_plain_pytorch(module: nn.Module, weights: Path, part: DataPart) -> float:
    """Score a network as its author would, without modelstitch."""
    state = torch.load(weights, map_location="cpu", weights_only=True)["state_dict"]
    module.load_state_dict({name.removeprefix("module."): value for name, value in state.items()})
    mean, std = (torch.tensor(each)[:, None, None] for each in (MEAN, STD))
    with torch.inference_mode():
        outputs = [module.eval()((some / 255 - mean) / std) for some in part.images.split(250)]
    return float((torch.cat(outputs).argmax(1) == part.labels).float().mean())


@pytest.mark.slow
def test_foreign_resnets_through_the_command_line(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They score as in plain PyTorch and as published, and a late stitch works after a few steps.

    ``benchmarks/published_weights.py`` asks the same of all 10,000 images, to the third decimal.
    """
    monkeypatch.chdir(ROOT)
    assert main(arguments(shared_data, "--heldout-limit", "1000")) == 0
    result = json.loads(capsys.readouterr().out)
    source = str(shared_data / "data" / "cifar10-jpeg")
    part = load_data(DataSpec(source=source, limit=500, heldout_limit=1000)).heldout
    models = importlib.import_module("examples.cifar_resnet")
    for role, module, weights, published in (
        ("sender", models.resnet20(), "resnet20-12fca82f.th", SENDER),
        ("receiver", models.resnet32(), "resnet32-d509ac18.th", RECEIVER),
    ):
        plain = accuracy_in_plain_pytorch(module, shared_data / "weights" / weights, part)
        assert result[f"{role}_accuracy"] == pytest.approx(plain, abs=1e-6)
        assert plain == pytest.approx(published, abs=0.03)
    assert result["facts"]["pair"]["cut_difference"] <= 1e-6
    (cell,) = result["cells"]
    assert cell["n_heldout"] == 1000
    assert cell["score"] > LEAST


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
