"""What makes a frozen suffix faster: memory layout, folded batch norms, bfloat16, compilation on a GPU.

    python benchmarks/frozen_halves.py RECEIVER --data FOLDER [--batch 64] [--rounds 7] [--json]

Measures for every suffix the images per second of forward and gradient to the representation, in interleaved
rounds in one process. Ratios are to the plain suffix in PyTorch's default layout: the median, with the lowest
and highest round. Compilation is measured without and with CUDA graphs. Its `break-even steps` say after how
many steps the time to compile is won back.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from modelstitch.data.load import load_data
from modelstitch.grid.cell import fit_dtype
from modelstitch.grid.pool import Pool
from modelstitch.grid.side import Side
from modelstitch.models.load import load_model
from modelstitch.specs import DataSpec, FitSpec, ModelSpec

STEPS = 6


def step(half: Callable[[Tensor], Tensor], x: Tensor, labels: Tensor) -> Callable[[], object]:
    """Return one step: forward, and the gradient to the representation."""

    def run() -> object:
        leaf = x.detach().requires_grad_()
        return torch.autograd.grad(F.cross_entropy(half(leaf).float(), labels), leaf)

    return run


def seconds(run: Callable[[], object], device: torch.device) -> float:
    """Return the seconds of one step, averaged over a few."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    begin = time.perf_counter()
    for _ in range(STEPS):
        run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return (time.perf_counter() - begin) / STEPS


def measure(side: Side, cut: str, batch: int, rounds: int) -> dict[str, Any]:
    """Return images per second of the plain suffix and the gain of every variant."""
    data = side.data.train
    device = data.images.device
    indices = torch.arange(batch)
    with torch.no_grad():
        (x,) = side.halves.prefix(cut)(side.inputs.images("train", indices))
    labels = data.labels[:batch]
    last = x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x
    plain = side.suffix(cut)
    variants: dict[str, Callable[[], object]] = {
        "plain": step(plain, x.contiguous(), labels),
        "channels last": step(plain, last, labels),
        "folded, float32": step(side.fast_suffix(cut, torch.float32), last, labels),
    }
    fast = fit_dtype(FitSpec(), device)
    if fast != torch.float32:
        variants["folded, bfloat16"] = step(side.fast_suffix(cut, fast), last.to(fast), labels)
    best_eager = list(variants)[-1]
    compile_seconds: dict[str, float] = {}
    if device.type == "cuda":
        for name, mode in (("compiled", "default"), ("compiled, CUDA graphs", "reduce-overhead")):
            begin = time.perf_counter()
            half = torch.compile(side.fast_suffix(cut, fast), mode=mode)
            variants[name] = step(half, last.to(fast), labels)
            for _ in range(3):  # the second run records its graph, the third replays it
                variants[name]()
            torch.cuda.synchronize(device)
            compile_seconds[name] = time.perf_counter() - begin
    for run in variants.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, run in variants.items():
            times[name].append(seconds(run, device))
    gains: dict[str, Any] = {"images_per_second": batch / statistics.median(times["plain"])}
    for name in variants:
        ratios = [a / b for a, b in zip(times["plain"], times[name], strict=True)]
        gains[name] = [statistics.median(ratios), min(ratios), max(ratios)]
    for name, spent in compile_seconds.items():
        saved = statistics.median(times[best_eager]) - statistics.median(times[name])
        gains[f"break-even steps, {name}"] = spent / saved if saved > 0 else None
    return gains


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("receiver")
    parser.add_argument("--data", required=True)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    data = load_data(DataSpec(source=options.data, limit=500, heldout_limit=100)).to(device)
    network = load_model(ModelSpec(source=options.receiver))
    network.module.to(device)
    side = Pool(data).side(network)
    gains = {
        cut.name: measure(side, cut.name, options.batch, options.rounds) for cut in side.cutting.boundaries
    }
    if options.json:
        print(json.dumps({"device": str(device), "torch": torch.__version__, **gains}))
        return
    for cut, ratios in gains.items():
        print(f"{cut}: plain {ratios.pop('images_per_second'):.0f} images/s")
        for name, value in ratios.items():
            shown = (
                f"{value[0]:.2f} ({value[1]:.2f} to {value[2]:.2f})"
                if isinstance(value, list)
                else str(value)
            )
            print(f"    {name:18s} {shown}")


if __name__ == "__main__":
    main()
