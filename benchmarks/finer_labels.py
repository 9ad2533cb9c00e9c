"""Does compatibility hold when the task gets finer? The same images by 2, 10 and 40 labels: class x rotation.

    python benchmarks/finer_labels.py --data FOLDER [--models FOLDER] [--limit 4000] [--steps N]
        [--cuts CUT ...] [--json]

Two R_1111 of width 16 are trained on 25,000 images to name class and rotation (40 labels), or taken from
--models. Stitches are fitted three times: to whether the image is turned (2 labels), to its class (10), and
to both (40). Every stitched network is scored by all three label sets. Beside it stand the receiver into
itself, and clustered noise, which holds only the labels that the stitch is fitted to.

Prints for each fitted label set and each region of the grid: the share of the receiver's own score above
chance by every label set, and the share kept within the fitted labels.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from options import show

import modelstitch as ms
from modelstitch.models.zoo.checkpoint import save_checkpoint
from modelstitch.models.zoo.training import train_network
from modelstitch.results.matrix_facts import lower_triangle
from modelstitch.specs.training import Recipe

CUTS = tuple(f"layers.{index}" for index in range(5))
SETS = ("turned", "class", None)
CONTROLS = ("trained", "self-stitch", "clustered-noise")


def checkpoints(folder: Path, data: str, width: int) -> list[str]:
    """Return two networks trained on 40 labels, trained here where the folder lacks them."""
    paths = [folder / f"R1111-w{width}-class-and-rotation-s{seed}.safetensors" for seed in (0, 1)]
    for seed, path in enumerate(paths):
        if not path.is_file():
            print(f"training {path} ...", file=sys.stderr)
            loaded = ms.load_data(ms.DataSpec(source=data, limit=25_000, rotations=True))
            module, card, _ = train_network("R1111", loaded, Recipe(seed=seed, flip=False), width)
            save_checkpoint(module, card, path)
    return [str(path) for path in paths]


def regions(cuts: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """Return the cells of the diagonal, below it and above it."""
    lower = lower_triangle((len(cuts), len(cuts)))
    cells = {(i, j): (a, b) for i, a in enumerate(cuts) for j, b in enumerate(cuts)}
    return {
        "diagonal": [cell for (i, j), cell in cells.items() if i == j],
        "below": [cell for (i, j), cell in cells.items() if i != j and lower[i, j]],
        "last -> first": [(cuts[-1], cuts[0])],
        "above": [cell for (i, j), cell in cells.items() if not lower[i, j]],
    }


def summary(comparison: ms.Comparison, cuts: Sequence[str]) -> dict[str, Any]:
    """Return, by control and region, mean shares of the receiver's score by label set, and the mean kept."""
    by_cell: dict[tuple[str, str, str], dict[tuple[str, str], float]] = {}
    for row in comparison.evidence:
        if row.name == "share_by" and row.value is not None:
            cell = (row.control, row.sender_cut, row.receiver_cut)
            by_cell.setdefault(cell, {})[row.name, row.where.removeprefix("labels ")] = row.value
    kept = {cell[:2]: verdict.kept for cell, verdict in comparison.cell_verdicts().items()}
    result: dict[str, Any] = {}
    for control in CONTROLS:
        for region, cells in regions(cuts).items():
            own = [by_cell.get((control, *cell), {}) for cell in cells]
            shares = {
                labels: _mean(cell.get(("share_by", labels), math.nan) for cell in own)
                for labels in ("turned", "class", "finest")
            }
            if control == "trained":
                shares["kept"] = _mean(kept[cell] for cell in cells)
            result.setdefault(control, {})[region] = shares
    return result


def _mean(values: Iterable[float]) -> float:
    """Return a mean; NaN where a receiver is no better than chance, so that it has no share."""
    return round(statistics.fmean(values), 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", required=True)
    parser.add_argument("--models", type=Path, default=Path("runs/benchmark-models"))
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--limit", type=int, default=4000)
    parser.add_argument(
        "--steps", type=int, default=None, help="of every fit; as long as it gains without it"
    )
    parser.add_argument("--cuts", nargs="+", default=list(CUTS), help="two or more, in their order")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sender, receiver = checkpoints(options.models, options.data, options.width)
    results: dict[str, Any] = {}
    for labels in SETS:
        data = ms.DataSpec(
            source=options.data, limit=options.limit, heldout_limit=2000, rotations=True, labels=labels
        )
        comparison = ms.compare(
            sender,
            receiver,
            data,
            cuts=options.cuts,
            fit=ms.FitSpec(steps=options.steps),
            controls=CONTROLS[1:],
            evidence=("kept", "label-sets"),
        )
        name = labels or "class and rotation"
        results[name] = {
            "whole receiver": comparison.baseline("receiver"),
            "chance": comparison.chance,
            "mean accuracy": float(comparison.matrix().mean()),
            "unconverged": len(comparison.unconverged),
            **summary(comparison, options.cuts),
        }
        print(f"{name}: {results[name]}", file=sys.stderr, flush=True)
    show(results, options.json)


if __name__ == "__main__":
    main()
