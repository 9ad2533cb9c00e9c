"""``modelstitch report`` and ``modelstitch figures``, as typed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from modelstitch.cli import EXIT_FAILED_CELLS, EXIT_INPUT, EXIT_OK, main
from modelstitch.results.comparison import Comparison
from tests.report.made import run


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "comparison.json"
    run(2, 3).save(path)
    return path


def test_the_page_is_written_beside_the_run_and_named(
    saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(saved)]) == EXIT_OK
    out = Path(capsys.readouterr().out.strip())
    assert out == saved.parent / "report.html"
    assert "This command finds out: modelstitch reuse RUN" in out.read_text(encoding="utf-8")
    assert main(["report", str(saved), "--lang", "ja"]) == EXIT_OK
    assert "判断保留" in (saved.parent / "report.ja.html").read_text(encoding="utf-8")
    assert main(["report", str(saved), "--out", str(saved.parent / "x.html")]) == EXIT_OK
    assert (saved.parent / "x.html").is_file()


def test_markdown_goes_to_stdout_alone(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(saved), "--markdown"]) == EXIT_OK
    assert capsys.readouterr().out.startswith("### Can parts of A do the job of parts of B?")
    assert sorted(path.name for path in saved.parent.iterdir()) == ["comparison.json"]


def test_figures_are_written_and_named(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["figures", str(saved), "--width", "85", "--format", "svg"]) == EXIT_OK
    lines = capsys.readouterr().out.split()
    assert [Path(line).name for line in lines] == ["accuracy.svg", "verdicts.svg", "geometry.svg"]
    assert all(Path(line).is_file() for line in lines)


@pytest.mark.parametrize("command", ["report", "figures"])
def test_what_is_no_run_ends_in_one_line(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.json").write_text("{")
    for given, expected in ((tmp_path, "no run in"), (tmp_path / "broken.json", "cannot read comparison")):
        assert main([command, str(given)]) == EXIT_INPUT
        error = capsys.readouterr().err
        assert expected in error
        assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["broken.json"]


def test_a_width_that_no_page_has(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["figures", str(saved), "--width", "3"]) == EXIT_INPUT
    assert "expected a width of 40 to 600 millimetres, got 3" in capsys.readouterr().err


def test_a_run_with_failed_cells_has_its_page_and_says_so_to_the_shell(tmp_path: Path) -> None:
    comparison = run(2, 2)
    cells = (replace(comparison.cells[0], score=None, failure="loss nan at step 2"), *comparison.cells[1:])
    Comparison(**{**vars(comparison), "cells": cells}).save(tmp_path / "c.json")
    assert main(["report", str(tmp_path / "c.json")]) == EXIT_FAILED_CELLS
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "1 of 20 cells failed. The first is c0 -&gt; c0: loss nan at step 2." in text
