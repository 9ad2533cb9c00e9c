"""Runs that draw untrained senders: in memory, in a folder, and after an interruption they say the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import modelstitch as ms
from modelstitch.runs import fill
from modelstitch.util.progress import Progress

Checkpoints = tuple[Path, Path]


def compare(checkpoints: Checkpoints, out: Path | None = None, **choices: Any) -> ms.Comparison:
    """Stitch at one deep cut, where the trained sender keeps more than the label."""
    sender, receiver = map(str, checkpoints)
    return ms.compare(
        sender,
        receiver,
        "digits",
        cuts=["layers.4"],
        fit=ms.FitSpec(steps=15),
        controls=["random-sender", "one-hot", "self-stitch"],
        evidence=["kept"],
        out=out,
        **choices,
    )


def numbers(comparison: ms.Comparison) -> tuple[Any, ...]:
    """Return all that a run says, less how long it took."""
    cells = [replace(cell, seconds=0.0) for cell in comparison.cells]
    return comparison.kept, comparison.evidence, comparison.advantages, cells, comparison.verdicts()


@pytest.fixture(scope="module")
def saved(checkpoints: Checkpoints, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "run"
    compare(checkpoints, folder)
    return folder


@pytest.fixture(scope="module")
def straight(saved: Path) -> ms.Comparison:
    return ms.load(saved)


class Stops(Progress):
    """Interrupts a run while it works on the untrained senders that it has drawn.

    Args:
        cells, measured: after so many of them are fitted, or measured.
    """

    def __init__(self, cells: int | None = None, measured: int | None = None) -> None:
        self.left = {"cell": cells, "measured": measured}
        self.draws = False

    def start(self, total: int, done: int, what: str = "fitting stitches") -> None:
        self.draws = self.draws or "untrained" in what

    def cell(self, text: str, accuracy: float | None) -> None:
        self._count("cell")

    def measured(self, text: str) -> None:
        self._count("measured")

    def _count(self, what: str) -> None:
        left = self.left[what]
        if self.draws and left is not None:
            self.left[what] = left - 1
            if left == 1:
                raise KeyboardInterrupt


def test_untrained_senders_are_drawn_where_more_than_the_label_comes_across(straight: ms.Comparison) -> None:
    (row,) = [each for each in straight.kept if each.control == "trained"]
    assert len(row.untrained) == len(set(row.untrained)) == 3
    assert row.untrained_control == "random-sender-bn"  # the sender has batch norms
    (verdict,) = straight.verdicts().values()
    assert verdict.name in (ms.VerdictName.PARTLY, ms.VerdictName.INTERCHANGEABLE)
    assert verdict.untrained == row.untrained
    assert verdict.lead == row.lead
    assert row.kept is not None
    assert row.lead == pytest.approx(row.kept - sum(row.untrained) / len(row.untrained), abs=1e-6)


def test_the_drawn_senders_are_no_grid_of_their_own(straight: ms.Comparison) -> None:
    assert "random-sender-bn" not in straight.controls
    assert {row.control for row in straight.evidence} == set(straight.controls)
    assert {row.control for row in straight.kept} == set(straight.controls)
    assert {row.control for row in straight.advantages} == set(straight.controls) - {"trained"}
    assert len(straight.cells) == 4


def test_a_run_in_memory_says_the_same(checkpoints: Checkpoints, straight: ms.Comparison) -> None:
    assert numbers(compare(checkpoints)) == numbers(straight)


def test_a_run_that_is_asked_for_again_says_the_same(
    checkpoints: Checkpoints, saved: Path, straight: ms.Comparison
) -> None:
    class Counts(Progress):
        n = 0

        def cell(self, text: str, accuracy: float | None) -> None:
            self.n += 1

        measured = cell  # type: ignore[assignment]

    progress = Counts()
    assert numbers(compare(checkpoints, saved, progress=progress)) == numbers(straight)
    assert progress.n == 0


@pytest.mark.parametrize("stop", [{"cells": 2}, {"measured": 1}])
def test_a_run_that_is_interrupted_among_the_draws_says_the_same_when_it_is_resumed(
    checkpoints: Checkpoints, straight: ms.Comparison, tmp_path: Path, stop: dict[str, int]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        compare(checkpoints, tmp_path, progress=Stops(**stop))
    half = ms.load(tmp_path)
    assert [row.lead for row in half.kept] == [None] * len(half.kept)
    assert len(half.verdicts()) == 1
    assert numbers(compare(checkpoints, tmp_path)) == numbers(straight)


def test_draws_that_nobody_asks_for_any_more_change_nothing(
    checkpoints: Checkpoints, straight: ms.Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(fill, "asks_for_draws", lambda verdict, first: verdict is not None)
        many = compare(checkpoints, tmp_path)
    assert [len(row.untrained) for row in many.kept if row.control == "trained"] == [5]
    assert numbers(compare(checkpoints, tmp_path)) == numbers(straight)


def test_what_is_kept_survives_a_file(straight: ms.Comparison, tmp_path: Path) -> None:
    straight.save(tmp_path / "saved.json")
    again = ms.Comparison.read(tmp_path / "saved.json")
    assert again == straight
    assert again.kept == straight.kept != ()
    assert again.verdicts() == straight.verdicts()
