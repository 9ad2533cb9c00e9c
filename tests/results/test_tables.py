"""The tables of a run: names that others rely on, a named score in each, one column a choice."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from modelstitch.results.comparison import Comparison
from modelstitch.results.rows import AdvantageRow
from tests.made import with_stitch
from tests.report.made import run, with_objective, with_stitches

R2 = "share of variance explained"


def regression() -> Comparison:
    comparison = run(2, 2)
    return replace(comparison, facts=replace(comparison.facts, task="regression", score_name=R2))


def test_family_size_norm_and_objective_are_columns_of_their_own() -> None:
    comparison = with_objective(with_stitches(run(1, 1), {"lowrank(8)": (10, 0.5)}), "match", 0.4)
    batch = tuple(with_stitch(cell, "conv(3)+batch") for cell in run(1, 1).cells)
    frame = replace(comparison, cells=(*comparison.cells, *batch)).to_frame()
    columns = ["stitch", "family", "size", "norm", "objective"]
    rows = {tuple(row) for row in frame[columns].astype(object).fillna("").itertuples(index=False)}
    assert rows == {
        ("affine", "affine", "", "none", "task"),
        ("lowrank(8)", "lowrank", 8, "none", "task"),
        ("affine by match", "affine", "", "none", "match"),
        ("lowrank(8) by match", "lowrank", 8, "none", "match"),
        ("conv(3)+batch", "conv", 3, "batch", "task"),
    }


def test_the_size_is_a_whole_number_in_the_file_too(tmp_path: Path) -> None:
    frame = with_stitches(run(1, 1), {"lowrank(8)": (10, 0.5)}).to_frame()
    text = frame.to_csv(index=False)
    assert "lowrank(8),lowrank,8,none,task" in text
    assert "affine,affine,,none,task" in text
    frame.to_parquet(tmp_path / "cells.parquet")


@pytest.mark.parametrize(("comparison", "name"), [(run(2, 2), "accuracy"), (regression(), R2)])
def test_every_table_has_the_score_of_its_cell_and_its_name(comparison: Comparison, name: str) -> None:
    # Every cell has a score of its own, so that one that is read at a wrong place is seen.
    cells = tuple(
        replace(cell, score=0.1 + 0.01 * index, standard_error=0.01)
        for index, cell in enumerate(comparison.cells)
    )
    advantages = tuple(
        AdvantageRow(control="one-hot", **cell.key._asdict(), difference=0.1, low=0.0, high=0.2)
        for cell in cells
        if cell.control == "trained"
    )
    comparison = replace(comparison, cells=cells, advantages=advantages)
    score = {(cell.control, *cell.key): cell.score for cell in cells}
    frames = {
        "cells": comparison.to_frame(),
        "evidence": comparison.evidence_frame(),
        "verdicts": comparison.verdict_frame(),
        "advantages": comparison.advantage_frame().assign(control="trained"),
    }
    key = ["control", "sender_cut", "receiver_cut", "stitch", "seed"]
    for table, frame in frames.items():
        assert len(frame), table
        assert set(frame["score_name"]) == {name}, table
        for row in frame.to_dict("records"):
            assert row["score"] == score[tuple(row[column] for column in key)], table
    assert not [column for frame in frames.values() for column in frame.columns if "accuracy" in column]


def test_names_that_others_rely_on() -> None:
    comparison = run(2, 2)
    verdicts = comparison.verdict_frame()
    columns = ["name", "confidence", "score_share", "kept", "kept_low", "kept_high"]
    assert set(columns) <= set(verdicts.columns)
    real = verdicts[verdicts["control"] == "trained"]
    assert list(real["name"]) == [verdict.name for verdict in comparison.verdicts().values()]
    assert len(comparison.evidence_frame()) == len(comparison.evidence)
    assert len(comparison.to_frame()) == len(comparison.cells)
    assert {row.role for row in comparison.baselines} == {"sender", "receiver"}
    assert comparison.verdicts()["c0", "c1", "affine", 0].name == "interchangeable"  # type: ignore[index]


def test_json_holds_both_answers_in_words() -> None:
    comparison = run(1, 1)
    values = json.loads(json.dumps(comparison.to_json(), allow_nan=False))
    first = values["verdicts"][0]
    assert (first["name"], first["learnt"], first["control"]) == ("interchangeable", "learnt", "trained")
    assert first["kept_low"] < first["kept"] == 0.95 < first["kept_high"]
    assert first["lead_low"] < first["lead"] == 0.55 < first["lead_high"]
    assert len(values["verdicts"]) == len(comparison.verdict_frame())
    # They follow from the other rows: nothing is read back from them.
    assert Comparison.from_json({**values, "verdicts": []}) == comparison


def test_json_calls_the_scores_of_whole_networks_accuracies_where_they_are() -> None:
    values = json.loads(json.dumps(run(2, 2).to_json()))
    assert (values["sender_accuracy"], values["receiver_accuracy"]) == (0.95, 0.95)
    assert (values["sender_score"], values["score_name"]) == (0.95, "accuracy")
    other = regression().to_json()
    assert (other["receiver_score"], other["score_name"]) == (0.95, R2)
    assert not [name for name in other if "accuracy" in name]


def test_the_dataset_is_built_once_and_cannot_be_changed() -> None:
    comparison = run(2, 2)
    assert comparison.dataset is comparison.dataset
    assert comparison.dataset.attrs["score_name"] == "accuracy"
    assert comparison.dataset["receiver_score"].sel(control="trained").item() == 0.95
    with pytest.raises(ValueError, match="read-only"):
        comparison.dataset["score"][0, 0, 0, 0, 0] = 0.5
    changed = replace(comparison, cells=tuple(replace(cell, score=0.5) for cell in comparison.cells))
    assert np.nanmax(changed.dataset["score"]) == 0.5
    assert comparison == run(2, 2)


def test_a_failed_cell_has_no_score_and_no_penalty() -> None:
    comparison = run(1, 1)
    failed = replace(comparison.cells[0], score=None, standard_error=None, failure="loss nan")
    row = replace(comparison, cells=(failed, *comparison.cells[1:])).to_frame().iloc[0]
    assert math.isnan(row.score)
    assert math.isnan(row.penalty)
    assert row.failure == "loss nan"
