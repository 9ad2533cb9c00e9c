"""What is lost by choosing stitches by a proxy instead of fitting and scoring all of them.

    python benchmarks/proxies.py a.safetensors b.safetensors

Fits an affine stitch to the task and one by least squares at every cell, measures *kept*, and prints for
each proxy the score that is lost: the mean over receiver cuts with its interval, the largest of a receiver
cut, and that of one choice over the whole map. Half of the held-out examples choose, three tenths score.
"""

from __future__ import annotations

import argparse
import time

import torch

import modelstitch as ms
from modelstitch.adoption.worth.regret import ProxyRegret
from modelstitch.specs import DataSpec, ModelSpec


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sender")
    parser.add_argument("receiver")
    parser.add_argument("--sender-weights")
    parser.add_argument("--receiver-weights")
    parser.add_argument("--data", default="digits")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--heldout-limit", type=int)
    parser.add_argument("--sender-cuts", nargs="+")
    parser.add_argument("--receiver-cuts", nargs="+")
    parser.add_argument("--mean", nargs="+", type=float, help="of the channels, for a model's own view")
    parser.add_argument("--std", nargs="+", type=float, help="likewise")
    parser.add_argument("--steps", type=int, help="a fixed length of every fit")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    begin = time.process_time()
    view = ms.View() if asked.mean is None else ms.View(mean=tuple(asked.mean), std=tuple(asked.std))
    result = ms.compare(
        ModelSpec(source=asked.sender, weights=asked.sender_weights, view=view),
        ModelSpec(source=asked.receiver, weights=asked.receiver_weights, view=view),
        DataSpec(source=asked.data, limit=asked.limit, heldout_limit=asked.heldout_limit),
        sender_cuts=asked.sender_cuts,
        receiver_cuts=asked.receiver_cuts,
        stitch=("affine", "affine by match"),
        fit=ms.FitSpec(steps=asked.steps),
        controls=("self-stitch", "one-hot"),  # what *kept* is scaled by
        evidence=("kept",),
    )
    found = ms.regret_of(result, stitch="affine")
    n_cells = sum(row.control == "trained" and row.stitch == "affine" for row in result.cells)
    print(
        f"\n{result.sender} into {result.receiver} on {result.data}: {n_cells} cells, whole receiver "
        f"{result.baseline('receiver'):.3f}; {found.n_choose} examples choose, {found.n_confirm} score; "
        f"{time.process_time() - begin:.0f} s of a processor, torch {torch.__version__}\n"
    )
    print("| proxy | mean over receiver cuts | largest | whole map |")
    print("| --- | --- | --- | --- |")
    for name, proxy in found.proxies.items():
        print(line(name, proxy))


def line(name: str, proxy: ProxyRegret) -> str:
    """Return a line of the table."""
    mean, whole = proxy.mean, proxy.whole
    largest = max(proxy.by_receiver, key=lambda row: row.value)
    return (
        f"| {name} | {mean.value:.3f} [{mean.low:.3f}, {mean.high:.3f}] | {largest.value:.3f} at "
        f"{largest.receiver_cut} | {whole.value:.3f} [{whole.low:.3f}, {whole.high:.3f}] |"
    )


if __name__ == "__main__":
    main()
