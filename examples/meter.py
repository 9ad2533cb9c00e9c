"""An old and a new network that read an electricity meter, from ``reuse`` to an alarm.

The data are *ItalyPowerDemand* (Keogh et al., UCR archive; files of the package aeon, which is not imported:
``pip install --no-deps aeon``): the load of a power grid on 1,096 days, hour by hour, each day brought to
mean 0 and standard deviation 1. Is it a day of the cold half of the year, or of the warm one? The days are
divided at random. The old network is narrow and saw 40 days, the new one is wide and saw 180. Could the old
network's first layers do the work of the new one's? At last, the clock of the meter is set wrong: the days
arrive two hours late. The days are real; the wrong clock, and the words about answers that differ, are
staged.

It writes everything into a folder, and prints each command with what it says::

    python examples/meter.py meter            # a minute
    python examples/meter.py meter --quick    # one cut, no verdict, some seconds
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

import numpy as np
import torch
from both_ways import train
from road import ask, down_the_road
from torch import nn

import modelstitch as ms

N_OLD, N_NEW, N_HELDOUT, N_PILOT = 40, 180, 500, 268
"""Days that each network is trained on, that choose, confirm and calibrate, and of the pilot."""

HOURS_LATE = 2

WHOLE = "--cuts 0,1,3 --controls one-hot,self-stitch,random-sender --evidence kept"
QUICK = "--cuts 1 --controls none --evidence none"


def network(width: int) -> nn.Module:
    """Build three 1-D convolutions over the hours of a day, and a mean."""

    def block(before: int, after: int) -> nn.Module:
        return nn.Sequential(nn.Conv1d(before, after, 3, padding=1), nn.BatchNorm1d(after), nn.ReLU())

    return nn.Sequential(
        block(1, width),
        block(width, width),
        nn.MaxPool1d(2),
        block(width, 2 * width),
        nn.Flatten(),
        nn.Linear(24 * width, 2),
    )


def narrow() -> nn.Module:
    """Build the old network, untrained."""
    return network(4)


def wide() -> nn.Module:
    """Build the new network, untrained."""
    return network(16)


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a .ts file: one day a line, 24 hours and at last the class; return days (N, 1, 24) and classes."""
    lines = path.read_text(encoding="utf-8").split("@data\n", 1)[1].split()
    parts = [line.split(":") for line in lines]
    days = np.array([[float(hour) for hour in part[0].split(",")] for part in parts], np.float32)
    return days[:, None], np.array([int(part[-1]) - 1 for part in parts])


def find_data() -> Path:
    """Return the folder of the data inside the package aeon."""
    found = importlib.util.find_spec("aeon")
    if found is None or found.origin is None:
        raise SystemExit("no data: pip install --no-deps aeon, or name their folder with --data")
    return Path(found.origin).parent / "datasets" / "data" / "ItalyPowerDemand"


def write_data(source: Path, out: Path) -> None:
    """Write the days of every part of the story as .npz files."""
    out.mkdir(parents=True)
    both = [read(source / f"ItalyPowerDemand_{part}.ts") for part in ("TRAIN", "TEST")]
    x, y = (np.concatenate(parts) for parts in zip(*both, strict=True))
    order = np.random.default_rng(0).permutation(len(x))
    ends = np.cumsum([N_NEW, N_HELDOUT, N_PILOT])
    fit, heldout, pilot, stream = np.split(order, ends)
    np.savez(out / "days.npz", x_train=x[fit], y_train=y[fit], x_test=x[heldout], y_test=y[heldout])
    np.savez(out / "pilot.npz", x=x[pilot], y=y[pilot])
    np.savez(out / "stream.npz", x=x[stream])  # nobody labels the stream
    np.savez(out / "late.npz", x=np.roll(x[stream], HOURS_LATE, axis=-1))


def train_both(days: Path, out: Path) -> None:
    """Train the old network on the first days and the new one on all, and keep their weights."""
    with np.load(days) as arrays:
        x, y = arrays["x_train"], arrays["y_train"]
    torch.manual_seed(0)
    for factory, n in ((narrow, N_OLD), (wide, N_NEW)):
        data = ms.data_from(x[:n], y[:n], heldout=(x[:9], y[:9]))  # what is held out here scores nothing
        train(factory, data, 150, out / f"{factory.__name__}.safetensors", learning_rate=1e-2, batch_size=32)


def story(source: Path, folder: Path, options: str) -> None:
    """Tell the whole story, from two networks to an alarm."""
    data, run, candidate = folder / "data", folder / "run", folder / "candidate"
    write_data(source, data)
    train_both(data / "days.npz", folder)
    weights = " ".join(
        f"--{role}-weights {folder / name}.safetensors"
        for role, name in (("sender", "narrow"), ("receiver", "wide"))
    )
    ask(
        f"reuse meter:narrow meter:wide {weights} --data {data / 'days.npz'} --margin 0.05 {options} "
        f"--no-latency --out {run}",
        *(0, 3, 4),
    )
    down_the_road(
        run,
        candidate,
        data,
        "days.npz",
        ("stream.npz", "late.npz"),
        0.05,
        "staged: the networks are small",
    )
    ask(f"report {run} --candidate {candidate}")


def parsed() -> tuple[Path, Path, str]:
    """Return the folder of the data, that of the story, and the options of ``reuse``."""
    parser = argparse.ArgumentParser(description="From two networks of a meter to an alarm.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, help="folder with ItalyPowerDemand_TRAIN.ts and _TEST.ts")
    parser.add_argument("--quick", action="store_true", help="one cut, no verdict, some seconds")
    given = parser.parse_args()
    return given.data or find_data(), given.folder, QUICK if given.quick else WHOLE


if __name__ == "__main__":
    story(*parsed())
    sys.stdout.flush()
