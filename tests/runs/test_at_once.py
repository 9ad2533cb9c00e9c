"""Cores are counted once, stored with a run, and used again; numbers do not depend on how many there are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch

import modelstitch as ms
from modelstitch.grid.grid import Budget
from modelstitch.runs import at_once, run
from modelstitch.runs.at_once import measuring_workers, workers_of
from modelstitch.runs.session import Session
from modelstitch.specs import EvidenceSpec
from modelstitch.util.workers import Workers
from tests.conftest import CUTS


def test_one_thread_a_cell_for_as_many_cells_as_there_are_cores(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = Budget(10**9)
    n = len(session.cells)
    assert workers_of(session, 2, budget) == Workers(2, 1)
    assert workers_of(session, 2 * n + 1, budget) == Workers(n, 2)
    assert workers_of(session, 8, replace(budget, total=10**10)) == Workers(1, 8)
    monkeypatch.setattr(at_once, "working_bytes", lambda _: 2**30)
    assert workers_of(session, 8, budget) == Workers(2, 4)
    monkeypatch.setattr(at_once, "measuring_bytes", lambda *_: 2**31)
    assert measuring_workers(session, EvidenceSpec(), Workers(2, 4)) == Workers(1, 8)


def test_a_run_on_two_cores_has_the_numbers_of_one_and_is_resumed_on_as_many(
    checkpoints: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compared(folder: str, n_cores: int, seeds: tuple[int, ...] = (0,)) -> ms.Comparison:
        monkeypatch.setattr(run, "n_cores", lambda: n_cores)
        return ms.compare(
            str(checkpoints[0]),
            str(checkpoints[1]),
            ms.DataSpec(source="digits", limit=300, heldout_limit=200),
            cuts=CUTS[:1],
            controls=("one-hot", "self-stitch"),
            seeds=seeds,
            fit=ms.FitSpec(steps=4),
            evidence=("kept",),
            out=tmp_path / folder,
            progress=False,
        )

    one, two = compared("one", 1), compared("two", 2)
    assert (one.facts.workers, two.facts.workers) == (Workers(1, 1), Workers(2, 1))
    for table in ("verdict_frame", "evidence_frame"):
        pd.testing.assert_frame_equal(getattr(one, table)(), getattr(two, table)(), check_exact=True)
    grown = compared("two", 1, seeds=(0, 1))
    assert grown.facts.workers == Workers(2, 1)
    assert torch.get_num_threads() == 1
    assert json.loads(json.dumps(grown.facts.to_plain()))["workers"] == {"count": 2, "threads": 1}
