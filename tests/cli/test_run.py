"""``modelstitch run``: many models from a file; resumed, grown, refused, watched and killed."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

import modelstitch as ms
from modelstitch.cli import main
from modelstitch.errors import RunError
from modelstitch.runs.live import LivePages
from modelstitch.runs.store import FinishedCell, Store
from tests.cli.test_interruption import start_and_stop
from tests.made import cell_row
from tests.runs.made import HEADER

SHORT = """
controls = ["self-stitch"]
[data]
source = "digits"
limit = 200
heldout_limit = 100
[cuts]
both = ["layers.2"]
[fit]
steps = 2
[evidence]
kinds = []
"""


def file_of(folder: Path, models: Mapping[str, Path | str], pairs: str, choices: str = SHORT) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "nets.toml"
    tables = "".join(f"[[models]]\nname = {name!r}\nsource = '{at}'\n" for name, at in models.items())
    path.write_text(f"pairs = {pairs}\n{choices}{tables}", encoding="utf-8")
    return path


def cells(home: Path) -> dict[tuple[str, str], Any]:
    """Return score and time of each cell by pair and key."""
    connection = sqlite3.connect(home / "run.sqlite")
    rows = connection.execute("SELECT name, key, score, finished_at FROM cells JOIN pairs USING (pair)")
    found = {(name, key): (score, at) for name, key, score, at in rows}
    connection.close()
    return found


@pytest.mark.slow
def test_an_experiment_from_its_file_to_its_page(
    checkpoints: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two = dict(zip("ab", checkpoints, strict=True))
    file = file_of(tmp_path / "x", two, "[['a', 'a'], ['a', 'b']]")
    home = tmp_path / "x" / "nets"
    assert main(["run", str(file), "--device", "cpu", "--dry-run", "--json"]) == 0
    cost = json.loads(capsys.readouterr().out)
    assert (cost["n_models"], cost["n_pairs"], cost["cells"]) == (2, 2, {"trained": 2, "self-stitch": 2})
    assert min(cost["seconds"], cost["disk_bytes"], cost["memory_bytes"]) > 0
    assert not home.exists()

    assert main(["run", str(file), "--device", "cpu"]) == 0
    first = cells(home)
    assert len(first) == 4
    found = ms.load(home)
    assert isinstance(found, ms.Comparisons)
    assert list(found) == [("a", "a"), ("a", "b")]
    assert (home / "experiment.toml").read_text(encoding="utf-8") == file.read_text(encoding="utf-8")
    # A model into itself is its self-stitch.
    own = {row.control: row.score for row in found["a", "a"].cells}
    assert own["trained"] == own["self-stitch"] == found.similarity("score").sel(sender="a", receiver="a")
    page = (home / "report.html").read_text(encoding="utf-8")
    assert all(f'href="{pair}/report.html"' in page for pair in ("a-into-a", "a-into-b"))
    assert ms.load(home / "a-into-a") == found["a", "a"]

    # It goes on: nothing is fitted again, and a further model adds its pair.
    third = file_of(tmp_path / "x", {**two, "c": checkpoints[0]}, "[['c', 'b']]")
    assert main(["run", str(third), "--device", "cpu"]) == 0
    grown = cells(home)
    assert first.items() <= grown.items()
    assert len(grown) == 4 + 2
    scores = {pair: [score for (name, _), (score, _) in grown.items() if name == pair] for pair, _ in grown}
    assert sorted(scores["c-into-b"]) == sorted(scores["a-into-b"])  # the same weights by another name
    capsys.readouterr()
    assert main(["status", str(home), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["done"], said["left"], said["ended"], len(said["pairs"])) == (6, 0, 3, 3)

    live = LivePages(home)
    whole = live.get("/") or ""
    assert "3 of 3 pairs have ended; 6 cells done" in whole
    assert 'http-equiv="refresh"' in whole
    assert "layers.2" in (live.get("/c-into-b/report.html") or "")
    assert [live.get(path) for path in ("/run.sqlite", "/x/report.html", "/../report.html")] == [None] * 3

    other = SHORT.replace("limit = 200", "limit = 190", 1)
    for models, pairs, choices, message in (
        (two, "'all'", other, "pair a-into-a was run before with other .*choose another folder"),
        ({"d": checkpoints[0], "e": checkpoints[1]}, "'all'", other, "is that of another experiment"),
        ({"a": checkpoints[1], "b": checkpoints[0]}, "'all'", SHORT, "with other .*weights"),
        ({"a": "zoo:R1111"}, "'all'", SHORT, r"untrained network for a: give .*\[train\]"),
    ):
        refused = file_of(tmp_path / "x", models, pairs, choices)
        assert main(["run", str(refused), "--device", "cpu"]) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        with pytest.raises(AssertionError, match=message):
            raise AssertionError(error)
        assert cells(home) == grown


@pytest.mark.slow
def test_networks_are_trained_once_and_a_killed_experiment_loses_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = "[train]\nepochs = 2\nlimit = 200\nbatch_size = 50\ntranslate = 1\nflip = false\n"
    nets = {"a": "zoo:R1111(width=4)", "b": "zoo:R1111(width=4)"}
    choices = SHORT.replace('["layers.2"]', '["layers.1", "layers.2", "layers.3"]').replace("= 2\n", "= 9\n")
    file = file_of(tmp_path, nets, "[['a', 'b']]", choices + train)
    home = tmp_path / "nets"
    words = ["run", str(file), "--device", "cpu", "--allow-untrained"]
    code, _ = start_and_stop(words, home, 3, signal.SIGKILL)
    assert code == -signal.SIGKILL
    killed = cells(home)
    assert 3 <= len(killed) < 18
    trained = {path: path.read_bytes() for path in (home / "models").iterdir()}
    assert len(trained) == 2
    assert main(words) == 0
    assert killed.items() <= cells(home).items()
    assert {path: path.read_bytes() for path in trained} == trained
    assert main([*words, "--out", str(tmp_path / "straight")]) == 0
    straight = {key: score for key, (score, _) in cells(tmp_path / "straight").items()}
    assert {key: score for key, (score, _) in cells(home).items()} == straight
    capsys.readouterr()
    file.write_text(file.read_text(encoding="utf-8").replace("epochs = 2", "epochs = 3"), encoding="utf-8")
    assert main(words) == 2
    assert "by another recipe or on other images" in capsys.readouterr().err


def test_the_cells_of_a_unit_are_stored_together_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = torch.arange(8.0)
    unit = [
        FinishedCell(
            f"{n}" * 64, cell_row(sender_cut=cut, receiver_cut="x"), {"w": shared[4 * n : 4 * n + 4]}
        )
        for n, cut in enumerate("ab")
    ]
    with Store(tmp_path, HEADER) as store:
        with monkeypatch.context() as patched:
            patched.setattr("modelstitch.runs.store.note_file", lambda *_: 1 / 0)  # killed after the file
            with pytest.raises(ZeroDivisionError):
                store.write_cells(unit)
        assert store.finished() == set()
        store.write_cells(unit)
        assert store.finished() == {"0" * 64, "1" * 64}
        assert [store.read_weights(cell.key)["w"].tolist() for cell in unit] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert len(list((tmp_path / "stitches").iterdir())) == 1
    with sqlite3.connect(tmp_path / "run.sqlite") as connection:  # as a stranger may have written it
        connection.execute("UPDATE cells SET stitch_file = '../../secret.safetensors'")
    connection.close()
    with (
        Store(tmp_path, HEADER) as store,
        pytest.raises(ms.TruthError, match="a stitch file of this"),
    ):
        store.read_weights("0" * 64)


def test_a_plan_that_is_damaged_is_refused(tmp_path: Path) -> None:
    from modelstitch.runs.experiment import read_plan

    for text in ("", "[]", '{"cells": 3}', '{"cells": {"a": "x"}}'):
        (tmp_path / "plan.json").write_text(text, encoding="utf-8")
        with pytest.raises(RunError, match="cannot read .*damaged"):
            read_plan(tmp_path)
