"""Tones as another microphone hears them, for the monitor of the candidate that ``examples.pitch`` leads to.

Two files of new tones without labels: as the training tones are, and through a telephone, which passes 300 to
3,400 Hz. The monitor stays quiet on the first and alarms on the second::

    python -m examples.telephone pitch
    modelstitch monitor pitch/candidate --data pitch/same.npz
    modelstitch monitor pitch/candidate --data pitch/telephone.npz
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from examples.pitch import FRAME, RATE, tones

LOWEST, HIGHEST = 300.0, 3400.0
"""Hertz that a telephone passes."""


def through_telephone(x: np.ndarray) -> np.ndarray:
    """Return sounds (N, L) with what lies outside the band of a telephone taken out, as loud as before."""
    spectrum = np.fft.rfft(x.astype(np.float64))
    hertz = np.fft.rfftfreq(x.shape[1], 1 / RATE)
    passed = np.fft.irfft(spectrum * ((hertz >= LOWEST) & (hertz <= HIGHEST)), n=x.shape[1])
    loudest = np.abs(passed).max(1, keepdims=True).clip(1e-12)
    return (passed / loudest * np.abs(x).max(1, keepdims=True)).astype(np.float32)


def main(folder: str, each: int = 40) -> None:
    """Write same.npz and telephone.npz into a folder."""
    same, _ = tones(each, 2)
    other, _ = tones(each, 3)
    np.savez(Path(folder) / "same.npz", x=same)
    np.savez(Path(folder) / "telephone.npz", x=through_telephone(other))
    print(f"{folder}: {len(same)} tones of {FRAME} samples as they are, and as many through a telephone")


if __name__ == "__main__":
    main(sys.argv[1])
