"""The commands of a page are commands that run."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import modelstitch as ms
from modelstitch.cli import main, read
from modelstitch.cli.compare import Compare
from modelstitch.report.recipes import recipes, stitch_words
from modelstitch.specs import DataSpec, FitSpec, ModelSpec, RunSpec, StitchSpec, View
from tests.made import run_spec


def spec_of(checkpoints: tuple[Path, Path]) -> RunSpec:
    view = View(size=(8, 8), channels=1, mean=(0.3,), std=(0.4,), range=(-0.25, 1.25))
    sender, receiver = (ModelSpec(source=str(path), view=view) for path in checkpoints)
    data = DataSpec(source="digits", limit=200)
    return run_spec(
        ["layers.0"], ["layers.2"], sender=sender, receiver=receiver, data=data, fit=FitSpec(steps=2)
    )


def filled(text: str, stitch: StitchSpec) -> str:
    shell, python = stitch_words(run_spec(["a"], ["b"], stitches=(stitch,)))[stitch.label]
    values = {
        "sender_cut": "layers.0",
        "receiver_cut": "layers.2",
        "sender_text": '"layers.0"',
        "receiver_text": '"layers.2"',
        "shell": shell,
        "python": python,
        "seed": "3",
    }
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def test_both_give_the_same_cell(checkpoints: tuple[Path, Path], tmp_path: Path) -> None:
    shell, python = recipes(spec_of(checkpoints))
    stitch = StitchSpec(family="lowrank", size=2)
    words = shlex.split(filled(shell, stitch))
    assert words[:2] == ["modelstitch", "compare"]
    out = tmp_path / "run"
    assert main([*words[1:], "--controls", "none", "--evidence", "none", "--out", str(out)]) == 0
    (cell,) = ms.load(out).cells
    assert (cell.sender_cut, cell.receiver_cut, cell.stitch, cell.seed) == (
        "layers.0",
        "layers.2",
        stitch.label,
        3,
    )
    space: dict[str, Any] = {}
    lines = filled(python, stitch).splitlines()
    exec("\n".join(lines[:-1]), space)
    assert space["stitched"].accuracy == cell.score


def test_what_was_given_in_memory_stands_by_its_role() -> None:
    spec = run_spec(["a"], ["b"], receiver=ModelSpec(source="zoo:R1111"))
    (python,) = recipes(spec)
    assert (
        "ms.stitch(\n    sender, {sender_text},\n    "
        "ms.ModelSpec(source='zoo:R1111'), {receiver_text},\n    data," in python
    )


def test_the_columns_stand_in_both() -> None:
    checkpoint = ModelSpec(source="a.safetensors")
    data = DataSpec(
        source="x.parquet", channels=3, label_column="a kind", input_column=("premise", "second, half")
    )
    shell, python = recipes(run_spec(["a"], ["b"], sender=checkpoint, receiver=checkpoint, data=data))
    words = shlex.split(shell.partition(" --sender-cuts")[0])
    command = read(words[1:])
    assert isinstance(command, Compare)
    assert (command.label_column, command.input_column) == (data.label_column, data.input_column)
    assert command.data_channels == 3
    assert "label_column='a kind', input_column=('premise', 'second, half')" in python


def test_a_framing_of_a_source_is_not_replaced_by_a_size_and_stands_in_python() -> None:
    view = View(size=(224, 224), mean=(0.5,), std=(0.5,), framing=("shorter 256", "crop 224x224"))
    whole = View(size=(224, 224), interpolation="bicubic")
    spec = RunSpec(
        sender=ModelSpec(source="timm:resnet18", view=view),
        receiver=ModelSpec(source="hf:name", view=whole),
        data=DataSpec(source="digits"),
        sender_cuts=("a",),
        receiver_cuts=("b",),
    )
    shell, python = recipes(spec)
    assert "--sender-size" not in shell
    assert "--sender-mean 0.5" in shell
    assert "--receiver-size 224" in shell
    assert "framing=('shorter 256', 'crop 224x224')" in python
    own = replace(spec, sender=ModelSpec(source="package.module:factory", view=view))
    assert len(recipes(own)) == 1
