"""How long the search for copies takes, beside the product of all images at full size that it replaces.

    python benchmarks/near_copies.py [--data FOLDER] [--train 50000] [--heldout 10000] [--side 32] [--json]

Without --data the images are made: coarse shapes with noise, as coloured images of --side pixels, in uint8.
A hundredth of the held-out images become near copies: a training image, a little darker, with a little noise.
With --data they come from a set of images, and nothing is planted. Both ways search all pairs, one after the
other, in one process with one thread. Prints seconds and what was found.
"""

from __future__ import annotations

import argparse
import json
import time

import torch
import torch.nn.functional as F
from torch import Tensor

from modelstitch.data.load import load_data
from modelstitch.data.near_copies import LEAST_CORRELATION, near_copies
from modelstitch.specs import DataSpec

_ROWS = 500


def made(n: int, side: int, seed: int) -> Tensor:
    """Return images (n, 3, side, side) of coarse shapes with noise, in uint8."""
    generator = torch.Generator().manual_seed(seed)
    parts = []
    for some in torch.arange(n).split(2000):
        coarse = torch.randn(len(some), 3, 6, 6, generator=generator)
        x = F.interpolate(coarse, (side, side), mode="bilinear")
        x += 0.3 * torch.randn(len(some), 3, side, side, generator=generator)
        parts.append((128 + 40 * x).clamp(0, 255).to(torch.uint8))
    return torch.cat(parts)


def plant(heldout: Tensor, train: Tensor) -> int:
    """Make the first hundredth of the held-out images near copies of training images; return how many."""
    n = len(heldout) // 100
    noise = torch.randn(heldout[:n].shape, generator=torch.Generator().manual_seed(2))
    heldout[:n] = (0.9 * train[:n].float() + noise).clamp(0, 255).to(torch.uint8)
    return n


def at_full_size(images: Tensor, others: Tensor) -> Tensor:
    """Return which images have a near copy, by the product of all images."""

    def normalised(x: Tensor) -> Tensor:
        x = x.float().flatten(1)
        return F.normalize(x - x.mean(1, keepdim=True))

    theirs = normalised(others)
    return torch.cat(
        [(normalised(some) @ theirs.T).amax(1) >= LEAST_CORRELATION for some in images.split(_ROWS)]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data")
    parser.add_argument("--train", type=int, default=50_000)
    parser.add_argument("--heldout", type=int, default=10_000)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--without-product", action="store_true", help="leave the product out")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    planted = 0
    if options.data:
        data = load_data(DataSpec(source=options.data, limit=options.train, heldout_limit=options.heldout))
        train, heldout = data.train.images, data.heldout.images
    else:
        train, heldout = made(options.train, options.side, 0), made(options.heldout, options.side, 1)
        planted = plant(heldout, train)
    labels = torch.zeros(len(heldout), dtype=torch.int64), torch.zeros(len(train), dtype=torch.int64)
    start = time.perf_counter()
    found, _ = near_copies(heldout, train, *labels)
    figures = {
        "images": [list(train.shape), list(heldout.shape)],
        "planted": planted,
        "found": int(found.sum()),
        "seconds": round(time.perf_counter() - start, 1),
    }
    if not options.without_product:
        start = time.perf_counter()
        figures["same"] = bool((at_full_size(heldout, train) == found).all())
        figures["product_seconds"] = round(time.perf_counter() - start, 1)
    print(json.dumps(figures) if options.json else "\n".join(f"{k}: {v}" for k, v in figures.items()))


if __name__ == "__main__":
    main()
