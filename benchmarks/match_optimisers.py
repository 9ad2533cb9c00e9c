"""Why does the paper's similarity-trained stitch score about 0.1? By SGD, by Adam and in closed form.

    python benchmarks/match_optimisers.py SENDER RECEIVER --data FOLDER [--limit 10000] [--epochs 4] [--json]

SENDER and RECEIVER are checkpoints of R1111 (width 16 on a CPU, width 64 on a GPU). The cells are the five of
the diagonal and three others. For each cell and each way of minimising the squared error it prints the error
on held-out examples, as a share of the expected representation's variance, and the accuracy of the stitched
network.
"""

from __future__ import annotations

import json
from dataclasses import replace

import torch
from options import parser_of_pair

from modelstitch.grid.cell import FittedCell
from modelstitch.grid.grid import Budget, fit_grid
from modelstitch.runs.prepare import prepare
from modelstitch.runs.session import Session
from modelstitch.specs import CellSpec, DataSpec, FitSpec

CELLS = ((0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (4, 0), (0, 4), (2, 1))


def error(session: Session, fitted: FittedCell) -> float:
    """Return the squared error on held-out examples as a share of the expected variance."""
    pair, heldout = session.pair, session.pair.data.heldout
    squares, variance, mean = 0.0, 0.0, None
    for indices in torch.arange(len(heldout)).split(500):
        with torch.no_grad():
            (x,) = pair.sender.halves.prefix(fitted.spec.sender_cut)(
                pair.sender.inputs.images("held-out", indices)
            )
            (e,) = pair.receiver.halves.prefix(fitted.spec.receiver_cut)(
                pair.receiver.inputs.images("held-out", indices)
            )
            mean = e.mean(0) if mean is None else mean
            squares += (fitted.stitch(x) - e).square().sum().item()
            variance += (e - mean).square().sum().item()
    return squares / variance


def main() -> None:
    parser = parser_of_pair(__doc__)
    parser.add_argument("--epochs", type=float, default=4)
    options = parser.parse_args()
    names = [f"layers.{index}" for index in range(5)]
    source = DataSpec(source=options.data, limit=options.limit, heldout_limit=2000)
    session = prepare(options.sender, options.receiver, source, cuts=names, controls=())
    sgd = FitSpec.named("paper", objective="match", epochs=options.epochs)
    ways = {
        "closed form": FitSpec(objective="match"),
        "SGD, the paper's values": sgd,
        "SGD, no weight decay": replace(sgd, weight_decay=0.0),
        "SGD, no weight decay, 10 x rate": replace(sgd, weight_decay=0.0, learning_rate=0.1),
        "Adam 0.01": replace(sgd, optimiser="adam", weight_decay=0.0),
    }
    outcomes: dict[str, list[dict[str, float | str]]] = {}
    for way, spec in ways.items():
        cells = [
            CellSpec(sender_cut=names[i], receiver_cut=names[j], objective="match", seed=0) for i, j in CELLS
        ]
        outcomes[way] = []
        for fitted in fit_grid(session.pair, cells, spec, Budget(bytes=4 * 10**9)):
            cell = f"{fitted.spec.sender_cut} -> {fitted.spec.receiver_cut}"
            share = error(session, fitted)
            outcomes[way].append({"cell": cell, "error": share, "accuracy": fitted.accuracy})
            if not options.json:
                print(f"{way:34s} {cell:22s} error {share:7.3f}  accuracy {fitted.accuracy:.3f}", flush=True)
    if options.json:
        print(json.dumps(outcomes))


if __name__ == "__main__":
    main()
