"""An old and a new inspection network, from ``reuse`` to an alarm. Staged: drawn defects on a real wall.

The photograph is ``brick.png`` of the package scikit-image (CC0; ``pip install scikit-image``). Small squares
are cut out of it, and on three of four a defect is drawn: a crack, a stain, a chip. Fitting takes them from
the upper part of the wall; testing, the pilot and the stream draw theirs from the lower. The old network is
narrow and saw few squares, the new one is wide. Could the old network's first layers do the work of the new
one's?

It writes everything into a folder, and prints each command with what it says::

    python examples/inspection.py inspection            # some minutes
    python examples/inspection.py inspection --quick    # a small form, some seconds
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from road import ask, down_the_road

CLASSES = ("intact", "crack", "stain", "chip")


@dataclass(frozen=True)
class Form:
    """How large the example is.

    Attributes:
        side: of a square in pixels.
        n_old: squares that the old network is trained on.
        n_new: squares that the new network is trained on.
        n_heldout: squares that choose, confirm and calibrate.
        n_pilot: squares of the pilot.
        n_stream: squares of the stream, before the lamp ages and after.
        old, new: widths of both networks.
        epochs: of their training.
        cuts: of both.
        margin: points of accuracy that may be lost.
        options: further options of ``reuse``.
    """

    side: int
    n_old: int
    n_new: int
    n_heldout: int
    n_pilot: int
    n_stream: int
    old: int
    new: int
    epochs: int
    cuts: str
    margin: float
    options: str = ""


WHOLE = Form(
    *(24, 1500, 6000, 6000, 6000, 1500, 8, 16, 6, "layers.1", 0.05),
    options="--limit 1500 --controls one-hot,self-stitch --evidence kept",
)
QUICK = Form(
    *(12, 300, 600, 1000, 1000, 600, 2, 4, 4, "layers.1", 0.15),
    options="--controls none --evidence none",
)


def wall() -> np.ndarray:
    """Return the photograph (512, 512) in 0-1."""
    from skimage.data import brick

    read: Callable[[], np.ndarray] = brick
    return np.asarray(read(), dtype=np.float32) / 255


def squares(
    n: int, side: int, rows: tuple[int, int], seed: int, light: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return squares (n, side, side) in 0-255 and their classes (n,).

    Args:
        n: how many; all classes are as frequent.
        side: in pixels.
        rows: of the photograph that they are cut from.
        seed: of places and defects.
        light: of the lamp; below 1 it is darker and leaves more noise.
    """
    photograph, draw = wall(), np.random.default_rng(seed)
    labels = draw.permutation(np.arange(n) % len(CLASSES))
    images: np.ndarray = np.empty((n, side, side), np.float32)
    for at, label in enumerate(labels):
        top = draw.integers(rows[0], rows[1] - side)
        left = draw.integers(0, photograph.shape[1] - side)
        images[at] = photograph[top : top + side, left : left + side]
        if label:
            DEFECTS[label - 1](images[at], draw)
    images = light * images + draw.normal(0, 0.02 + 0.1 * (1 - light), images.shape)
    return (255 * images.clip(0, 1)).round().astype(np.uint8), labels.astype(np.int64)


def _crack(image: np.ndarray, draw: np.random.Generator) -> None:
    """Draw a dark line that wanders from one side to the other."""
    side = len(image)
    at = draw.uniform(0.2, 0.8) * side
    turned = image.T if draw.random() < 0.5 else image
    for column in range(side):
        at = float(np.clip(at + draw.normal(0, 0.8), 0, side - 1))
        turned[int(at), column] *= draw.uniform(0.2, 0.6)


def _blot(image: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Return how strongly each pixel belongs to a round patch."""
    side = len(image)
    y, x = np.mgrid[:side, :side] / side
    middle = draw.uniform(0.25, 0.75, 2)
    far = ((y - middle[0]) ** 2 + (x - middle[1]) ** 2) / draw.uniform(0.12, 0.22) ** 2
    return np.asarray(np.exp(-(far**2)), dtype=np.float32)


def _stain(image: np.ndarray, draw: np.random.Generator) -> None:
    """Darken a soft patch; the texture still shows."""
    image *= 1 - draw.uniform(0.25, 0.5) * _blot(image, draw)


def _chip(image: np.ndarray, draw: np.random.Generator) -> None:
    """Put a flat patch in place of the texture."""
    patch = _blot(image, draw)
    image *= 1 - patch
    image += patch * draw.uniform(0.55, 0.8)


DEFECTS: tuple[Callable[[np.ndarray, np.random.Generator], None], ...] = (_crack, _stain, _chip)


def write_data(folder: Path, form: Form) -> None:
    """Write the squares of every part of the story as .npz files."""
    folder.mkdir(parents=True)
    x_train, y_train = squares(form.n_new, form.side, (0, 220), seed=0)
    x_test, y_test = squares(form.n_heldout, form.side, (220, 512), seed=1)
    np.savez_compressed(folder / "wall.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    for name, n, light, seed in (
        ("pilot", form.n_pilot, 1.0, 2),
        ("week-1", form.n_stream, 1.0, 3),
        ("week-2", form.n_stream, 0.6, 4),
    ):
        x, y = squares(n, form.side, (220, 512), seed=seed, light=light)
        # The stream has no labels; the pilot has them.
        np.savez_compressed(folder / f"{name}.npz", x=x, y=y if name == "pilot" else np.full(n, -1))


def story(folder: Path, form: Form) -> None:
    """Tell the whole story, from two networks to an alarm."""
    write_data(folder / "data", form)
    wall_data, run, candidate = folder / "data" / "wall.npz", folder / "run", folder / "candidate"
    for name, width, n, seed in (("old", form.old, form.n_old, 0), ("new", form.new, form.n_new, 1)):
        ask(
            f"train zoo:R1111 --data {wall_data} --width {width} --limit {n} --seed {seed} "
            f"--epochs {form.epochs} --batch-size 64 --learning-rate 0.1 --out {folder / name}.safetensors"
        )
    # 0: a candidate qualifies; 3: undecided; 4: none does. The page says more.
    ask(
        f"reuse {folder / 'old'}.safetensors {folder / 'new'}.safetensors --data {wall_data} "
        f"--cuts {form.cuts} --margin {form.margin} {form.options} --no-latency --out {run}",
        *(0, 3, 4),
    )
    down_the_road(
        run,
        candidate,
        folder / "data",
        "wall.npz",
        ("week-1.npz", "week-2.npz"),
        form.margin,
        "staged: the defects are drawn",
    )
    for language in ("en", "ja"):
        ask(f"report {run} --candidate {candidate} --lang {language}")


def parsed() -> tuple[Path, Form]:
    """Return the folder and the form that were asked for."""
    parser = argparse.ArgumentParser(description="From two inspection networks to an alarm.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quick", action="store_true", help="a small form, some seconds")
    given = parser.parse_args()
    return given.folder, QUICK if given.quick else WHOLE


if __name__ == "__main__":
    story(*parsed())
    sys.stdout.flush()
