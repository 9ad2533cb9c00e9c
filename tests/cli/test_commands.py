"""The commands as a user runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from PIL import Image

from modelstitch.cli import demo, main
from modelstitch.cli.options import memory
from modelstitch.data.parts import Data
from modelstitch.errors import SpecError
from modelstitch.models import zoo
from modelstitch.models.zoo import training
from modelstitch.models.zoo.checkpoint import Card
from modelstitch.models.zoo.resnet import SmallResNet
from modelstitch.specs import View
from modelstitch.specs.training import Recipe
from modelstitch.util.progress import SILENT

QUICK = ["--steps", "5", "--heldout-limit", "100", "--evidence-examples", "50", "--device", "cpu"]


@pytest.fixture
def pair(checkpoints: tuple[Path, Path]) -> list[str]:
    return [str(path) for path in checkpoints]


def test_compare_prints_the_matrix_and_names_the_files(
    pair: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    arguments = ["compare", *pair, "--cuts", "layers.1,layers.3", "--out", str(run), *QUICK]
    assert main(arguments) == 0
    printed = capsys.readouterr()
    assert "layers.1" in printed.out
    assert "whole receiver 0." in printed.out
    for name in ("matrix.png", "cells.csv", "cells.parquet", "verdicts.csv", "evidence.csv", "run.sqlite"):
        assert name in printed.out.replace("\n", "")
        assert (run / name).stat().st_size > 0
    assert "random control" in printed.out
    table = pd.read_csv(run / "cells.csv")
    assert len(table) == 20
    assert "verdicts" in printed.out
    assert "confidence): " in printed.out
    assert table.equals(pd.read_parquet(run / "cells.parquet").astype(table.dtypes))
    assert {"sender_cut", "receiver_cut", "family", "norm", "objective", "control", "seed"} < set(table)
    with Image.open(run / "matrix.png") as image:
        assert image.format == "PNG"
    assert main(arguments) == 0
    assert "20 of 20 cells were finished earlier" in capsys.readouterr().err


def test_json_is_alone_on_stdout(pair: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *pair, "--cuts", "layers.2", "--json", "--controls", "none", *QUICK]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["sender_accuracy"] > 0.8
    assert result["receiver_accuracy"] > 0.8
    (cell,) = result["cells"]
    assert (cell["sender_cut"], cell["receiver_cut"], cell["control"]) == ("layers.2", "layers.2", "trained")
    assert 0 <= cell["score"] <= 1


def test_several_label_sets_are_one_table_and_a_run_folder_each(
    pair: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["compare", *pair, "--cuts", "layers.4", "--labels", "finest,parity", *QUICK]
    common += ["--controls", "none", "--evidence", "none", "--out", str(tmp_path / "run")]
    assert main([*common, "--dry-run"]) == 0
    estimates = capsys.readouterr().out
    assert estimates.index("label set finest") < estimates.index("label set parity")
    assert not (tmp_path / "run").exists()
    assert main(common) == 0
    printed = capsys.readouterr().out
    assert "by label set" in printed
    assert "Each cell was tried for 2 label sets: 'finest', 'parity'." in printed
    table = pd.read_csv(tmp_path / "run" / "label-sets.csv")
    assert table["labels"].tolist() == ["finest", "parity"]
    assert table["n_labels"].tolist() == [10, 2]
    for name in ("finest", "parity"):
        assert (tmp_path / "run" / name / "report.html").is_file()
    assert main([*common, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)["label_sets"]
    assert result["parity"]["spec"]["data"]["labels"] == "parity"
    assert result["finest"]["spec"]["data"]["labels"] is None


def test_dry_run_counts_and_writes_nothing(
    pair: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["compare", *pair, "--out", str(tmp_path / "run"), "--dry-run", "--seeds", "0", "1", *QUICK]
    common += ["--controls", "random-sender"]
    assert main(common) == 0
    text = capsys.readouterr().out
    assert "cells:      100 (trained 50, random-sender 50)" in text
    assert ", of which evidence " in text
    assert "memory:" in text
    assert not (tmp_path / "run").exists()
    assert main([*common, "--json"]) == 0
    estimate = json.loads(capsys.readouterr().out)
    assert estimate["n_cells"] == 100
    assert 0 < estimate["seconds"] < 600
    assert 0 < estimate["evidence_seconds"] < 600
    assert 0 < estimate["drawn_seconds"] < 3 * estimate["seconds"]
    assert "for untrained senders, where more than the label comes across" in text
    assert main([*common[:-1], "self-stitch", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["drawn_seconds"] == 0  # nothing to compare with
    widths = [4, 4, 8, 16, 32]
    sizes = [8, 8, 4, 2, 1]
    by_hand = sum(
        a * b * (max(1, sizes[i] // sizes[j]) ** 2) + b
        for i, a in enumerate(widths)
        for j, b in enumerate(widths)
    )
    assert estimate["n_parameters"] == 4 * by_hand


def test_train_writes_a_checkpoint_that_explains_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "net.safetensors"
    options = ["--width", "4", "--epochs", "2", "--translate", "1", "--out", str(out), "--device", "cpu"]
    assert main(["train", "zoo:R1112", *options, "--json"]) == 0
    card = json.loads(capsys.readouterr().out)
    assert card["network"] == "R1112"
    assert card["arguments"] == {"width": 4, "classes": 10, "channels": 1}
    assert 0.1 < card["accuracy"] < 1
    assert main(["cuts", str(out)]) == 0
    listed = capsys.readouterr().out
    assert "layers.5" in listed
    assert "images 1 x 8 x 8" in listed


def test_cuts_of_a_network_of_the_zoo(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cuts", "zoo:R1111(width=4)"]) == 0
    assert "4 x 32 x 32" in capsys.readouterr().out


NO_SUCH = "no_such_module_xyz:build"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compare", "zoo:R1131", "zoo:R1111"], "unknown zoo network 'R1131': expected one of R1111"),
        (["compare", "resnet", "zoo:R1111"], "unknown model 'resnet': expected zoo:NAME"),
        (["compare", "x.safetensors", "zoo:R1111"], "model 'x.safetensors' does not exist"),
        (["compare", NO_SUCH, "zoo:R1111"], "cannot import 'no_such_module_xyz'"),
        (["compare", "zoo:R1111(widht=4)", "zoo:R1111"], "did you mean 'width'"),
        (["compare", "zoo:R1111(width=", "zoo:R1111"], "expected target(name=value, ...)"),
        (["compare", "PAIR", "--data", "digitz"], "unknown data 'digitz'"),
        (["compare", "PAIR", "--data", "/no/such/folder"], "no such file or folder"),
        (["compare", "PAIR", "--cuts", "layer.1"], "nearest legal cuts: layers.1"),
        (["compare", "PAIR", "--stitch", "afine"], "did you mean 'affine'"),
        (["compare", "PAIR", "--objective", "mach"], "did you mean 'match'"),
        (
            ["compare", "PAIR", "--objective", "task", "task"],
            "at least one objective, none twice, got task task",
        ),
        (["compare", "PAIR", "--stitch", "lowrank(0)"], "a size of at least 1 for the family lowrank, got 0"),
        (["compare", "PAIR", "--stitch", "conv(2"], "expected a stitch such as affine, lowrank(8)"),
        (["compare", "PAIR", "--ladder", "--stitch", "mlp"], "expected either --ladder or --stitch"),
        (["compare", "PAIR", "--channels", "2"], "cannot take inputs of shape (2, 8, 8)"),
        (["compare", "PAIR", "--sender-size", "0"], "expected image size > 0, got 0"),
        (["compare", "PAIR", "--norm", "layer"], "unknown norm 'layer'"),
        (["compare", "PAIR", "--controls", "shuffled"], "unknown control 'shuffled'"),
        (["compare", "PAIR", "--protocol", "papers"], "did you mean 'paper'"),
        (["compare", "PAIR", "--memory", "lots"], "expected a size such as 2GB"),
        (["compare", "PAIR", "--limit", "0"], "expected limit > 0, got 0"),
        (["train", "zoo:R1111", "--limit", "5"], "classes have no training example"),
        (["compare", "PAIR", "--device", "tpu9"], "cannot use device 'tpu9'"),
        (["compare", "PAIR", "--sender-weights", "none.pt"], "no weights file 'none.pt'"),
        (["train", "zoo:R1111", "--batch-size", "5000"], "at least one batch of 5000"),
        (["compare", "PAIR", "--labels", "party"], "unknown label set of data digits 'party'"),
        (["compare", "PAIR", "--labels", "parity,party"], "unknown label set of data digits 'party'"),
        (["compare", "PAIR", "--labels", "parity,parity"], "label sets without repeats, got parity, parity"),
        (
            ["compare", "PAIR", "--task", "retrieval", "--labels", "parity,finest"],
            "with the task classification alone, got retrieval",
        ),
        (["train", "zoo:R1111", "--rotations", "--flip", "True"], "expected no --flip True with --rotations"),
        (["train", "zoo:R9"], "unknown zoo network 'R9'"),
        (["train", "R1111"], "expected a network of the zoo"),
        (["train", "zoo:R1111", "--width", "0"], "expected width to be a whole number of at least 1"),
        (["cuts", "zoo:R1"], "unknown zoo network 'R1'"),
        (["cuts", "zoo:R1111", "--tokens", "8", "--shape", "3", "8"], "either --tokens or --shape"),
        (["cuts", "zoo:R1111", "--tokens", "0"], "expected lengths of an example > 0, got 0"),
        (
            ["compare", "PAIR", "--task", "regression"],
            "have no targets for the task regression: expected FILE.npz",
        ),
        (["compare", "PAIR", "--task", "regresion"], "did you mean 'regression'"),
    ],
)
def test_bad_input_is_one_line_and_code_2(
    arguments: list[str],
    message: str,
    pair: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    given = [each for word in arguments for each in (pair if word == "PAIR" else [word])]
    if given[0] == "compare":
        given += ["--out", "run"]
    assert main(given) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("modelstitch: ")
    assert message in last
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_run_folder_and_one_of_another_spec(
    pair: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    common = ["compare", *pair, "--cuts", "layers.4", "--controls", "none", *QUICK]
    assert main([*common, "--out", str(tmp_path / "file" / "run")]) == 2
    assert "cannot write folder" in capsys.readouterr().err
    run = ["--out", str(tmp_path / "run")]
    assert main([*common, *run]) == 0
    before = (tmp_path / "run" / "cells.csv").read_bytes()
    capsys.readouterr()
    assert main([*common, *run, "--learning-rate", "0.5"]) == 2
    assert "its learning rate is 0.1, this one's 0.5" in capsys.readouterr().err
    assert main(["compare", pair[1], *common[2:], *run]) == 2
    assert "its sender is R1111 (width 4, seed 0) (weights" in capsys.readouterr().err
    assert (tmp_path / "run" / "cells.csv").read_bytes() == before


def test_a_truth_check_that_fails_is_code_4(
    pair: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["compare", *pair, "--cuts", "layers.3", "--controls", "none", *QUICK]
    run = tmp_path / "run"
    assert main([*common, "--out", str(run)]) == 0
    (file,) = (run / "stitches").iterdir()
    file.write_bytes(file.read_bytes()[:-8])
    capsys.readouterr()
    assert main([*common, "--out", str(run)]) == 4
    assert "do not believe this run: cannot read the stitch file" in capsys.readouterr().err


def test_cells_that_diverge_are_recorded_and_code_3(
    pair: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "compare",
        *pair,
        "--cuts",
        "layers.2",
        "layers.3",
        "--protocol",
        "paper",
        "--controls",
        "none",
    ]
    assert main([*arguments, "--learning-rate", "1e30", "--out", str(tmp_path), *QUICK]) == 3
    printed = capsys.readouterr()
    assert "4 of 4 cells failed, the first is layers.2 -> layers.2 (trained): loss" in printed.err
    table = pd.read_csv(tmp_path / "cells.csv")
    assert table["score"].isna().all()
    assert table["failure"].str.startswith("loss").all()


@pytest.mark.parametrize(("text", "expected"), [("0MB", 0), ("1.5gb", 1_500_000_000), ("3 KB", 3000)])
def test_memory_sizes(text: str, expected: int) -> None:
    assert memory(text) == expected


@pytest.mark.parametrize("text", ["2", "GB", "-1GB", "nanGB", "2 XB", ""])
def test_other_sizes_are_refused(text: str) -> None:
    with pytest.raises(SpecError, match="expected a size"):
        memory(text)


def test_a_reader_who_leaves_early_is_no_error() -> None:
    command = f"{sys.executable} -m modelstitch compare --help | head -2"
    done = subprocess.run(command, shell=True, check=True, capture_output=True, text=True)
    assert "SENDER RECEIVER" in done.stdout
    assert done.stderr == ""


@pytest.mark.slow
def test_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The main job at the first and the last of its cuts: every answer that a verdict can give.

    ``benchmarks/whole_demo.py`` holds the whole of it to the same, and its memory.
    """
    run = tmp_path / "demo"
    first, last = demo.CUTS[0], demo.CUTS[-1]
    monkeypatch.setattr(demo, "CUTS", (first, last))
    monkeypatch.setattr(demo, "EVIDENCE", ("kept",))  # what a verdict reads
    assert main(["demo", "--out", str(run)]) == 0
    printed = capsys.readouterr().out
    table = pd.read_csv(run / "cells.csv")
    assert table.groupby("control").size().to_dict() == dict.fromkeys(("trained", *demo.CONTROLS), 4)
    judged = pd.read_csv(run / "verdicts.csv").set_index(["control", "sender_cut", "receiver_cut"])
    answers = judged.loc["trained"][["name", "learnt"]].apply(tuple, axis=1).to_dict()
    assert answers == {
        (first, first): ("interchangeable", "not learnt"),
        (first, last): ("incompatible", "not asked"),
        (last, first): ("decodable only", "not asked"),
        (last, last): ("partly", "learnt"),
    }
    assert judged.loc[("self-stitch", last, last), "name"] == "interchangeable"
    assert "Verdicts: " in printed
    assert "Planted senders are judged by the same rule" in printed
    real = table[table.control == "trained"]
    assert (real.sender_score >= 0.75).all()
    assert (real.receiver_score >= real.sender_score + 0.05).all()
    with Image.open(run / "matrix.png") as image:
        assert image.size[0] > 1000


def test_the_demo_trains_no_network_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = []

    def train(name: str, data: Data, recipe: Recipe, width: int, start: SmallResNet | None) -> Any:
        module = zoo.build(name, width=width, classes=len(data.classes), channels=1)
        trained.append((len(data.train), start is None))
        view = View(size=(10, 20), channels=1)
        arguments = {"width": width, "classes": len(data.classes), "channels": 1}
        return module, Card(network=name, arguments=arguments, view=view, seed=recipe.seed), None

    monkeypatch.setattr(training, "train_network", train)
    old, new = demo.Demo(out=tmp_path)._networks(SILENT)
    assert trained == [(demo.N_OLD, True), (6000, False)]
    demo.Demo(out=tmp_path)._networks(SILENT)
    assert len(trained) == 2
    demo.Demo(out=tmp_path, seed=3)._networks(SILENT)
    assert len(trained) == 4
    assert (old.name, new.name) == ("old.safetensors", "new.safetensors")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 1 TiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] data. DefaultCPUAllocator: can't allocate memory"),
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    ],
)
def test_no_memory_left_is_one_line_and_another_error_stays_one(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from modelstitch.cli.compare import Compare

    def run(self: Compare) -> bool:
        raise error

    monkeypatch.setattr(Compare, "run", run)
    assert main(["compare", "a", "b"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("modelstitch: not enough memory (")
    assert "--limit" in line
    error = RuntimeError("a bug")
    with pytest.raises(RuntimeError, match="a bug"):
        main(["compare", "a", "b"])
