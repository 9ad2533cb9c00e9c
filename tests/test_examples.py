"""Each example runs as a program does: its folder comes first on the path. A warning is an error."""

from __future__ import annotations

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
