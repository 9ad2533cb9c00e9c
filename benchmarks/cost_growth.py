"""How the time of a grid grows with cuts, models, images and width, as a picture.

    python benchmarks/cost_growth.py --data FOLDER [--out cost_growth.png] [--json]

Networks are untrained: time does not depend on what they learnt. Every fit has 40 steps, so that all points
do the same kind of work. The picture shows seconds against each quantity, beside a line of proportional
growth from the first point.

For models, all ordered pairs of n models are stitched. Their time should be a n + b n (n - 1). The work of
one model (capture, representations, own moments) is done once; fits are done for every pair. a and b are
estimated from n = 2 and 3. Their prediction for the largest n is printed beside the measured time.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from modelstitch.data.load import load_data
from modelstitch.grid.grid import Budget, fit_grid
from modelstitch.grid.pool import Pair, Pool
from modelstitch.models.load import load_model
from modelstitch.specs import CellSpec, DataSpec, FitSpec, ModelSpec

FIT = FitSpec(steps=40)


def seconds(data: str, n_cuts: int = 3, n_models: int = 2, limit: int = 2000, width: int = 16) -> float:
    """Return the seconds that all ordered pairs of ``n_models`` take."""
    loaded = load_data(DataSpec(source=data, limit=limit, heldout_limit=limit))
    models = [
        load_model(ModelSpec(source=f"zoo:R1111(width={width})", seed=seed)) for seed in range(n_models)
    ]
    names = [f"layers.{index}" for index in (4, 2, 0, 3, 1)[:n_cuts]]
    cells = [CellSpec(sender_cut=a, receiver_cut=b) for a in names for b in names]
    begin = time.perf_counter()
    pool = Pool(loaded, many=n_models > 2)
    for sender in models:
        for receiver in models:
            if sender is not receiver:
                list(fit_grid(Pair(sender, receiver, loaded, pool), cells, FIT, Budget(bytes=4 * 10**9)))
    return time.perf_counter() - begin


def predicted(points: dict[int, float]) -> dict[str, float]:
    """Solve a n + b n (n - 1) through the first two numbers of models, and tell the last one from it."""
    (m, first), (n, second) = list(points.items())[:2]
    b = (second / n - first / m) / (n - m)
    a = first / m - b * (m - 1)
    last = max(points)
    return {
        "a_seconds_a_model": a,
        "b_seconds_a_pair": b,
        "predicted": a * last + b * last * (last - 1),
        "measured": points[last],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", type=Path, default=Path("cost_growth.png"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    seconds(options.data, 1)  # warm
    curves: dict[str, dict[int, float]] = {
        "cuts of each model": {n: seconds(options.data, n_cuts=n) for n in (1, 2, 3, 5)},
        "models, all pairs": {n: seconds(options.data, 2, n_models=n) for n in (2, 3, 5)},
        "images": {n: seconds(options.data, 2, limit=n) for n in (1000, 2000, 4000, 8000)},
        "width": {n: seconds(options.data, 2, width=n) for n in (8, 16, 32)},
    }
    figure = Figure(figsize=(12, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    for ax, (name, points) in zip(figure.subplots(1, 4), curves.items(), strict=True):
        first = next(iter(points))
        ax.plot(list(points), list(points.values()), marker="o", label="measured")
        ax.plot(
            list(points),
            [points[first] * n / first for n in points],
            "--",
            color="grey",
            label="in proportion",
        )
        ax.set_xlabel(name)
        ax.set_ylabel("seconds")
        ax.set_ylim(bottom=0)
    figure.axes[0].legend()
    figure.savefig(options.out, dpi=120)
    result = {**curves, "n models": predicted(curves["models, all pairs"])}
    print(json.dumps(result) if options.json else json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
