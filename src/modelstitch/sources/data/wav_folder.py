"""WAV files in class folders."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.io import wavfile
from torch import Tensor

from modelstitch.errors import DataError
from modelstitch.sources.data.class_folders import Kind
from modelstitch.specs import DataSpec
from modelstitch.views import resampled

_FULL_SCALE = {"u1": 128, "i2": 2**15, "i4": 2**31}


def read(parts: list[list[Path]], spec: DataSpec, where: Path) -> tuple[list[Tensor], dict[str, Any]]:
    """Read sounds as (N, 1, L) in float32 from -1 to 1, at the rate of the first file; of several channels the mean.

    All have one length: ``spec.seconds``, or that of the longest sound to fit on. Shorter ones end in silence, longer ones are cut.

    Raises:
        DataError: a file that cannot be read, or holds no sound (it is named).
    """
    sounds = [[_sound(file) for file in files] for files in parts]
    rate = sounds[0][0][0]
    waves = [
        [wave if own == rate else resampled(wave[None], own, rate)[0] for own, wave in each]
        for each in sounds
    ]
    length = max(len(wave) for wave in waves[0])
    if spec.seconds is not None:
        length = max(1, round(spec.seconds * rate))
    found = []
    for each in waves:
        x = torch.zeros(len(each), 1, length)
        for row, wave in zip(x, each, strict=True):
            row[0, : len(wave)] = wave[:length]
        found.append(x)
    return found, {"rate": rate}


def _sound(path: Path) -> tuple[int, Tensor]:
    """Return samples a second, and the mean of the channels (L,)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # of parts that are no sound
            warnings.filterwarnings("error", "Reached EOF prematurely", wavfile.WavFileWarning)
            rate, samples = wavfile.read(path)
    except wavfile.WavFileWarning as error:
        if not _is_streamed(path):
            raise DataError(
                f"cannot read the sound {str(path)!r}: it ends before all that it declares"
            ) from error
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)
            rate, samples = wavfile.read(path)
    except UnboundLocalError as error:  # of scipy, which found no part that holds samples
        raise DataError(
            f"cannot read the sound {str(path)!r}: it holds no samples, or ends before all that it declares"
        ) from error
    except (OSError, ValueError, TypeError, EOFError, ZeroDivisionError) as error:
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"cannot read the sound {str(path)!r}: {first_line}") from error
    if samples.size == 0 or rate <= 0:
        raise DataError(f"cannot read the sound {str(path)!r}: it holds no samples")
    kind = samples.dtype.str[1:]
    x = samples.astype(np.float32)
    if kind in _FULL_SCALE:
        x = (x - 128 if kind == "u1" else x) / _FULL_SCALE[kind]
    if not np.isfinite(x).all():
        raise DataError(f"cannot read the sound {str(path)!r}: it holds NaN or infinity")
    wave = torch.from_numpy(x if x.ndim == 1 else x.mean(1, dtype=np.float32))
    return int(rate), wave


def _is_streamed(path: Path) -> bool:
    """Tell whether a sound was written by a program that did not know its length, and said the largest that there is."""
    with path.open("rb") as file:
        return file.read(8)[4:] == b"\xff\xff\xff\xff"


SOUNDS = Kind("sound", (".wav", ".wave"), read)
