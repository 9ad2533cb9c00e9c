"""Accuracy of R1111 at the paper's width on a whole data set, three seeds; meant for a GPU.

    python benchmarks/train_full_width.py --data FOLDER [--seeds 0 1 2] [--epochs 16] [--width 64]
                                          [--out FOLDER]

Prints as JSON: hardware, versions, accuracy and seconds of each seed, their mean and their spread. It has not
been run at full width, which needs a GPU: no document has a figure of it.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
from pathlib import Path

import torch

from modelstitch.data.load import load_data
from modelstitch.models.zoo.checkpoint import save_checkpoint
from modelstitch.models.zoo.training import train_network
from modelstitch.specs import DataSpec
from modelstitch.specs.training import Recipe
from modelstitch.util.devices import choose_device


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", required=True)
    parser.add_argument("--network", default="R1111")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--limit", type=int)
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--out", type=Path, help="keep the networks there, named as the other benchmarks take them"
    )
    options = parser.parse_args()
    device = choose_device(options.device)
    data = load_data(DataSpec(source=options.data, limit=options.limit)).to(device)
    runs = []
    for seed in options.seeds:
        recipe = Recipe(epochs=options.epochs, seed=seed)
        module, card, trained = train_network(options.network, data, recipe, options.width)
        if options.out is not None:
            options.out.mkdir(parents=True, exist_ok=True)
            save_checkpoint(
                module, card, options.out / f"{options.network}-w{options.width}-s{seed}.safetensors"
            )
        runs.append({"seed": seed, "accuracy": trained.accuracy, "seconds": round(trained.seconds, 1)})
    accuracies = [run["accuracy"] for run in runs]
    print(
        json.dumps(
            {
                "device": torch.cuda.get_device_name(device)
                if device.type == "cuda"
                else platform.processor(),
                "torch": torch.__version__,
                "network": options.network,
                "width": options.width,
                "epochs": options.epochs,
                "n_train": len(data.train),
                "n_heldout": len(data.heldout),
                "runs": runs,
                "mean_accuracy": statistics.mean(accuracies),
                "spread": max(accuracies) - min(accuracies),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
