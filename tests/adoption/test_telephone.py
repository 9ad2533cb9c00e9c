"""What a telephone passes of a sound."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

FRAME = 1024


def test_a_telephone_takes_out_what_lies_outside_its_band(tmp_path: Path) -> None:
    telephone = importlib.import_module("examples.telephone")
    time = np.arange(FRAME) / telephone.RATE
    # Frequencies that a frame holds whole periods of, so that each is one line of the spectrum.
    low, inside, high = (number * telephone.RATE / FRAME for number in (10, 64, 300))
    assert low < telephone.LOWEST < inside < telephone.HIGHEST < high
    sound = np.stack([sum(np.sin(2 * np.pi * hertz * time) for hertz in (low, inside, high))])
    np.savez(tmp_path / "tones.npz", x_test=sound)
    telephone.main(str(tmp_path / "tones.npz"), str(tmp_path / "heard.npz"))
    heard = np.load(tmp_path / "heard.npz")["x"]
    spectrum = np.abs(np.fft.rfft(heard[0])) / (FRAME / 2)
    assert spectrum[[10, 300]] == pytest.approx([0, 0], abs=1e-5)
    assert spectrum[64] > 1  # it is as loud as before
    assert np.abs(heard).max() == pytest.approx(np.abs(sound).max())
    assert heard.dtype == np.float32
