"""Tones as another microphone hears them, for the monitor of the candidate that ``examples.pitch`` leads to.

The held-out tones go through a telephone, which passes 300 to 3,400 Hz. The monitor stays quiet on the tones
of the run that neither chose nor calibrated the candidate, and alarms on those through the telephone::

    python -m examples.telephone pitch/tones.npz pitch/telephone.npz
    modelstitch monitor pitch/candidate --data pitch/tones.npz
    modelstitch monitor pitch/candidate --data pitch/telephone.npz
"""

from __future__ import annotations

import sys

import numpy as np

RATE = 16_000
"""Samples a second of the tones."""

LOWEST, HIGHEST = 300.0, 3400.0
"""Hertz that a telephone passes."""


def through_telephone(x: np.ndarray) -> np.ndarray:
    """Return sounds (N, L) with what lies outside the band of a telephone taken out, as loud as before."""
    spectrum = np.fft.rfft(x.astype(np.float64))
    hertz = np.fft.rfftfreq(x.shape[1], 1 / RATE)
    passed = np.fft.irfft(spectrum * ((hertz >= LOWEST) & (hertz <= HIGHEST)), n=x.shape[1])
    loudest = np.abs(passed).max(1, keepdims=True).clip(1e-12)
    heard = passed / loudest * np.abs(x).max(1, keepdims=True)
    return np.asarray(heard.astype(np.float32))


def main(tones: str, out: str) -> None:
    """Write the held-out tones of a file through a telephone."""
    with np.load(tones) as file:
        heard = through_telephone(file["x_test"])
    np.savez(out, x=heard)
    print(f"{out}: {len(heard)} tones through a telephone")


if __name__ == "__main__":
    main(*sys.argv[1:3])
