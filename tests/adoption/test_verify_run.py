"""A run that is checked again: every damage is named, and scores and fits come out as they were."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import modelstitch as ms
from modelstitch.adoption.verify import finished_run
from modelstitch.adoption.verify.finished_run import SampleSpec, sampled, verify_run
from modelstitch.adoption.verify.run_files import files_check, read_database, rows_check
from modelstitch.cli import main
from modelstitch.errors import RunError, SpecError
from modelstitch.runs.reader import read_run
from modelstitch.runs.session import Session
from modelstitch.runs.store import Store

ALL = SampleSpec(n=100)


@pytest.fixture(scope="module")
def finished(checkpoints: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with two controls and one kind of evidence, beside copies of its networks."""
    folder = tmp_path_factory.mktemp("verified")
    sender, receiver = (folder / path.name for path in checkpoints)
    for path, own in zip(checkpoints, (sender, receiver), strict=True):
        shutil.copyfile(path, own)
    ms.compare(
        str(sender),
        str(receiver),
        "digits",
        out=folder / "run",
        sender_cuts=["layers.0", "layers.2"],
        receiver_cuts="layers.2",
        fit=ms.FitSpec(steps=2),
        controls=("one-hot", "random-sender"),
        evidence=("errors",),
        allow_untrained=True,
    )
    return folder / "run"


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture(scope="module")
def session(finished: Path) -> Session:
    return finished_run._session(finished, read_run(finished), None, None)


@pytest.fixture
def loaded(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks and data that were loaded once, for tests that change none of them."""
    monkeypatch.setattr(finished_run, "_session", lambda folder, comparison, data, cache: session)


def changed(run: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(run / "run.sqlite")) as connection, connection:
        assert connection.execute(statement).rowcount > 0


def test_a_whole_run_holds(run: Path) -> None:
    found = verify_run(run, "Bo", ALL)
    assert found.holds, found.to_plain()
    assert [check.name for check in found.checks] == [
        "files",
        "rows",
        "networks",
        "whole networks",
        "scores",
        "fit",
    ]
    scores, fit = found.checks[4].facts, found.checks[5].facts
    assert scores["n"] == 6
    assert set(scores["examples_off"].values()) == {0}
    assert fit["score"] == fit["run"]  # on one machine the same fit gives the same number
    record = json.loads((run / "verified.jsonl").read_text())
    assert record == found.to_plain()
    again = verify_run(run, "Cy", SampleSpec(n=1, seed=3))
    assert again.holds  # the record itself is no damage
    assert again.checks[4].facts["n"] == 1 + 2  # each control once at least
    assert any("the scores of 3 more cells" in text for text in again.not_checked)
    assert [json.loads(line)["by"] for line in (run / "verified.jsonl").read_text().splitlines()] == [
        "Bo",
        "Cy",
    ]


@pytest.mark.usefixtures("loaded")
def test_one_byte_of_any_file_is_named(run: Path) -> None:
    names = [path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()]
    names = [name for name in names if name not in ("run.sqlite", "lock.sqlite")]
    assert len(names) == 6 + 9  # stitches; tables, picture, page and config
    for name in names:
        before = (run / name).read_bytes()
        content = bytearray(before)
        content[len(content) // 2] ^= 1
        (run / name).write_bytes(bytes(content))
        found = verify_run(run, "Bo", ALL)
        assert found.reason == "files"
        assert found.checks[0].facts["changed"] == [name]
        (run / name).unlink()
        assert verify_run(run, "Bo", ALL).checks[0].facts["missing"] == [name]
        (run / name).write_bytes(before)
    (run / "stitches" / "more.safetensors").write_bytes(b"1")
    assert verify_run(run, "Bo", ALL).checks[0].facts["added"] == ["stitches/more.safetensors"]
    (run / "stitches" / "more.safetensors").unlink()
    (run / "notes.txt").write_text("mine")
    found = verify_run(run, "Bo", SampleSpec(n=1))
    assert found.holds
    assert "files that the run did not write: notes.txt" in found.not_checked


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (
            "UPDATE cells SET score = score + 0.25 WHERE control = 'trained' AND sender_cut = 'layers.0'",
            "cells layers.0 -> layers.2 (affine, trained, seed 0)",
        ),
        ("UPDATE cells SET n_parameters = 7 WHERE control = 'one-hot'", "one-hot"),
        ("UPDATE cells SET converged = 1", "cells layers.0"),
        ("UPDATE evidence SET value = value + 0.5 WHERE rowid = 1", "evidence layers."),
        ("UPDATE baselines SET score = 0.99 WHERE role = 'receiver'", "baselines receiver trained 0"),
        (
            "UPDATE facts SET value = replace(value, 'accuracy', 'precision') WHERE name = 'facts'",
            "facts facts",
        ),
        ("UPDATE appraisals SET version = 99", "appraisals layers."),
        ("DELETE FROM evidence WHERE rowid = 1", "evidence layers."),
        ("INSERT INTO facts (pair, name, value) VALUES (1, 'more', '1')", "facts more"),
    ],
)
def test_a_row_that_was_changed_is_named(run: Path, statement: str, named: str) -> None:
    changed(run, statement)
    found = verify_run(run, "Bo", ALL)
    assert not found.holds
    assert found.reason == "rows"
    assert any(named in one for one in found.checks[1].facts["changed"])


@pytest.mark.usefixtures("loaded")
def test_a_row_of_a_run_without_sums_is_held_to_its_stitch(run: Path) -> None:
    changed(run, "DELETE FROM sums")
    found = verify_run(run, "Bo", SampleSpec(n=1))
    assert found.holds
    assert any("the sums of the files" in text for text in found.not_checked)
    assert any("the sums of the rows" in text for text in found.not_checked)
    changed(run, "UPDATE cells SET loss = loss + 1 WHERE control = 'one-hot' AND sender_cut = 'layers.0'")
    found = verify_run(run, "Bo", ALL)
    assert found.checks[1].facts["changed"] == ["cells layers.0 -> layers.2 (affine, one-hot, seed 0)"]


def other_stitch(run: Path, key: str) -> None:
    """Change the weights of a stitch file, which still says that it is of its cell."""
    path = run / "stitches" / f"{key[:20]}.safetensors"
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    weights = {name: torch.zeros_like(value) for name, value in load_file(path).items()}
    save_file(weights, path, metadata=metadata)


@pytest.mark.usefixtures("loaded")
def test_a_stitch_behind_right_sums_is_caught_by_its_score(run: Path) -> None:
    cells = read_database(run).cells
    # The one whose score is farthest from that of a stitch of zeros, which gives one constant answer.
    key = max(cells, key=lambda key: cells[key].row.score or 0)
    assert (cells[key].row.score or 0) > 0.2
    other_stitch(run, key)
    assert verify_run(run, "Bo", ALL).reason == "files"
    changed(run, "DELETE FROM sums")
    found = verify_run(run, "Bo", ALL)
    assert found.reason == "scores"
    row = cells[key].row
    assert f"{row.sender_cut} -> {row.receiver_cut}" in found.checks[4].said
    assert row.control in found.checks[4].said
    assert found.checks[4].said.count("->") == 1


@pytest.mark.usefixtures("loaded")
def test_a_score_that_no_fit_gives_again(run: Path) -> None:
    """Row, stitch and answers say alike that a stitch of zeros was fitted: another fit does better."""
    comparison = read_run(run)
    (row,) = [row for row in comparison.cells if row.control == "trained" and row.sender_cut == "layers.2"]
    assert row.score is not None
    cells = read_database(run).cells
    (key,) = [key for key, cell in cells.items() if cell.row == row]
    other_stitch(run, key)
    stitched = comparison.stitched("layers.2", "layers.2")
    low = stitched.score(stitched.sides[1].data.heldout)
    assert low < row.score - 0.1
    n = row.n_heldout
    answers = torch.zeros(n, dtype=torch.bool)
    answers[: round(low * n)] = True
    packed = np.packbits(answers.numpy()).tobytes()
    path = run / "stitches" / f"{key[:20]}.safetensors"
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    written = {**json.loads(metadata["cell"]), "score": low}
    save_file(load_file(path), path, metadata={**metadata, "cell": json.dumps(written)})
    with contextlib.closing(sqlite3.connect(run / "run.sqlite")) as connection, connection:
        connection.execute("UPDATE cells SET score = ?, answers = ? WHERE key = ?", (low, packed, key))
        connection.execute("DELETE FROM sums")
        connection.execute("UPDATE cells SET score = NULL WHERE control = 'trained' AND key != ?", (key,))
        connection.execute("DELETE FROM cells WHERE control = 'trained' AND key != ?", (key,))
    found = verify_run(run, "Bo", ALL)
    assert found.reason == "fit"
    assert "fitted again scores" in found.checks[5].said


def test_networks_and_data_that_changed_are_named(run: Path, finished: Path) -> None:
    own = run.parent / "nets"
    own.mkdir()
    weights = load_file(finished.parent / "seed0.safetensors")
    with safe_open(finished.parent / "seed0.safetensors", framework="pt") as file:
        metadata = file.metadata()
    for name in ("seed0", "seed1"):
        shutil.copyfile(finished.parent / f"{name}.safetensors", own / f"{name}.safetensors")
    first = next(name for name, value in weights.items() if value.is_floating_point())
    save_file({**weights, first: weights[first] + 0.5}, own / "seed0.safetensors", metadata=metadata)
    place = json.dumps(str(finished.parent))[1:-1]
    changed(
        run, f"UPDATE facts SET value = replace(value, '{place}', '{own}') WHERE name IN ('spec', 'origin')"
    )
    changed(run, "DELETE FROM sums")
    found = verify_run(run, "Bo", ALL)
    assert found.reason == "networks"
    assert found.checks[2].facts["changed"] == ["sender"]
    assert any("a source is another one" in text for text in found.not_checked)
    (own / "seed0.safetensors").unlink()
    with pytest.raises(RunError, match="cannot load the sender of run"):
        verify_run(run, "Bo", ALL)


def test_other_data_are_named(run: Path, digits: ms.Data, tmp_path: Path) -> None:
    train, heldout = digits.train, digits.heldout
    np.savez(
        tmp_path / "other.npz",
        x_train=train.images.numpy(),
        y_train=train.labels.numpy(),
        x_test=heldout.images.numpy(),
        y_test=np.roll(heldout.labels.numpy(), 1),
    )
    found = verify_run(run, "Bo", ALL, data=str(tmp_path / "other.npz"))
    assert found.reason == "data"
    assert found.checks[2].facts["changed"] == ["data"]


def test_a_damaged_database(run: Path) -> None:
    content = (run / "run.sqlite").read_bytes()
    (run / "run.sqlite").write_bytes(content[: len(content) // 2])
    found = verify_run(run, "Bo", ALL)
    assert found.reason == "files"
    assert found.checks[0].facts["changed"] == ["run.sqlite"]


def test_the_sample(run: Path) -> None:
    cells = read_database(run).cells
    assert len(sampled(cells, ALL)) == 6
    for seed in range(5):
        keys = sampled(cells, SampleSpec(n=1, seed=seed))
        assert sorted(cells[key].row.control for key in keys) == ["one-hot", "random-sender", "trained"]
        assert keys == sampled(cells, SampleSpec(n=1, seed=seed))
    assert len({tuple(sampled(cells, SampleSpec(n=1, seed=seed))) for seed in range(20)}) > 1
    with pytest.raises(SpecError, match="at least one cell to score again, got a sample of 0"):
        SampleSpec(n=0)


@pytest.mark.usefixtures("loaded")
def test_from_the_command_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (run / "report.html").read_bytes()
    assert main(["report", str(run), "--lang", "ja", "--out", str(run / "report.html")]) == 0
    assert (run / "report.html").read_bytes() != page  # a page that is made anew is no damage
    capsys.readouterr()
    assert main(["verify", str(run), "--by", "Bo", "--sample", "1", "--seed", "5", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["target"], record["result"], record["checks"][4]["seed"]) == ("run", "holds", 5)
    changed(run, "UPDATE cells SET score = 1 WHERE control = 'trained'")
    assert main(["verify", str(run), "--by", "Bo", "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["reason"] == "rows"
    for options, message in (
        (["--sample", "0"], "expected at least one cell to score again"),
        (
            ["--certificates", str(run / "run.sqlite")],
            "expected a candidate to check a signature of, got a run",
        ),
    ):
        assert main(["verify", str(run), "--by", "Bo", *options]) == 2
        assert message in capsys.readouterr().err


def test_a_run_that_is_entered_again_takes_its_sums_away_and_writes_them_again(
    run: Path, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed: list[bool] = []
    seal = Store.seal

    def watched(store: Store) -> None:
        sealed.append(bool(read_database(run).sums.rows))  # before: a killed run has no sums of rows
        seal(store)

    monkeypatch.setattr(Store, "seal", watched)
    ms.compare(
        str(finished.parent / "seed0.safetensors"),
        str(finished.parent / "seed1.safetensors"),
        "digits",
        out=run,
        sender_cuts=["layers.0", "layers.2"],
        receiver_cuts="layers.2",
        fit=ms.FitSpec(steps=2),
        controls=("one-hot", "random-sender"),
        evidence=("errors",),
        allow_untrained=True,
    )
    assert sealed == [False]
    found = read_database(run)
    assert found.sums.rows == found.rows
    checks = [files_check(run, found), rows_check(run, found)]
    assert all(check.holds for check, _ in checks)
    assert not [text for _, left in checks for text in left]
    changed(run, "DELETE FROM sums WHERE name LIKE 'rows:%'")
    check, left = rows_check(run, read_database(run))
    assert check.holds
    assert "the run is not finished" in left[0]
