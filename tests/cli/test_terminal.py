"""What the terminal shows of the verdicts: both answers and the score, with a legend."""

from __future__ import annotations

import io
import sys
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from modelstitch.cli.screen import print_table, wrapped
from modelstitch.cli.terminal import print_verdicts
from modelstitch.results.comparison import Comparison
from tests.report.made import run


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def shown(comparison: Comparison, capsys: pytest.CaptureFixture[str]) -> str:
    print_verdicts(comparison, "affine")
    return capsys.readouterr().out


def test_a_cell_has_both_answers_and_its_score(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(run(1, 2, kept=0.65, lead=0.0), capsys)
    first, second = (line.split("│")[2:4] for line in text.splitlines() if line.startswith("│"))
    assert [each.strip() for each in first] == ["part 65 %"] * 2
    assert [each.strip() for each in second] == ["0.93 u"] * 2


def test_the_legend_explains_every_sign_and_has_the_yardstick(capsys: pytest.CaptureFixture[str]) -> None:
    comparison = run(1, 1)
    facts = replace(comparison.facts, yardstick=(0.59, 0.56, 0.62))
    text = shown(replace(comparison, facts=facts), capsys)
    for line in (
        "Per cent: kept, the share of what the receiver knows about an input beyond its label",
        "inter = interchangeable, part = partly, label = decodable only, none = incompatible, "
        "? = cannot tell.",
        "u: not learnt, an untrained sender does as well; u?: unclear",
        "Yardstick: of two whole networks, the sender's outputs recover 59 % (56 to 62)",
    ):
        assert line in text
    assert "- c0 -> c0, interchangeable (high confidence), learnt (high confidence): score 0.93" in text


def test_seeds_stand_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    comparison = run(1, 1, seeds=(0, 1))
    kept = tuple(replace(row, kept=0.91) if row.seed == 1 else row for row in comparison.kept)
    text = shown(replace(comparison, kept=kept), capsys)
    assert "inter 95 91 %" in text
    assert "Per cent by seed." in text


def test_without_the_control_nobody_asked_what_was_learnt(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(run(1, 1, lead=None), capsys)
    assert "Was it learnt: not asked, no untrained sender was run." in text
    assert "- c0 -> c0, interchangeable (high confidence): score 0.93" in text


def test_lines_and_tables_break_between_words_at_any_width(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "whether the interchangeable parts (.8025) hold / under /a/long/path/that/is/copied.html"
    words = text.split()
    for width in range(12, 60):
        lines = wrapped(f"- {text}", width)
        assert " ".join(line.strip() for line in lines).split() == ["-", *words]
        assert all(cell_len(line) <= width or len(line.split()) == 1 for line in lines)
        japanese = wrapped("受け手の保持率は86%（95%区間：85〜88）、正解率は「高」です。", width)
        assert all(cell_len(line) <= width for line in japanese)
        assert not any(line[0] in "、。）」％" or line[-1] in "（「" for line in japanese)
    # A table: as it is, in narrower columns, and where a word has no room, row by row.
    monkeypatch.setattr(Console, "is_terminal", True)
    for width, expected in ((100, "┃"), (44, "┃"), (20, "")):
        monkeypatch.setenv("COLUMNS", str(width))
        table = Table("cell", "comes across", "reason")
        table.add_row("layers.10", "interchangeable", "keeps nearly all of what is known")
        shown = told(table, monkeypatch)
        assert ("┃" in shown) == bool(expected)
        for word in ("layers.10", "interchangeable", "nearly", "reason"):
            assert word in shown
        assert max(map(cell_len, shown.splitlines())) <= max(width, len("interchangeable") + 4)


def told(table: Table, monkeypatch: pytest.MonkeyPatch) -> str:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", screen := Terminal())
        print_table(table)
    return Text.from_ansi(screen.getvalue()).plain
