"""The shell as people expect it: files of a run, JSON and exit codes for programs, help, refusals."""

from __future__ import annotations

import json
import shlex
import tomllib
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import modelstitch as ms
from modelstitch.cli import COMMANDS, command_schemas, main, read
from modelstitch.cli.help import EXAMPLES, GROUPS, USUAL, group_of, help_of
from modelstitch.cli.help_texts import is_positional, option_of
from modelstitch.cli.refused import RefusedWordsError
from modelstitch.cli.result_json import schema, text_of
from modelstitch.report.beyond import BeyondRun
from modelstitch.report.commands import _CHANGES, command_of
from modelstitch.results.comparison import Comparison
from modelstitch.results.facts import BySide, WholeScore
from modelstitch.wording import say

ROOT = Path(__file__).parents[2]
NET = "zoo:R1111(width=1,channels=1)"
QUICK = ["--cuts", "layers.4", "--controls", "none", "--evidence", "none", "--steps", "1", "--limit", "60"]
QUICK += ["--heldout-limit", "60", "--device", "cpu"]


@pytest.fixture(scope="module")
def made(checkpoints: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder above a run of one cell, called run."""
    home = tmp_path_factory.mktemp("front")
    pair = [str(path) for path in checkpoints]
    places = ["--out", str(home / "run"), "--save-config", str(home / "c.toml")]
    assert main(["compare", *pair, *QUICK, "--names", "old,new", *places]) == 0
    return home


def again(made: Path, out: Path, *more: str, config: str = "run/run.toml") -> int:
    """Repeat the run by a file of it; return the exit code."""
    return main(["compare", "--config", str(made / config), "--out", str(out), "--device", "cpu", *more])


def test_the_run_folder_and_the_saved_file_repeat_the_command(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = ms.load(made / "run")
    held = tomllib.loads((made / "run" / "run.toml").read_text(encoding="utf-8"))
    assert [one["name"] for one in held["models"]] == ["old", "new"]
    assert (first.sender, first.receiver) == ("old", "new")
    assert held["fit"] == {"steps": 1}
    for name, config in (("a", "run/run.toml"), ("b", "c.toml")):
        assert again(made, tmp_path / name, config=config) == 0
        other = ms.load(tmp_path / name)
        assert (other.sender, other.receiver) == ("old", "new")
        assert other.spec == first.spec
        assert [cell.score for cell in other.cells] == [cell.score for cell in first.cells]
    # The same folder goes on by its own file.
    capsys.readouterr()
    assert again(made, made / "run") == 0
    assert "1 of 1 cells were finished earlier" in capsys.readouterr().err


def changed(run: Comparison, key: str) -> Comparison:
    """Return the run as one in which an advice has something to change."""
    if key in ("advice.wide", "advice.few_in_classes"):
        return replace(run, cells=tuple(replace(cell, n_heldout=60) for cell in run.cells))
    return run


@pytest.mark.parametrize("key", _CHANGES)
def test_every_command_of_the_advice_runs(key: str, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made)
    run = ms.load(made / "run")
    beyond = BeyondRun.of_run(run, made / "run")
    step = say("advice.failed", n=1)
    step.key = key
    command = command_of(step, changed(run, key), beyond)
    words = shlex.split(command)
    assert words[:2] == ["modelstitch", "compare"]
    # What is advised is asked of the command itself; what it costs is left to other tests.
    grows = words[-1] == "run"
    assert (words[-1] == "run-2") != grows
    small = ["--device", "cpu", "--dry-run"]
    assert main([*words[1:], *small]) == 0


def test_a_command_allows_what_its_run_allowed(made: Path) -> None:
    run = ms.load(made / "run")
    beyond = BeyondRun.of_run(run, made / "run")
    step = say("next.seeds", n=3)
    assert "--allow-untrained" not in command_of(step, run, beyond)
    guessing = WholeScore(score=0.1, low=0.05, high=0.2, n=60, chance=0.1)
    pair = replace(run.facts.pair, own=BySide(None, guessing))
    untrained = replace(run, facts=replace(run.facts, pair=pair))
    assert "--allow-untrained" in shlex.split(command_of(step, untrained, beyond))


def test_a_run_of_modules_in_memory_has_no_command(made: Path) -> None:
    run = ms.load(made / "run")
    given = replace(run, spec=replace(run.spec, sender=replace(run.spec.sender, source="Net (sender)")))
    assert not BeyondRun.of_run(given, made / "run").repeats
    assert command_of(say("next.seeds", n=3), run, BeyondRun(run="run")) == ""


def test_the_schema_is_published_and_holds_results_and_errors(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (ROOT / "docs" / "result.schema.json").read_text(encoding="utf-8") == text_of(schema())
    published = json.loads((ROOT / "docs" / "commands.schema.json").read_text(encoding="utf-8"))
    assert published == command_schemas.schemas()
    with_json = {
        name for name, row in COMMANDS.items() if "json" in {one.name for one in fields(row.command)}
    }
    assert {*command_schemas.ENTRIES, "compare"} == with_json
    check = jsonschema.Draft202012Validator(schema())
    check.check_schema(schema())
    capsys.readouterr()
    assert again(made, made / "run", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    check.validate(told)
    assert told["recommendation"]["word"] == "undecided"
    assert {"text", "command"} == set(told["recommendation"]["next"][0])
    assert any("No control was run" in text for text in told["warnings"])
    assert told["timings"]["seconds"] > 0
    broken = {**told, "recommendation": {**told["recommendation"], "word": "maybe"}}
    assert not check.is_valid(broken)
    assert not check.is_valid({name: value for name, value in told.items() if name != "verdicts"})
    for words in (
        ["compare", "a", "b", "--json"],
        ["compare", "a", "b", "--seeds", "x", "--json"],
        ["cuts", "no", "--json"],
    ):
        assert main(words) == 2
        printed = capsys.readouterr()
        error = json.loads(printed.out)
        check.validate(error)
        if words[0] != "compare":
            jsonschema.Draft202012Validator(command_schemas.schema_of(words[0])).validate(error)
        assert printed.err.strip() == f"modelstitch: {error['error']['message']}"
        assert error["error"]["exit_code"] == 2
    assert again(made, made / "run", "--fail-unless", "pilot") == 3
    assert main(["status", str(made / "run"), "--fail-unless", "pilot"]) == 3
    assert main(["status", str(made / "run"), "--fail-unless", "adopted"]) == 2


def every_option() -> list[tuple[str, Any]]:
    return [
        (command, one)
        for command, row in COMMANDS.items()
        for one in fields(row.command)
        if not is_positional(one)
    ]


def test_the_usual_options_come_first_and_all_stand_in_a_group(capsys: pytest.CaptureFixture[str]) -> None:
    for command, row in COMMANDS.items():
        short, long = (help_of(command, row.command, everything=each) for each in (False, True))
        names = [option_of(one) for of, one in every_option() if of == command]
        usual = USUAL.get(command)
        for name in names:
            assert f"\n  {name}" in long
        assert short.splitlines()[-3:] == ["examples:", *(f"  {line}" for line in EXAMPLES[command])]
        if usual is not None:
            assert set(usual) <= {one.name for one in fields(row.command)}
            assert len(usual) <= 10
            shown = [line.split()[0] for line in short.splitlines() if line.startswith("  --")]
            assert len(shown) == len(usual) + 1
            order = [long.index(f"\n{group}:") for group in GROUPS if f"\n{group}:" in long]
            assert order == sorted(order)
            assert len(order) > 1
    for option in ("size", "sender_mean", "limit", "cuts", "stitch", "epochs", "controls", "out", "json"):
        assert group_of(option) in GROUPS
    with pytest.raises(SystemExit) as stop:
        read(["compare", "a", "--help-all"])
    assert stop.value.code == 0
    assert "\nevidence:\n" in capsys.readouterr().out


@pytest.mark.parametrize("line", [line for pair in EXAMPLES.values() for line in pair])
def test_the_examples_of_the_help_are_commands(line: str) -> None:
    words = shlex.split(line)[1:]
    assert isinstance(read(words), COMMANDS[words[0]].command)


@given(st.sampled_from(every_option()), st.data())
def test_a_mistyped_option_is_one_line_with_the_nearest(
    option: tuple[str, Any], drawn: st.DataObject
) -> None:
    command, one = option
    name = option_of(one)
    at = drawn.draw(st.integers(3, len(name) - 1))
    typed = name[:at] + name[at + 1 :] if drawn.draw(st.booleans()) else name[:at] + "x" + name[at:]
    known = {option_of(other) for of, other in every_option() if of == command}
    if typed in known or len(name) < 6:
        return
    with pytest.raises(RefusedWordsError) as refused:
        read([command, "a", typed])
    assert f"unknown option {typed} of {command}" in refused.value.message
    assert "\n" not in refused.value.message


WRONG = [
    (["comparee", "a"], "did you mean 'compare'"),
    (["compare"], "expected a sender and a receiver, or --config FILE.toml, got none"),
    (["compare", "a"], "got 'a' alone"),
    (["compare", NET, NET, "c"], "expected no further argument, got c"),
    (["compare", NET, NET, "--limit"], "expected a value behind --limit, got none"),
    (["compare", NET, NET, "--limit", "ten"], "--limit: expected a whole number, got 'ten'"),
    (["compare", NET, NET, "--seeds", "a"], "--seeds: expected INT, got 'a'"),
    (["compare", NET, NET, "--keep", "gpu"], "--keep: expected one of auto, device, host, disk, recompute"),
    (["export", "run", "--sender-cut", "a"], "expected --receiver-cut, --out, --by, got none"),
    (["verify", "run"], "expected --by, got none"),
    (["compare", NET, NET, "--memory", "4"], "the unit is missing, write 4GB for gigabytes or 4MB"),
    (["compare", NET, NET, "--memory", "4G"], "write 4GB"),
    (["compare", NET, NET, "--memory", "4 gib"], "write 4GB"),
    (["compare", NET, NET, "--device", "cuda:x"], "expected auto, cpu or cuda"),
    (
        ["compare", NET, NET, "--out", "text.txt"],
        "'text.txt' is a file, no folder: give another place with --out",
    ),
    (["compare", NET, NET, "--out", "text.txt/run"], "'text.txt' is a file, no folder"),
    (["reuse", NET, NET, "--out", "text.txt/run"], "is a file, no folder"),
    (["demo", "--out", "text.txt"], "is a file, no folder"),
    (["compare", "--config", "c.tom"], "no such file; did you mean 'c.toml'?"),
    (["compare", "--config", "flat"], "it is a folder"),
    (["compare", NET, NET, "--save-config", "text.txt/c.toml"], "give another place with --save-config"),
    (["compare", NET, NET, "--fail-unless", "leave"], "--fail-unless: expected one of pilot, got 'leave'"),
    (
        ["compare", NET, NET, "--data", "flat"],
        "its 2 files lie in no folder of a class (.png 2): expected one folder",
    ),
    (["compare", NET, NET, "--data", "flat"], "the labels of labels.csv are not read"),
    (["compare", NET, NET, "--data", "flat/labels.csv"], "write the table as FILE.parquet"),
    (["compare", NET, NET, "--data", "./flt"], "no such file or folder; did you mean 'flat'?"),
    (["compare", NET, NET, "--data", "empty"], "the folder holds nothing"),
    (["compare", NET, NET, "--data", "name.npz"], "did you mean 'names.npz'?"),
    (["compare", NET, NET, "--data", "gone/a.parquet"], "there is no folder 'gone'"),
    (["compare", NET, NET, "--data", "objects.npz"], "the array 'y' holds Python objects"),
    (
        ["compare", NET, NET, "--data", "odd.npz"],
        "got ['features', 'outcome'] (features is float32 of shape (6, 5)",
    ),
    (["compare", NET, NET, "--data", "odd.npz", "--label-column", "outcom"], "did you mean 'outcome'?"),
    (["compare", NET, NET, "--data-classes", "names.tx"], "no such file; did you mean"),
    (["compare", NET, NET, "--sender-weights", "net.pt"], "no weights file 'net.pt'; this folder holds"),
    (["compare", NET, NET, "--sender-weights", "flat"], "it is a folder; the folder 'flat' holds"),
    (["compare", "net.safetensors", NET], "does not exist; this folder holds"),
    (["report", "rum"], "no run folder or saved comparison at 'rum'"),
    (["report", "empty"], "no run in 'empty'"),
    (["figures", "text.txt"], "this is no JSON"),
    (["reuse", NET, NET, "--prices", "price.toml"], "cannot read the prices 'price.toml': no such file; did"),
    (["cuts", "net.safetensors"], "does not exist"),
    (["train", "zoo:R1111", "--device", "cuda:x"], "expected auto, cpu or cuda"),
    (["status", "nothing"], "which is no folder"),
    (["pilot", "empty"], "no candidate in 'empty'"),
    (["monitor", "empty", "--data", "x"], "no candidate in 'empty'"),
    (["selftest", "--bogus"], "unknown option --bogus of selftest"),
]


@pytest.fixture(scope="module")
def wrong_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files that are no data, and with some that nearly are."""
    home = tmp_path_factory.mktemp("wrong")
    for name in ("flat", "empty"):
        (home / name).mkdir()
    for index in range(2):
        Image.new("L", (4, 4)).save(home / "flat" / f"{index}.png")
    for name in ("text.txt", "c.toml", "names.txt", "flat/labels.csv"):
        (home / name).write_text("a", encoding="utf-8")
    x, y = np.zeros((6, 5), np.float32), np.array(["a", "b"] * 3)
    np.savez(home / "names.npz", x=x, y=y)
    np.savez(home / "objects.npz", x=x, y=y.astype(object))
    np.savez(home / "odd.npz", features=x, outcome=np.arange(6))
    return home


@pytest.mark.parametrize(("words", "message"), WRONG)
def test_a_wrong_input_is_one_line_that_says_what_to_do(
    words: list[str],
    message: str,
    wrong_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(wrong_folder)
    before = sorted(path.name for path in wrong_folder.rglob("*"))
    assert main(words) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("modelstitch: ")]
    assert len(said) == 1
    assert message in said[0]
    assert sorted(path.name for path in wrong_folder.rglob("*")) == before


def test_other_names_of_arrays_are_read(tmp_path: Path) -> None:
    x, y = np.arange(60, dtype=np.float32).reshape(12, 5), np.array(["cat", "dog"] * 6)
    np.savez(tmp_path / "a.npz", features=x, labels=y)
    data = ms.load_data(ms.DataSpec(source=str(tmp_path / "a.npz")))
    assert (data.classes, len(data.train), len(data.heldout)) == (("cat", "dog"), 8, 4)
    np.savez(tmp_path / "b.npz", train_images=x, train_labels=y, test_images=x[:4], test_labels=y[:4])
    named = ms.load_data(ms.DataSpec(source=str(tmp_path / "b.npz")))
    assert (len(named.train), len(named.heldout), named.classes) == (12, 4, ("cat", "dog"))
