"""The table of candidates in a run folder: read again, stale after a run has grown, refused when damaged."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelstitch.errors import RunError
from modelstitch.results.comparison import Comparison
from modelstitch.results.content import content_of
from modelstitch.results.decision import DecisionWord
from modelstitch.results.reuse_table import REUSE_FILE, read_reuse_table, reuse_table_from
from tests.report.made import run
from tests.report.made_beyond import plain_table, row_of

RUN = run(2, 3)
OPEN = {"no_worse": "open", "saves": "holds", "partly": "holds"}
FAILS = {"no_worse": "fails", "saves": "holds", "partly": "open"}


def test_a_table_is_read_as_it_was_written() -> None:
    found = reuse_table_from(plain_table(RUN, row_of()))
    (row,) = found.rows
    assert found.word is row.word is DecisionWord.PILOT
    assert row.saved == {"multiply_adds": 0.5, "parameters": pytest.approx(0.2)}
    assert (row.lost, row.kept) == ((0.005, -0.008, 0.018), (0.62, 0.55, 0.7))
    assert (row.became_wrong, row.became_right) == (3, 1)
    assert (row.latency, row.whole_latency) == ({1: 1.0}, {1: 2.0})
    assert found.is_of(RUN)


@pytest.mark.parametrize(
    ("rows", "elsewhere", "n_failed", "word"),
    [
        ([row_of(conditions=OPEN)], {}, 0, "undecided"),
        ([row_of(conditions=FAILS)], {}, 0, "leave"),
        ([row_of(conditions=FAILS)], {"open": 1}, 0, "undecided"),
        ([row_of(conditions=FAILS)], {}, 1, "undecided"),
        ([row_of(conditions=FAILS), row_of()], {"open": 4}, 1, "pilot"),
        ([], {}, 0, "leave"),
    ],
)
def test_the_word_counts_cells_that_are_not_named(
    rows: list[dict[str, Any]], elsewhere: dict[str, int], n_failed: int, word: str
) -> None:
    counts = {"dear": 3, "worse": 2, "label": 0, "open": 0, **elsewhere}
    found = reuse_table_from(plain_table(RUN, *rows, elsewhere=counts, n_failed=n_failed))
    assert found.word == word


def test_the_first_candidate_is_one_worth_a_pilot_or_else_one_that_is_not_ruled_out() -> None:
    failed, undecided = row_of(conditions=FAILS, seed=1), row_of(conditions=OPEN, seed=2)
    first = reuse_table_from(plain_table(RUN, failed, undecided, row_of(seed=3))).first
    assert first is not None
    assert first.seed == 3
    first = reuse_table_from(plain_table(RUN, failed, undecided)).first
    assert first is not None
    assert first.seed == 2
    assert reuse_table_from(plain_table(RUN, failed)).first is None


def _grown() -> Comparison:
    return run(2, 3, seeds=(0, 1))


def _other_score() -> Comparison:
    return replace(RUN, cells=(replace(RUN.cells[0], score=0.5), *RUN.cells[1:]))


def _other_networks() -> Comparison:
    return replace(RUN, baselines=tuple(replace(row, digest="x") for row in RUN.baselines))


def _other_data() -> Comparison:
    return replace(RUN, facts=replace(RUN.facts, data_content="x"))


def _other_kept() -> Comparison:
    return replace(RUN, kept=(replace(RUN.kept[0], low=0.1), *RUN.kept[1:]))


@pytest.mark.parametrize("changed", [_grown, _other_score, _other_networks, _other_data, _other_kept])
def test_a_run_that_changed_makes_its_table_stale(changed: Callable[[], Comparison], tmp_path: Path) -> None:
    (tmp_path / REUSE_FILE).write_text(json.dumps(plain_table(RUN, row_of())))
    table, stale = read_reuse_table(tmp_path, RUN)
    assert (table is not None, stale) == (True, False)
    assert read_reuse_table(tmp_path, changed()) == (None, True)


def test_seconds_and_names_do_not_make_a_table_stale() -> None:
    cells = tuple(replace(cell, seconds=cell.seconds + 1) for cell in reversed(RUN.cells))
    assert content_of(replace(RUN, cells=cells, sender="another name")) == content_of(RUN)


def test_no_table_and_one_of_another_version(tmp_path: Path) -> None:
    assert read_reuse_table(tmp_path, RUN) == (None, False)
    old = {**plain_table(RUN, row_of()), "format": "modelstitch candidates 1"}
    (tmp_path / REUSE_FILE).write_text(json.dumps(old))
    assert read_reuse_table(tmp_path, RUN) == (None, True)


def _without(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda plain: plain.pop(name)


def _row_with(**changes: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda plain: plain["rows"][0].update(changes)


@pytest.mark.parametrize(
    "damage",
    [
        *(_without(name) for name in ("rows", "margin", "elsewhere", "n_failed", "content", "receiver")),
        lambda plain: plain.update(format="another thing"),
        lambda plain: plain.update(rows=[7]),
        lambda plain: plain.update(said={"money": [{"key": "no.such", "values": {}}]}),
        lambda plain: plain.update(said={"money": [{"key": "money.never", "values": {}}]}),
        lambda plain: plain.update(money={"currency": 3}),
        lambda plain: plain.update(rivals={"rivals": []}),
        _row_with(score=[0.9, 0.95, 0.99]),
        _row_with(score=[0.9, 0.8]),
        _row_with(score=["0.9", "0.8", "1"]),
        _row_with(lost_to_receiver=[float("nan"), 0.0, 1.0]),
        _row_with(replaces="nobody"),
        _row_with(conditions={"no_worse": "maybe", "saves": "holds", "partly": "holds"}),
        _row_with(conditions={"no_worse": "holds"}),
        _row_with(trained_parameters=-1),
        _row_with(examples_needed=True),
        _row_with(sender_cut=None),
    ],
)
def test_a_damaged_table_is_refused_in_one_line(
    damage: Callable[[dict[str, Any]], Any], tmp_path: Path
) -> None:
    plain = copy.deepcopy(plain_table(RUN, row_of()))
    damage(plain)
    (tmp_path / REUSE_FILE).write_text(json.dumps(plain))
    with pytest.raises(
        RunError, match="cannot read the candidates in .* ask modelstitch reuse again"
    ) as error:
        read_reuse_table(tmp_path, RUN)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '{"format": 7}', "\udcff", "[" * 100_000])
def test_what_is_no_table_at_all_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / REUSE_FILE).write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(RunError, match="cannot read the candidates"):
        read_reuse_table(tmp_path, RUN)
