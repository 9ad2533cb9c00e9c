"""What the interval of kept leaves out: the seed of the fit, and the sample that it was fitted to.

    python benchmarks/seed_spread.py SENDER RECEIVER --data digits [--cuts NAME ...] [--seeds 20]

Fits every cell between the cuts, its self-stitch and its label-only sender with each seed on all training
examples, and with seed 0 on as many random halves of them. Prints for each cell kept, half the width of its
interval in one of these maps, and the standard deviations of kept over seeds and over halves. The spread over
random halves of one sample is about that over new samples of the whole size (half-sampling, Efron 1982). The
held-out examples are the same throughout.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from options import parser_of_pair, show

import modelstitch as ms
from modelstitch.data.load import load_data
from modelstitch.data.parts import Data
from modelstitch.results.rows import KeptRow
from modelstitch.specs import SELF_STITCH, TRAINED, DataSpec

_CONTROLS = (SELF_STITCH, "one-hot")


def halves(data: Data, n: int) -> Iterator[Data]:
    """Yield the data with random halves of their training part."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(n):
        order = torch.randperm(len(data.train), generator=generator)
        yield replace(data, train=data.train.take(order[: len(order) // 2].sort().values))


def by_cell(rows: Sequence[KeptRow]) -> dict[str, list[KeptRow]]:
    """Return the rows of the trained pair by cell."""
    found: dict[str, list[KeptRow]] = {}
    for row in rows:
        if row.control == TRAINED:
            found.setdefault(f"{row.sender_cut} -> {row.receiver_cut}", []).append(row)
    return found


def spread(rows: Sequence[KeptRow]) -> float:
    """Return the standard deviation of kept; NaN of fewer than two known values."""
    known = [row.kept for row in rows if row.kept is not None]
    return round(float(np.std(known, ddof=1)), 4) if len(known) > 1 else math.nan


def half(row: KeptRow) -> float:
    """Return half the width of the interval of kept; NaN where it is not known."""
    return math.nan if row.high is None or row.low is None else (row.high - row.low) / 2


def middle(values: Sequence[float]) -> float:
    """Return the mean; NaN of no values."""
    return round(float(np.mean(values)), 4) if values else math.nan


def summary(
    seeds: Mapping[str, Sequence[KeptRow]], samples: Mapping[str, Sequence[KeptRow]]
) -> dict[str, Any]:
    """Return the spreads beside the width, by cell."""
    return {
        cell: {
            "kept": middle([row.kept for row in rows if row.kept is not None]),
            "half_width": round(float(np.mean([half(row) for row in samples[cell]])), 4),
            "over_seeds": spread(rows),
            "over_training_samples": spread(samples[cell]),
            "unknown": sum(row.kept is None for row in [*rows, *samples[cell]]),
        }
        for cell, rows in seeds.items()
    }


def main() -> None:
    parser = parser_of_pair(__doc__)
    parser.add_argument("--cuts", nargs="*")
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = load_data(DataSpec(source=options.data, limit=options.limit))

    def rows(some: Data, seeds: Sequence[int]) -> list[KeptRow]:
        compared = ms.compare(
            options.sender,
            options.receiver,
            some,
            cuts=options.cuts,
            controls=_CONTROLS,
            evidence=("kept",),
            seeds=seeds,
        )
        return list(compared.kept)

    of_seeds = rows(data, range(options.seeds))
    of_samples = [row for half in halves(data, options.seeds) for row in rows(half, (0,))]
    show(summary(by_cell(of_seeds), by_cell(of_samples)), options.json)


if __name__ == "__main__":
    main()
