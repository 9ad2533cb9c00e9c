from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_two_modules() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / "two_modules.py")],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.count("receiver_cut") == 2
    assert "whole receiver: 0.9" in done.stdout
    assert "random control" in done.stdout


def test_a_convolutional_network_and_a_transformer() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / "cnn_to_vit.py"), "--quick"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.count("untrained sender") == 2
    assert "cnn-to-vit: whole sender 0.9" in done.stdout
    assert "blocks.2 -> 1" in done.stdout


def test_a_one_dimensional_convolution_and_a_recurrent_network_on_real_speech() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / "vowels.py"), "--quick"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.count("untrained sender") == 2
    assert "conv-to-gru: whole sender 0.9" in done.stdout
    assert "second -> 2" in done.stdout


def test_two_readers_of_docstrings() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / "words.py"), "--quick"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.count("untrained sender") == 2
    assert "narrow-to-wide: whole sender 0." in done.stdout
    assert "blocks.1 -> blocks.0" in done.stdout
