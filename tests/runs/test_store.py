from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from modelstitch.errors import RunError, TruthError
from modelstitch.results.facts import Versions
from modelstitch.results.rows import Baseline, CellRow
from modelstitch.runs.reader import read_run, read_weights
from modelstitch.runs.store import Store
from tests.made import cell_row
from tests.runs.made import FACTS, HEADER

KEYS = {"a": "a" * 64, "b": "b" * 64}


def row(sender_cut: str) -> CellRow:
    return cell_row(
        sender_cut=sender_cut,
        receiver_cut="x",
        standard_error=0.1,
        loss=None,
        n_parameters=3,
        steps=1,
        seconds=0.5,
        n_heldout=10,
    )


def open_store(folder: Path, identity: dict[str, Any] | None = None, **changes: Any) -> Store:
    return Store(folder, replace(HEADER, identity={**HEADER.identity, **(identity or {})}, **changes))


WEIGHTS = {"weight": torch.arange(6.0).reshape(2, 3)}


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    with open_store(tmp_path / "run") as store:
        store.write_cell(KEYS["b"], row("b"), WEIGHTS)
        store.write_cell(KEYS["a"], row("a"), {})
        store.write_baselines([Baseline(role="sender", control="trained", seed=0, score=None, digest="d")])
        assert store.finished() == set(KEYS.values())
        assert torch.equal(store.read_weights(KEYS["b"])["weight"], WEIGHTS["weight"])
    comparison = read_run(tmp_path / "run")
    assert comparison.cells == (row("a"), row("b"))
    assert comparison.baseline("sender") is None


def test_an_existing_run_is_continued(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.write_cell(KEYS["a"], row("a"), WEIGHTS)
    with open_store(tmp_path, facts=replace(FACTS, versions=Versions(torch="other"))) as store:
        assert store.finished() == {KEYS["a"]}


def test_a_run_keeps_its_names_until_others_are_chosen(tmp_path: Path) -> None:
    for header, names in (
        (HEADER, ("A", "B")),
        (replace(HEADER, sender="old", receiver="new", named=True), ("old", "new")),
        (HEADER, ("old", "new")),
    ):
        with Store(tmp_path / "run", header) as store:
            found = store.comparison()
        assert (found.sender, found.receiver) == names


def test_a_run_of_another_spec_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.write_cell(KEYS["a"], row("a"), WEIGHTS)
    with pytest.raises(RunError, match=r"holds another run: its epochs is 4, this one's 8; choose another"):
        open_store(tmp_path, {"choices": {"fit": {"epochs": 8, "steps": None}}})
    with pytest.raises(
        RunError, match=r'its sender is "?A \(weights 01234567\).*this one\'s "?Z \(weights ffff'
    ):
        open_store(tmp_path, {"sender_weights": "ffffffffff"}, sender="Z")
    with open_store(tmp_path) as store:
        assert store.finished() == {KEYS["a"]}


def test_two_writers_are_refused_and_readers_are_not(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.write_cell(KEYS["a"], row("a"), WEIGHTS)
        with pytest.raises(RunError, match="in use by another process"):
            open_store(tmp_path)
        assert len(read_run(tmp_path).cells) == 1
    open_store(tmp_path).close()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunError, match=r"cannot write run folder .*file/run"):
        open_store(tmp_path / "file" / "run")


def test_a_database_that_is_none_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "run.sqlite").write_text("this is no database, but somebody's notes " * 100)
    with pytest.raises(RunError, match="file is not a database"):
        open_store(tmp_path)
    assert (tmp_path / "run.sqlite").read_text().startswith("this is no database")
    with pytest.raises(RunError, match="cannot read run"):
        read_run(tmp_path)


def test_an_empty_database_is_refused_by_the_reader(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "run.sqlite").close()
    with pytest.raises(RunError, match=r"expected a folder with run\.sqlite|cannot read run"):
        read_run(tmp_path)


def test_a_damaged_or_swapped_stitch_file_is_noticed(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        for name in KEYS:
            store.write_cell(KEYS[name], row(name), WEIGHTS)
    a, b = (tmp_path / "stitches" / f"{KEYS[name][:20]}.safetensors" for name in "ab")
    a.write_bytes(b.read_bytes())
    with pytest.raises(TruthError, match="belongs to another cell"):
        read_weights(tmp_path, KEYS["a"])
    b.write_bytes(b.read_bytes()[:-4])
    with pytest.raises(TruthError, match="cannot read the stitch file"):
        read_weights(tmp_path, KEYS["b"])
    b.unlink()
    with pytest.raises(TruthError, match="cannot read the stitch file"):
        read_weights(tmp_path, KEYS["b"])


def test_a_failing_transaction_leaves_no_row(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        with pytest.raises(RunError, match="cannot write to run folder"):
            store.write_cell(KEYS["a"], CellRow(**{**vars(row("a")), "bridge": None}), WEIGHTS)
        assert store.finished() == set()
        store.write_cell(KEYS["a"], row("a"), WEIGHTS)
        assert store.finished() == {KEYS["a"]}


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.write_file("t.txt", lambda path: path.write_bytes(b"first"))

        def fail(path: Path) -> None:
            path.write_text("half")
            raise OSError("disk full")

        with pytest.raises(RunError, match=r"cannot write .*disk full"):
            store.write_file("t.txt", fail)
    assert (tmp_path / "t.txt").read_text() == "first"
