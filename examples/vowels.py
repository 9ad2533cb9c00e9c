"""Stitch networks that hear: a 1-D convolutional network into a recurrent one and back, on Japanese vowels.

    python examples/vowels.py [--data FOLDER] [--out runs/vowels] [--quick]

Which of nine men speaks? The data are the first 25 frames of 12 cepstral coefficients of two vowels (Kudo,
Toyama and Shimbo 1999): 270 utterances to train on and 370 to score. They are files of the package aeon (pip
install --no-deps aeon), which is not imported. --data names another folder with JapaneseVowels_eq_TRAIN.ts
and JapaneseVowels_eq_TEST.ts. Frames of a map become steps of a sequence, and back.
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

import torch
from both_ways import train_and_stitch
from torch import Tensor, nn

import modelstitch as ms

N_COEFFICIENTS, N_SPEAKERS = 12, 9
CUTS = {"conv_net": ("0", "2"), "recurrent_net": ("first", "second")}


def conv_net(width: int = 32) -> nn.Module:
    """Build four 1-D convolutions and a pool."""

    def block(before: int, after: int, stride: int) -> nn.Module:
        return nn.Sequential(nn.Conv1d(before, after, 3, stride, 1), nn.BatchNorm1d(after), nn.ReLU())

    return nn.Sequential(
        block(N_COEFFICIENTS, width, 1),
        block(width, width, 1),
        block(width, 2 * width, 2),
        block(2 * width, 2 * width, 1),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Linear(2 * width, N_SPEAKERS),
    )


class Layer(nn.Module):
    """A GRU that gives its outputs alone, which are its one representation."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.gru = nn.GRU(before, after, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.gru(x)
        output: Tensor = y
        return output


class RecurrentNet(nn.Module):
    """Two layers of GRU over the frames, and the mean of the second."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = nn.Linear(N_COEFFICIENTS, width)
        self.first = Layer(width, width)
        self.second = Layer(width, width)
        self.head = nn.Linear(width, N_SPEAKERS)

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(self.first(self.embed(x.transpose(1, 2))))
        output: Tensor = self.head(y.mean(1))
        return output


def recurrent_net(width: int = 48) -> nn.Module:
    """Build the recurrent network."""
    return RecurrentNet(width)


def find_data() -> Path:
    """Return the folder of the data inside the package aeon."""
    spec = importlib.util.find_spec("aeon")
    if spec is None or spec.origin is None:
        raise SystemExit("no data: pip install --no-deps aeon, or name their folder with --data")
    return Path(spec.origin).parent / "datasets" / "data" / "JapaneseVowels"


def read(path: Path) -> ms.DataPart:
    """Read a .ts file: one series a line; colons divide coefficients, commas frames; the speaker is last."""
    lines = path.read_text().split("@data\n", 1)[1].splitlines()
    parts = [line.strip().split(":") for line in lines if line.strip()]
    series = [[[float(value) for value in one.split(",")] for one in part[:-1]] for part in parts]
    return ms.DataPart(torch.tensor(series), torch.tensor([int(part[-1]) - 1 for part in parts]))


def load(folder: Path) -> ms.Data:
    """Read both parts; coefficients are brought to mean 0 and standard deviation 1 of the training part."""
    train, heldout = (read(folder / f"JapaneseVowels_eq_{part}.ts") for part in ("TRAIN", "TEST"))
    mean, std = train.images.mean((0, 2), keepdim=True), train.images.std((0, 2), keepdim=True)
    names = tuple(f"speaker {index + 1}" for index in range(N_SPEAKERS))
    first, second = (ms.DataPart((part.images - mean) / std, part.labels) for part in (train, heldout))
    return ms.Data(first, second, names, "Japanese vowels", "as published")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--quick", action="store_true", help="less training, two cuts each, short fits")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    data = load(options.data or find_data())
    train_and_stitch(
        data,
        {"conv": conv_net, "gru": recurrent_net},
        CUTS,
        n_steps=300,
        quick=options.quick,
        out=options.out,
        learning_rate=5e-3,
        batch_size=64,
    )


if __name__ == "__main__":
    main()
