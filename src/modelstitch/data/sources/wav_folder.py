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

from modelstitch.data import class_folders
from modelstitch.data.parts import Data
from modelstitch.data.views import resampled
from modelstitch.errors import DataError, first_line
from modelstitch.specs import DataSpec

_FULL_SCALE = {"u1": 128, "i2": 2**15, "i4": 2**31}
_UNKNOWN_LENGTH = b"\xff\xff\xff\xff"
"""Length in the header of a file that was written as a stream."""


def recognises(source: str) -> bool:
    """Tell whether ``source`` is a folder of class folders with sounds."""
    return class_folders.holds(source, SOUNDS)


def load(spec: DataSpec) -> Data:
    """Load sounds (N, 1, L) in float32 from -1 to 1, see :func:`class_folders.load`."""
    return class_folders.load(spec, SOUNDS)


def _read(parts: list[list[Path]], spec: DataSpec, root: Path) -> tuple[list[Tensor], dict[str, Any]]:
    """Read the sounds of both parts at the rate of the first file, channels averaged.

    All get one length: ``spec.seconds``, or that of the longest sound of any part. Shorter ones end in
    silence, longer ones are cut, and each part holds how long they were.

    Raises:
        DataError: a file that cannot be read, or holds no samples (it is named).
    """
    sounds = [[_sound(file) for file in files] for files in parts]
    rate = sounds[0][0][0]
    waves = [
        [wave if own == rate else resampled(wave[None], own, rate)[0] for own, wave in part]
        for part in sounds
    ]
    length = max(len(wave) for part in waves for wave in part)
    if spec.seconds is not None:
        length = max(1, round(spec.seconds * rate))
    padded = []
    for part in waves:
        x = torch.zeros(len(part), 1, length)
        for row, wave in zip(x, part, strict=True):
            row[0, : len(wave)] = wave[:length]
        padded.append(x)
    samples = [torch.tensor([len(wave) for wave in part]) for part in waves]
    differ = any((part != length).any() for part in samples)
    return padded, {"rate": rate, "samples": samples if differ else [None, None]}


def _sound(path: Path) -> tuple[int, Tensor]:
    """Return samples a second, and the mean of the channels (L,)."""
    try:
        if _is_cut_short(path):
            raise DataError(f"cannot read the sound {str(path)!r}: it ends before its declared length")
        with warnings.catch_warnings():
            # scipy warns of chunks that are not sound, and of the end of a file of unknown length.
            warnings.simplefilter("ignore", wavfile.WavFileWarning)
            rate, samples = wavfile.read(path)
    except UnboundLocalError as error:  # scipy found no chunk of samples
        raise DataError(
            f"cannot read the sound {str(path)!r}: it holds no samples, or ends before its declared length"
        ) from error
    except (OSError, ValueError, TypeError, EOFError, ZeroDivisionError) as error:
        raise DataError(f"cannot read the sound {str(path)!r}: {first_line(error)}") from error
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
    """Tell whether a file ends before the declared end of its samples; 0xFFFFFFFF means unknown length."""
    with path.open("rb") as file:
        form, length, _ = file.read(4), file.read(4), file.read(4)
        if form not in (b"RIFF", b"RIFX") or length == _UNKNOWN_LENGTH:
            return False  # scipy reads or refuses it
        while len(chunk := file.read(8)) == 8:
            size = int.from_bytes(chunk[4:], "little" if form == b"RIFF" else "big")
            if chunk[:4] == b"data":
                return chunk[4:] != _UNKNOWN_LENGTH and file.tell() + size > path.stat().st_size
            file.seek(size + size % 2, os.SEEK_CUR)
    return False


SOUNDS = class_folders.FileType("sound", (".wav", ".wave"), _read)
