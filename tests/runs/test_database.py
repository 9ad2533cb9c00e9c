"""One database for all pairs of an experiment; runs of older forms are read, or become a part of it."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import modelstitch as ms
from modelstitch.adoption.verify.run_files import files_check, read_database, rows_check
from modelstitch.cli import main
from modelstitch.errors import RunError, SpecError
from modelstitch.results.comparison import Comparison
from modelstitch.results.facts import RunFacts
from modelstitch.results.rows import EvidenceRow
from modelstitch.runs.database import Writing
from modelstitch.runs.held import Header
from modelstitch.runs.pairs import planned, read_pairs, write_whole
from modelstitch.runs.place import pairs_in, place_of
from modelstitch.runs.reader import read_run
from modelstitch.runs.store import Store
from modelstitch.runs.sums import note_written
from tests.made import cell_row
from tests.runs.made import FACTS, HEADER, as_format_2

KEY = "c" * 64
WEIGHTS = {"weight": torch.arange(4.0)}


def header(sender: str, receiver: str, **changes: Any) -> Header:
    return replace(HEADER, sender=sender, receiver=receiver, **changes)


def fill(store: Store, score: float, facts: RunFacts = FACTS) -> None:
    """Write two cells, evidence about one, and the end of the run."""
    for key, cut in ((KEY, "a"), ("d" * 64, "b")):
        store.write_cell(key, cell_row(sender_cut=cut, receiver_cut="x", score=score), WEIGHTS)
    store.begin_evidence(10, 1)
    measured = EvidenceRow(
        sender_cut="a",
        receiver_cut="x",
        stitch="affine",
        control="trained",
        seed=0,
        kind="errors",
        name="ev",
        where="cut",
        value=score,
        low=None,
        high=None,
        n=10,
    )
    store.write_evidence(KEY, ["errors"], [measured], 10, 1)
    store.write_file("cells.csv", lambda path: path.write_text("x\n"))
    store.write_facts(replace(facts, reloaded_cells=1))
    store.seal()


def experiment(home: Path, models: str = "ab") -> None:
    """Write every pair of some models but the last one; the keys of all pairs are the same."""
    pairs = planned(list(models))
    with Writing(home, pairs) as writing:
        for number, pair in enumerate(pairs[:-1]):
            with Store(home / pair.name, header(pair.sender, pair.receiver), writing) as store:
                fill(store, 0.5 + 0.1 * number)


def both_seeds(sender: str, receiver: str) -> Header:
    """Return the header of the same run with a second seed."""
    return header(sender, receiver, spec=replace(HEADER.spec, seeds=(0, 1)))


def every(folder: Path) -> dict[tuple[str, str], Comparison]:
    """Return the pairs of a folder as they are loaded."""
    found = ms.load(folder)
    assert isinstance(found, ms.Comparisons)
    return dict(found)


def single(folder: Path, sender: str = "a", receiver: str = "b", score: float = 0.7) -> None:
    with Store(folder, header(sender, receiver)) as store:
        fill(store, score)


def older(folder: Path, sender: str = "a", receiver: str = "b", score: float = 0.7) -> None:
    """Write a run folder of format 2."""
    single(folder, sender, receiver, score)
    as_format_2(folder / "run.sqlite", "", folder / "old")
    (folder / "old").replace(folder / "run.sqlite")


def held(folder: Path) -> bool:
    """Tell whether the sums of a run hold: of its files and of its rows."""
    found = read_database(folder)
    return bool(found.sums.rows) and all(check(folder, found)[0].holds for check in (files_check, rows_check))


def test_pairs_share_a_database_and_stay_apart(tmp_path: Path) -> None:
    experiment(tmp_path / "all", "abc")
    assert [path.name for path in tmp_path.rglob("run.sqlite")] == ["run.sqlite"]
    with contextlib.closing(sqlite3.connect(tmp_path / "all" / "run.sqlite")) as connection:
        counted = connection.execute(
            "SELECT name, COUNT(key), MAX(score) FROM pairs LEFT JOIN cells USING (pair) GROUP BY pair"
        ).fetchall()
    assert [(name, n) for name, n, _ in counted] == [
        (pair.name, 2 if pair.name != "c-into-b" else 0) for pair in planned(list("abc"))
    ]
    assert [score for *_, score in counted] == pytest.approx([0.5, 0.6, 0.7, 0.8, 0.9, None])
    found = read_pairs(tmp_path / "all")
    assert list(found) == [(pair.sender, pair.receiver) for pair in planned(list("abc"))[:-1]]
    assert [cell.score for cell in found["b", "a"].cells] == pytest.approx([0.7, 0.7])
    assert [row.value for row in found["b", "a"].evidence] == pytest.approx([0.7])
    assert all(held(tmp_path / "all" / "-into-".join(pair)) for pair in found)
    with pytest.raises(RunError, match="has not come to this pair"):
        read_run(tmp_path / "all" / "c-into-b")


def test_a_damaged_row_is_that_of_its_pair(tmp_path: Path) -> None:
    experiment(tmp_path, "abc")
    with contextlib.closing(sqlite3.connect(tmp_path / "run.sqlite")) as connection, connection:
        connection.execute("UPDATE cells SET score = .123 WHERE pair = 2 AND key = ?", (KEY,))
    assert not held(tmp_path / "a-into-c")
    assert held(tmp_path / "a-into-b")


def test_one_pair_is_continued_by_the_path_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment(tmp_path, "abc")
    monkeypatch.chdir(tmp_path / "b-into-a")
    assert place_of(".").pair == "b-into-a"
    with Store(".", both_seeds("b", "a")) as store:
        assert store.finished() == {KEY, "d" * 64}
        store.write_cell("e" * 64, cell_row(sender_cut="a", receiver_cut="x", seed=1), {})
        with pytest.raises(RunError, match="in use by another process"):
            Store(tmp_path / "a-into-b", header("a", "b"))
    assert not Path("run.sqlite").exists()
    assert [len(read_run(tmp_path / name).cells) for name in ("b-into-a", "a-into-b")] == [3, 2]
    with pytest.raises(RunError, match="holds another run"):
        Store(".", header("b", "a", identity={**HEADER.identity, "sender_weights": "f"}))


def test_one_run_and_several_pairs_do_not_share_a_folder(tmp_path: Path) -> None:
    experiment(tmp_path / "all", "abc")
    single(tmp_path / "one")
    with pytest.raises(RunError, match=r"it holds several pairs; choose another, .*all/a-into-b'"):
        Store(tmp_path / "all", HEADER)
    with pytest.raises(RunError, match=r"got several pairs in .*all/a-into-b'"):
        read_run(tmp_path / "all")
    with pytest.raises(RunError, match="it holds one run; choose another"):
        Writing(tmp_path / "one", planned("ab")).take()
    with pytest.raises(RunError, match=r"all/a-into-b' for several pairs: it is that of one pair of .*all'"):
        Writing(tmp_path / "all" / "a-into-b", planned("ab")).take()
    (tmp_path / "killed").mkdir()
    (tmp_path / "killed" / "run.sqlite").touch()  # a writer was killed before its first transaction
    experiment(tmp_path / "killed", "abc")
    assert len(read_pairs(tmp_path / "killed")) == 5


def test_a_run_of_format_2_is_read_and_gets_todays_form_when_it_goes_on(tmp_path: Path) -> None:
    single(tmp_path / "new")
    older(tmp_path / "old")
    before = (tmp_path / "old" / "run.sqlite").read_bytes()
    assert read_run(tmp_path / "old") == read_run(tmp_path / "new")
    assert held(tmp_path / "old")
    assert (tmp_path / "old" / "run.sqlite").read_bytes() == before
    (tmp_path / "old" / "report.html").write_text("x")
    note_written(tmp_path / "old" / "report.html")
    assert "report.html" in read_database(tmp_path / "old").sums.files
    with Store(tmp_path / "old", both_seeds("a", "b")) as store:
        assert store.finished() == {KEY, "d" * 64}
        store.write_cell("e" * 64, cell_row(sender_cut="a", receiver_cut="x", seed=1), {})
        store.seal()
    assert held(tmp_path / "old")
    assert "report.html" in read_database(tmp_path / "old").sums.files
    assert len(read_run(tmp_path / "old").cells) == 3
    assert {path.name for path in (tmp_path / "old").iterdir()} == {
        *("run.sqlite", "lock.sqlite", "stitches", "cells.csv", "report.html")
    }


def test_a_run_of_format_2_without_later_columns_is_read_and_continued(tmp_path: Path) -> None:
    older(tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / "run.sqlite")) as connection:
        for column in ("above_receiver", "above_receiver_error", "draw"):
            connection.execute(f"ALTER TABLE cells DROP COLUMN {column}")
        connection.execute("DROP TABLE parts")
    assert [cell.above_receiver for cell in read_run(tmp_path).cells] == [None, None]
    with Store(tmp_path, header("a", "b")) as store:
        store.write_cell("e" * 64, cell_row(sender_cut="a", receiver_cut="x", seed=1), {}, draw=1)
        assert len(store.comparison().cells) == 2  # the drawn one stands beside them


def folder_of_older_pairs(home: Path) -> None:
    """Write what ``compare_all`` left when every pair had a database of its own."""
    older(home / "a-into-b", "a", "b", 0.6)
    older(home / "b-into-a", "b", "a", 0.8)
    (home / "pairs.json").write_text(json.dumps({"format": "modelstitch pairs 1", "models": ["a", "b"]}))


def test_a_folder_of_older_pairs_is_read_and_becomes_one_database_when_it_grows(tmp_path: Path) -> None:
    folder_of_older_pairs(tmp_path / "all")
    before = every(tmp_path / "all")
    assert [before[pair].cells[0].score for pair in (("a", "b"), ("b", "a"))] == [0.6, 0.8]
    with Writing(tmp_path / "all", planned("abc")) as writing:
        assert not (tmp_path / "all" / "run.sqlite").exists()
        with Store(tmp_path / "all" / "a-into-c", header("a", "c"), writing) as store:
            fill(store, 0.9)
    assert [path.parent.name for path in tmp_path.rglob("run.sqlite")] == ["all"]
    assert not (tmp_path / "all" / "pairs.json").exists()
    after = every(tmp_path / "all")
    assert list(after) == [("a", "b"), ("b", "a"), ("a", "c")]
    assert {pair: after[pair] for pair in before} == before
    assert all(held(tmp_path / "all" / "-into-".join(pair)) for pair in after)


def test_an_upgrade_that_is_killed_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder_of_older_pairs(tmp_path / "all")
    shutil.copytree(tmp_path / "all", tmp_path / "kept")
    whole = every(tmp_path / "all")

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for name in ("copy", "create"):  # before and while the new file is filled
        monkeypatch.setattr(f"modelstitch.runs.schema.{name}", killed)
        with pytest.raises(KeyboardInterrupt):
            Writing(tmp_path / "all", planned("ab")).take()
        monkeypatch.undo()
        assert every(tmp_path / "all") == whole
    with Writing(tmp_path / "all", planned("ab")) as writing:
        writing.take()
    # Killed behind the new file, before the old ones were taken away: these are not read any more.
    for name in ("a-into-b", "b-into-a"):
        shutil.copy(tmp_path / "kept" / name / "run.sqlite", tmp_path / "all" / name)
    left = tmp_path / "all" / "a-into-b" / "run.sqlite"
    with contextlib.closing(sqlite3.connect(left)) as connection, connection:
        connection.execute("UPDATE cells SET score = 0")
    assert every(tmp_path / "all") == whole
    with Writing(tmp_path / "all", planned("ab")) as writing:
        writing.take()
    assert len(list(tmp_path.glob("all/*/run.sqlite"))) == 0
    assert every(tmp_path / "all") == whole


def test_an_experiment_that_was_stopped_has_what_is_finished(tmp_path: Path) -> None:
    with Writing(tmp_path, planned("abc")) as writing:
        with Store(tmp_path / "a-into-b", header("a", "b"), writing) as store:
            fill(store, 0.5)
        Store(tmp_path / "a-into-c", header("a", "c"), writing).close()  # killed in its first fit
    assert list(every(tmp_path)) == [("a", "b")]
    assert ms.load(tmp_path / "a-into-c").to_frame().empty
    with pytest.raises(RunError, match="has not come to this pair"):
        ms.load(tmp_path / "b-into-a")
    both = every(tmp_path) | {("b", "a"): ms.load(tmp_path / "a-into-c")}
    found = ms.Comparisons(both).similarity("score")
    assert float(found.sel(sender="a", receiver="b")) == 0.5
    assert bool(found.sel(sender="b", receiver="a").isnull())
    with pytest.raises(SpecError, match="unknown"):
        ms.Comparisons(both).similarity("geometry.cka")
    write_whole(tmp_path)
    assert (tmp_path / "cells.csv").read_text().count("\n") == 1 + 2


def test_commands_take_an_experiment_or_say_which_pair_to_give(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "all"
    experiment(home, "abc")
    (home / "a-into-b" / "report.html").write_text("x")
    write_whole(home)
    assert 'href="a-into-b/report.html"' in (home / "report.html").read_text(encoding="utf-8")
    assert "no tree" in (home / "report.html").read_text(encoding="utf-8")
    assert (home / "cells.csv").read_text().count("\n") == 1 + 2 * 5
    assert main(["status", str(home), "--json"]) == 3
    said = json.loads(capsys.readouterr().out)
    assert [pair["pair"] for pair in said["pairs"]] == [pair.name for pair in pairs_in(home)]
    assert (said["ended"], said["pairs"][-1]) == (5, {"pair": "c-into-b", "begun": False})
    assert main(["report", str(home), "--markdown", "--lang", "ja"]) == 0
    assert "a-into-b" in capsys.readouterr().out
    (home / "report.html").unlink()
    assert main(["report", str(home)]) == 0
    assert 'href="a-into-b/report.html"' in (home / "report.html").read_text(encoding="utf-8")
    assert main(["report", str(home), "--out", str(tmp_path / "page.html")]) == 0
    assert "href" not in (tmp_path / "page.html").read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["runs", str(tmp_path), "--json"]) == 3
    assert [row["run"] for row in json.loads(capsys.readouterr().out)] == sorted(
        f"all/{pair.name}" for pair in pairs_in(home)
    )
    for words in (
        ["figures", str(home)],
        ["diff", str(home), str(home / "a-into-b")],
        ["verify", str(home), "--by", "Bo"],
        ["reuse", str(home)],
        ["status", str(home), "--fail-unless", "pilot"],
        ["compare", "no-such", "no-other", "--out", str(home)],
    ):
        assert main(words) == 2, words
        error = capsys.readouterr().err
        assert "got several" in error or "holds several" in error
        assert error.count("\n") == 1
