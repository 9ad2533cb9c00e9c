from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def printed_by(name: str, *arguments: str) -> str:
    """Return what an example prints; any warning in it is an error."""
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / name), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_two_modules() -> None:
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
def test_two_kinds_of_network_both_ways(name: str, heading: str, cell: str) -> None:
    text = printed_by(name, "--quick")
    assert text.count("untrained sender") == 2
    assert heading in text
    assert cell in text
