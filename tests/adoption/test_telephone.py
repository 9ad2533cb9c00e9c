"""What a telephone passes of a sound."""

from __future__ import annotations

import numpy as np
import pytest

from examples.pitch import FRAME, RATE
from examples.telephone import HIGHEST, LOWEST, through_telephone


def test_a_telephone_takes_out_what_lies_outside_its_band() -> None:
    time = np.arange(FRAME) / RATE
    # Frequencies that a frame holds whole periods of, so that each is one line of the spectrum.
    low, inside, high = (number * RATE / FRAME for number in (10, 64, 300))
    assert low < LOWEST < inside < HIGHEST < high
    sound = np.stack([sum(np.sin(2 * np.pi * hertz * time) for hertz in (low, inside, high))])
    heard = through_telephone(sound)
    spectrum = np.abs(np.fft.rfft(heard[0])) / (FRAME / 2)
    assert spectrum[[10, 300]] == pytest.approx([0, 0], abs=1e-5)
    assert spectrum[64] > 1  # it is as loud as before
    assert np.abs(heard).max() == pytest.approx(np.abs(sound).max())
    assert heard.dtype == np.float32
