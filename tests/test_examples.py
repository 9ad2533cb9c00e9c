"""Each example runs as a program does: its folder comes first on the path. A warning is an error."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


class Runner:
    """Runs an example, and returns what it prints."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, name: str, *arguments: str) -> str:
        self.monkeypatch.syspath_prepend(str(EXAMPLES))
        self.monkeypatch.setattr(sys, "argv", [name, *arguments])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return self.capsys.readouterr().out


@pytest.fixture
def printed_by(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Runner:
    return Runner(monkeypatch, capsys)


def test_two_modules(printed_by: Runner) -> None:
    text = printed_by("two_modules.py")
    assert text.count("receiver_cut") == 2
    assert "whole receiver: 0.9" in text
    assert "random control" in text


@pytest.mark.parametrize(
    ("name", "heading", "cell"),
    [
        ("cnn_to_vit.py", "cnn-to-vit: whole sender 0.9", "blocks.2 -> 1"),
        ("vowels.py", "conv-to-gru: whole sender 0.9", "second -> 2"),
        ("words.py", "narrow-to-wide: whole sender 0.", "blocks.1 -> blocks.0"),
        ("next_token.py", "narrow-to-wide: whole sender 0.", "blocks.1 -> blocks.0"),
    ],
)
def test_two_kinds_of_network_both_ways(name: str, heading: str, cell: str, printed_by: Runner) -> None:
    text = printed_by(name, "--quick")
    assert text.splitlines().count("untrained sender") == 2
    assert heading in text
    assert cell in text


def steps_of(text: str) -> dict[str, str]:
    """What each command said, by its name: the latest of each."""
    told = re.split(r"^\$ modelstitch (\w+)", text, flags=re.MULTILINE)
    return dict(zip(told[1::2], told[2::2], strict=True))


@pytest.mark.slow
def test_two_networks_of_a_meter_down_the_whole_road(printed_by: Runner, tmp_path: Path) -> None:
    text = printed_by("meter.py", str(tmp_path / "meter"), "--quick")
    steps = steps_of(text)
    assert list(steps) == ["reuse", "export", "pilot", "verify", "stage", "monitor", "report"]
    assert "Passed: beside the receiver" in steps["pilot"]
    assert "No alarm." in text
    assert "ALARM" in steps["monitor"]
    assert "cannot be told apart" in steps["monitor"]


@pytest.mark.slow
def test_two_inspection_networks_down_the_whole_road(printed_by: Runner, tmp_path: Path) -> None:
    folder = tmp_path / "inspection"
    text = printed_by("inspection.py", str(folder), "--quick")
    steps = steps_of(text)
    assert list(steps) == ["train", "reuse", "export", "pilot", "verify", "stage", "monitor", "report"]
    assert "accepted risk" in steps["export"]
    assert "Passed: beside the receiver" in steps["pilot"]
    # The first week is quiet, the second has another lamp.
    assert "No alarm." in text
    assert "ALARM" in steps["monitor"]
    ledger = (folder / "candidate" / "ledger.jsonl").read_text(encoding="utf-8")
    assert re.findall(r'"event": "(\w+)", "by": "(\w+)"', ledger) == [
        *(("candidate", "Ann"), ("pilot", "Ann"), ("verify", "Bo"), ("adopted", "Cy")),
        *(("monitor", "Cy"), ("monitor", "Cy")),
    ]
    # The page tells the story; the alarm takes the word back.
    page = (folder / "run" / "report.html").read_text(encoding="utf-8")
    assert '<strong class="badge">Adopt</strong>' not in page
    assert "A monitor of the candidate candidate has raised an alarm" in page
    assert "checked: it holds" in page
    assert "監視が警報を出しました" in (folder / "run" / "report.ja.html").read_text(encoding="utf-8")
