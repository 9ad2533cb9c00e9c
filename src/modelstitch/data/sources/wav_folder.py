"""WAV files in class folders."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.io import wavfile
from torch import Tensor

from modelstitch.data.class_folders import Kind
from modelstitch.data.views import resampled
from modelstitch.errors import DataError
from modelstitch.specs import DataSpec

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
        if _is_cut_short(path):
            raise DataError(f"cannot read the sound {str(path)!r}: it ends before all that it declares")
        with warnings.catch_warnings():
            # Of parts that are no sound, and of the end of one whose length was not known when it was written.
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


def _is_cut_short(path: Path) -> bool:
    """Tell whether a file ends before its samples do; one that says the largest length that there is did not know it."""
    unknown = b"\xff\xff\xff\xff"
    with path.open("rb") as file:
        kind, length, _ = file.read(4), file.read(4), file.read(4)
        if kind not in (b"RIFF", b"RIFX") or length == unknown:
            return False  # read, or refused, by whoever knows more kinds
        while len(part := file.read(8)) == 8:
            size = int.from_bytes(part[4:], "little" if kind == b"RIFF" else "big")
            if part[:4] == b"data":
                return part[4:] != unknown and file.tell() + size > path.stat().st_size
            file.seek(size + size % 2, os.SEEK_CUR)
    return False


SOUNDS = Kind("sound", (".wav", ".wave"), read)
