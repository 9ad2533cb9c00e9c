"""Are stitches of the lower-left triangle hacks? Verdicts on trained pairs, whose truth nobody knows.

    python benchmarks/are_they_hacks.py --data FOLDER [--models FOLDER] [--out FOLDER] [--quick]
    python benchmarks/are_they_hacks.py --data FOLDER --width 64 --trained 50000      # full width, on a GPU

Trains R_1111 of width 16 on 25,000 images, or takes the networks from --models:

- two seeds, and the receiver trained on for an epoch;
- one network on rotations, one on shuffled labels;
- one on images with a patch in the corner that gives the label away.

The first network is the receiver of every pair. Stitches are fitted on 10,000 images and measured on 2,000
held-out images. The two seeds are stitched at all 25 cells, the other pairs at layers 0, 2 and 4. The pair
with the patch is fitted and scored on images with the patch, all other pairs on plain images. --quick takes
2,000 images to fit on, and layers 0, 2 and 4.

Prints for each pair the accuracies, the share kept and both answers of the verdict, and how often the
triangle is interchangeable.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import modelstitch as ms
from modelstitch.data.parts import Data, DataPart
from modelstitch.data.views import show
from modelstitch.models.zoo.checkpoint import Card, read_card, save_checkpoint
from modelstitch.models.zoo.training import train_network
from modelstitch.results.matrix_facts import lower_triangle
from modelstitch.specs.training import Recipe
from modelstitch.util.devices import choose_device
from modelstitch.util.narrow_convolutions import right_gradients

N_FITTED, N_HELDOUT = 10_000, 2000
EVERY = tuple(f"layers.{index}" for index in range(5))
FEW = EVERY[::2]


def rotated(data: Data, seed: int) -> Data:
    """Return images turned by 0, 90, 180 or 270 degrees, labelled with the turn."""

    def part(split: DataPart) -> DataPart:
        generator = torch.Generator().manual_seed(seed)
        turns = torch.randint(4, (len(split),), generator=generator)
        images = torch.stack(
            [image.rot90(int(k), (1, 2)) for image, k in zip(split.images, turns, strict=True)]
        )
        return DataPart(images, turns)

    return replace(
        data,
        train=part(data.train),
        heldout=part(data.heldout),
        classes=("0", "90", "180", "270"),
        name=f"{data.name}, rotations",
    )


def relabelled(data: Data, seed: int) -> Data:
    """Return the same images with their training labels shuffled."""
    order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(seed))
    return replace(
        data, train=DataPart(data.train.images, data.train.labels[order]), name=f"{data.name}, shuffled"
    )


def patched(data: Data) -> Data:
    """Return the images with a 4 x 4 patch in one corner whose grey tells the class."""

    def part(split: DataPart) -> DataPart:
        images = split.images.clone()
        images[:, :, :4, :4] = (split.labels * 255 // (len(data.classes) - 1)).to(torch.uint8)[
            :, None, None, None
        ]
        return DataPart(images, split.labels)

    return replace(data, train=part(data.train), heldout=part(data.heldout), name=f"{data.name}, patch")


def hashes(images: Tensor) -> list[bytes]:
    """Return a short hash of each image."""
    return [hashlib.blake2b(image.numpy().tobytes(), digest_size=12).digest() for image in images]


def unseen(everything: Data, seen: DataPart, n_train: int) -> DataPart:
    """Return training images that are not among ``seen``."""
    known = set(hashes(seen.images))
    new = [index for index, image in enumerate(hashes(everything.train.images)) if image not in known]
    return everything.train.take(torch.tensor(new[:n_train]))


def networks(folder: Path, data: Data, width: int, senders: Sequence[str]) -> dict[str, Path]:
    """Return the checkpoints of the receiver and of some senders; train those that the folder lacks."""
    tasks: dict[str, Callable[[], tuple[Data, int]]] = {
        "s0": lambda: (data, 0),
        "s1": lambda: (data, 1),
        "rotations": lambda: (rotated(data, 0), 2),
        "shuffled": lambda: (relabelled(data, 0), 3),
        "patch": lambda: (patched(data), 4),
    }
    paths = {name: folder / f"R1111-w{width}-{name}.safetensors" for name in ("s0", *senders)}
    for name, path in paths.items():
        if path.is_file():
            continue
        print(f"training {name} ...", file=sys.stderr)
        if name == "tuned":
            module, card = tuned(paths["s0"], data)
        else:
            task, seed = tasks[name]()
            module, card, _ = train_network("R1111", task, Recipe(seed=seed), width)
        save_checkpoint(module, card, path)
        print(f"  {card.accuracy:.3f} on its own task", file=sys.stderr)
    return paths


def tuned(path: Path, data: Data) -> tuple[nn.Module, Card]:
    """Return the receiver trained on for an epoch at a constant rate, with its card."""
    network = ms.load_model(ms.ModelSpec(source=str(path)))
    card = read_card(path)
    module = network.module.train().to(data.train.images.device)
    for parameter in module.parameters():
        parameter.requires_grad_(True)
    optimiser = torch.optim.SGD(module.parameters(), 0.01, momentum=0.9, weight_decay=5e-4)
    order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(5))
    with right_gradients(module.parameters()):
        for indices in order.split(256):
            loss = torch.nn.functional.cross_entropy(
                module(show(data.train.images[indices], network.view)),
                data.train.labels[indices.to(data.train.labels.device)],
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    assert card is not None
    return module.eval(), replace(card, seed=100)


def show_pair(name: str, result: ms.Comparison) -> dict[str, dict[str, Any]]:
    """Print one pair as Markdown and return it as plain values."""
    verdicts = result.cell_verdicts()
    matrix = result.matrix()
    receivers = [str(cut) for cut in matrix["receiver_cut"].to_numpy()]
    print(f"\n### {name}\n")
    print("| | " + " | ".join(cut.removeprefix("layers.") for cut in receivers) + " |")
    print("|---" * (len(receivers) + 1) + "|")
    kept = {}
    for sender in (str(cut) for cut in matrix["sender_cut"].to_numpy()):
        row = []
        for receiver in receivers:
            verdict = verdicts[sender, receiver, result.stitches[0]]
            accuracy = float(matrix.sel(sender_cut=sender, receiver_cut=receiver))
            share = "–" if math.isnan(verdict.kept) else f"{100 * verdict.kept:.0f} %"
            learnt = "" if verdict.learnt == "not asked" else f", {verdict.learnt}"
            row.append(f"{accuracy:.2f}, {share}, {verdict.name}{learnt}")
            kept[f"{sender} -> {receiver}"] = {
                "accuracy": accuracy,
                "kept": None if math.isnan(verdict.kept) else verdict.kept,
                "verdict": verdict.name,
                "learnt": verdict.learnt,
                "confidence": verdict.confidence,
                "reason": verdict.sentence,
            }
        print(f"| {sender.removeprefix('layers.')} | " + " | ".join(row) + " |", flush=True)
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", required=True)
    parser.add_argument("--models", type=Path, default=Path("runs/benchmark-models"))
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--unseen", action="store_true", help="fit on images that no network was trained on")
    parser.add_argument("--only", nargs="+", default=["s1", "tuned", "rotations", "shuffled", "patch"])
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--trained", type=int, default=25_000, help="images that the networks are trained on")
    options = parser.parse_args()
    seen = ms.load_data(ms.DataSpec(source=options.data, limit=options.trained))
    paths = networks(options.models, seen.to(choose_device("auto")), options.width, options.only)
    n_fitted = 2000 if options.quick else N_FITTED
    plain = ms.load_data(ms.DataSpec(source=options.data, limit=n_fitted, heldout_limit=N_HELDOUT))
    known = set(hashes(seen.train.images))
    overlap = sum(image in known for image in hashes(plain.train.images))
    print(f"the networks were trained on {overlap} of the {len(plain.train)} images to fit on")
    if options.unseen:
        everything = ms.load_data(ms.DataSpec(source=options.data))
        plain = replace(plain, train=unseen(everything, seen.train, n_fitted), name=f"{plain.name}, unseen")
        print(f"fitted on {len(plain.train)} images that neither network was trained on")
    pairs = {}
    for name in options.only:
        begin = time.perf_counter()
        result = ms.compare(
            str(paths[name]),
            str(paths["s0"]),
            patched(plain) if name == "patch" else plain,
            cuts=EVERY if name == "s1" and not options.quick else FEW,
            out=None if options.out is None else options.out / name,
        )
        pairs[name] = show_pair(f"{name} into s0", result)
        print(f"\n{time.perf_counter() - begin:.0f} s", flush=True)
        if name == "s1":
            rows, columns = result.matrix().shape
            triangle = lower_triangle((rows, columns))
            names = [cell["verdict"] for cell in pairs[name].values()]
            inside = [v for v, low in zip(names, triangle.flatten().tolist(), strict=True) if low]
            print("lower-left triangle: " + ", ".join(f"{inside.count(v)} {v}" for v in sorted(set(inside))))
    if options.json:
        options.json.write_text(json.dumps(pairs, indent=1))


if __name__ == "__main__":
    main()
