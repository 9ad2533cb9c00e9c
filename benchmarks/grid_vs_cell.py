"""The grid engine against a plain loop that follows the paper's protocol, one cell after another.

    python benchmarks/grid_vs_cell.py --data FOLDER [--quick] [--budget-check] [--json]

Two R_1111 of width 16 are trained here on 25,000 images, or taken from --models. All 25 cells are fitted on
10,000 training images with three fitting seeds, and scored on all 10,000 test images. --quick takes one seed
and 2,000 test images.

The loop is what the authors' scripts do: for each cell, prefix, stitch and suffix of plain PyTorch modules,
SGD with momentum 0.9, batch 256, learning rate 0.01, weight decay 0.01, 4 epochs, warm-up and cosine. The
comparison is fair to the loop: its tensors are resident, and its images per second are reported against the
same modules run bare. It runs in PyTorch's default memory layout; the gain of channels last is measured
beside it. The engine's time is end to end: representations, moments, closed forms, fits, scores.

Prints:

- ratio: seconds of the loop over seconds of the engine;
- mean_gain: mean accuracy of the engine minus that of the loop;
- worst_cell: the lowest end of the simultaneous 95 % intervals of the cells' differences;
- the share of the machine's own convolution rate that the engine reaches.

--budget-check fits again with ten times the steps of each cell, and prints the gaps.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from floor import floor, wait
from torch import Tensor, nn

from modelstitch.controls.reinitialise import untrained
from modelstitch.data.load import load_data
from modelstitch.data.views import show
from modelstitch.grid.cell import FittedCell
from modelstitch.grid.grid import Budget, fit_grid
from modelstitch.models.load import load_model
from modelstitch.models.network import Network
from modelstitch.models.zoo.checkpoint import save_checkpoint
from modelstitch.models.zoo.resnet import SmallResNet
from modelstitch.models.zoo.training import train_network
from modelstitch.runs.prepare import prepare
from modelstitch.runs.session import Session
from modelstitch.specs import DataSpec, FitSpec, ModelSpec
from modelstitch.specs.training import Recipe

BATCH, EPOCHS, RATE, DECAY, WARMUP = 256, 4, 0.01, 0.01, 0.1
# Two-sided normal quantile of 0.05 / 25 (Bonferroni over the cells).
SIMULTANEOUS = 3.0902


def checkpoints(folder: Path, data: str, width: int) -> list[Path]:
    """Return two trained networks, trained here where the folder lacks them."""
    paths = [folder / f"R1111-w{width}-s{seed}.safetensors" for seed in (0, 1)]
    for seed, path in enumerate(paths):
        if not path.is_file():
            print(f"training {path} ...", file=sys.stderr)
            loaded = load_data(DataSpec(source=data, limit=25_000))
            module, card, _ = train_network("R1111", loaded, Recipe(seed=seed), width)
            save_checkpoint(module, card, path)
    return paths


class Loop:
    """One cell after another, each through both whole networks, in plain PyTorch."""

    def __init__(self, networks: list[Network], session: Session, layout: torch.memory_format) -> None:
        self.layout = layout
        data = session.pair.data
        self.device = data.train.images.device
        self.train = self._resident(networks[0], data.train.images)
        self.heldout = self._resident(networks[0], data.heldout.images)
        self.labels, self.heldout_labels = data.train.labels, data.heldout.labels
        self.parts = []
        for network in networks:
            module = network.module
            assert isinstance(module, SmallResNet)
            module = module.eval().to(self.device, memory_format=layout)  # type: ignore[call-overload]
            for parameter in module.parameters():
                parameter.requires_grad_(False)
            self.parts.append(module)

    def _resident(self, network: Network, images: Tensor) -> Tensor:
        shown = torch.cat([show(part, network.view) for part in images.split(1000)])
        return shown.contiguous(memory_format=self.layout)

    def halves(self, i: int, j: int) -> tuple[nn.Module, nn.Module, nn.Module]:
        """Return prefix, stitch and suffix of one cell."""
        prefix = self.parts[0].layers[: i + 1]
        suffix = nn.Sequential(*self.parts[1].layers[j + 1 :], self.parts[1].head)
        with torch.no_grad():
            one = self.train[:1]
            provided, expected = prefix(one), self.parts[1].layers[: j + 1](one)
        stride = max(1, provided.shape[-1] // expected.shape[-1])
        up = max(1, expected.shape[-1] // provided.shape[-1])
        stitch: nn.Module = nn.Conv2d(provided.shape[1], expected.shape[1], stride, stride)
        if up > 1:
            stitch = nn.Sequential(nn.Upsample(scale_factor=up, mode="nearest"), stitch)
        return prefix, stitch.to(self.device, memory_format=self.layout), suffix  # type: ignore[call-overload]

    def fit(self, i: int, j: int, seed: int, n_steps: int | None = None) -> tuple[nn.Module, float]:
        """Fit one cell; return the stitch and the training images per second."""
        torch.manual_seed(seed)
        prefix, stitch, suffix = self.halves(i, j)
        optimiser = torch.optim.SGD(stitch.parameters(), RATE, momentum=0.9, weight_decay=DECAY)
        per_epoch = len(self.labels) // BATCH
        total = n_steps or EPOCHS * per_epoch
        warm = max(1, round(WARMUP * total))
        begin, step = time.perf_counter(), 0
        while step < total:
            order = torch.randperm(len(self.labels)).to(self.device)
            for indices in order[: per_epoch * BATCH].split(BATCH):
                if step == total:
                    break
                for group in optimiser.param_groups:
                    share = (step - warm) / max(1, total - warm)
                    group["lr"] = RATE * (
                        (step + 1) / warm if step < warm else 0.5 * (1 + math.cos(math.pi * share))
                    )
                with torch.no_grad():
                    provided = prefix(self.train[indices])
                loss = F.cross_entropy(suffix(stitch(provided)), self.labels[indices])
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
                step += 1
        wait(self.device)
        return stitch, total * BATCH / (time.perf_counter() - begin)

    def score(self, i: int, j: int, stitch: nn.Module) -> Tensor:
        """Return which test images the stitched network gets right."""
        prefix, _, suffix = self.halves(i, j)
        correct = []
        with torch.no_grad():
            for images, labels in zip(
                self.heldout.split(BATCH), self.heldout_labels.split(BATCH), strict=True
            ):
                correct.append(suffix(stitch(prefix(images))).argmax(1) == labels)
        return torch.cat(correct).cpu()

    def bare(self, i: int, j: int, n_steps: int) -> float:
        """Return the images per second of the two halves alone: forward of both, gradient of the second."""
        prefix, _, suffix = self.halves(i, j)
        images = self.train[:BATCH]
        with torch.no_grad():
            expected = self.parts[1].layers[: j + 1](images)
        wait(self.device)
        begin = time.perf_counter()
        for _ in range(n_steps):
            with torch.no_grad():
                prefix(images)
            leaf = expected.detach().requires_grad_()
            loss = F.cross_entropy(suffix(leaf), self.labels[:BATCH])
            torch.autograd.grad(loss, leaf)
        wait(self.device)
        return n_steps * BATCH / (time.perf_counter() - begin)


def run_loop(
    loop: Loop, n: int, seeds: list[int], cache: Path | None
) -> tuple[list[float], dict[tuple[int, int], list[Tensor]]]:
    """Fit and score all cells for every seed; return the seconds of each seed and the answers.

    A seed takes a quarter of an hour. With a cache, each finished seed is saved, and the next run reads it.
    """
    seconds: list[float] = []
    correct: dict[tuple[int, int], list[Tensor]] = {}
    for seed in seeds:
        path = None if cache is None else cache / f"loop-{len(loop.heldout_labels)}-{seed}.pt"
        if path is not None and path.is_file():
            kept = torch.load(path, weights_only=True)
        else:
            begin = time.perf_counter()
            answers = {}
            for i in range(n):
                for j in range(n):
                    stitch, _ = loop.fit(i, j, seed)
                    answers[f"{i} {j}"] = loop.score(i, j, stitch)
            kept = {"seconds": time.perf_counter() - begin, "answers": answers}
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                torch.save(kept, path)
        seconds.append(kept["seconds"])
        for where, answer in kept["answers"].items():
            i, j = map(int, where.split())
            correct.setdefault((i, j), []).append(answer)
        print(f"loop, seed {seed}: {seconds[-1]:.0f} s", file=sys.stderr)
    return seconds, correct


def run_engine(
    session: Session, seeds: list[int], fit: FitSpec
) -> tuple[list[float], list[list[FittedCell]]]:
    """Fit and score all cells, one whole run for every seed, nothing carried over but the captured models."""
    seconds, grids = [], []
    for seed in seeds:
        session.pair.pool.moments.clear()
        cells = [replace(cell, seed=seed) for cell in session.cells]
        begin = time.perf_counter()
        grids.append(list(fit_grid(session.pair, cells, fit, Budget(bytes=4 * 10**9))))
        seconds.append(time.perf_counter() - begin)
        print(f"engine, seed {seed}: {seconds[-1]:.0f} s", file=sys.stderr)
    return seconds, grids


def compare(
    names: list[str], engine: list[list[FittedCell]], loop: dict[tuple[int, int], list[Tensor]]
) -> dict[str, Any]:
    """Compare both on the same test images, cell by cell, averaged over seeds."""
    mine: dict[tuple[int, int], list[Tensor]] = {}
    for cells in engine:
        for cell in cells:
            where = (names.index(cell.spec.sender_cut), names.index(cell.spec.receiver_cut))
            mine.setdefault(where, []).append(cell.correct)
    lows, differences = {}, {}
    for where, answers in mine.items():
        per_image = torch.stack(answers).double().mean(0).cpu() - torch.stack(loop[where]).double().mean(0)
        error = per_image.std().item() / len(per_image) ** 0.5
        differences[where] = per_image.mean().item()
        lows[where] = differences[where] - SIMULTANEOUS * error
    worst = min(lows, key=lambda where: lows[where])

    def matrix(answers: dict[tuple[int, int], list[Tensor]]) -> list[list[float]]:
        n = len(names)
        return [
            [round(torch.stack(answers[i, j]).double().mean().item(), 4) for j in range(n)] for i in range(n)
        ]

    return {
        "mean_gain": statistics.mean(differences.values()),
        "worst_cell": lows[worst],
        "worst_cell_name": f"{names[worst[0]]} -> {names[worst[1]]}",
        "loop_matrix": matrix(loop),
        "engine_matrix": matrix(mine),
    }


def budget_check(session: Session, engine: list[FittedCell], fit: FitSpec) -> dict[str, float]:
    """Fit every cell again with ten times the steps that it took, and return how far the accuracies move."""
    gaps = []
    for cell in engine:
        longer = replace(fit, steps=10 * max(cell.fitted.total_steps, fit.first_steps))
        (again,) = fit_grid(session.pair, [cell.spec], longer, Budget(bytes=4 * 10**9))
        gaps.append(abs(again.accuracy - cell.accuracy))
        print(f"{cell.spec}: {cell.accuracy:.4f}, ten times longer {again.accuracy:.4f}", file=sys.stderr)
    gaps.sort()
    return {
        "mean_gap_to_ten_times": statistics.mean(gaps),
        "p95_gap_to_ten_times": gaps[math.ceil(0.95 * len(gaps)) - 1],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", required=True)
    parser.add_argument("--models", type=Path, default=Path("runs/benchmark-models"))
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--limit", type=int, default=10_000)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--loop-cache", type=Path, help="keep the loop's seeds in this folder, and read them back"
    )
    parser.add_argument(
        "--loop-only", action="store_true", help="stop after the loop; for use with --loop-cache"
    )
    parser.add_argument("--budget-check", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    n_heldout, seeds = (2000, options.seeds[:1]) if options.quick else (10_000, options.seeds)
    paths = checkpoints(options.models, options.data, options.width)
    networks = [load_model(ModelSpec(source=str(path))) for path in paths]
    names = [f"layers.{index}" for index in range(5)]
    source = DataSpec(source=options.data, limit=options.limit, heldout_limit=n_heldout)
    session = prepare(str(paths[0]), str(paths[1]), source, cuts=names, controls=())
    # The loop runs first and cold; before either, the processor is warmed by an untrained network.
    _ = [untrained(networks[0], 0).module(torch.randn(256, 3, 32, 32)) for _ in range(5)]

    loop = Loop(networks, session, torch.contiguous_format)
    probed = [(1, 1), (4, 0), (0, 4)]
    bare = [loop.bare(i, j, 20) for i, j in probed]
    driven = [loop.fit(i, j, 0, 20)[1] for i, j in probed]
    other = Loop([load_model(ModelSpec(source=str(path))) for path in paths], session, torch.channels_last)
    driven_other = [other.fit(i, j, 0, 20)[1] for i, j in probed]
    del other
    networks = [load_model(ModelSpec(source=str(path))) for path in paths]
    loop = Loop(networks, session, torch.contiguous_format)
    loop_seconds, loop_correct = run_loop(loop, len(names), seeds, options.loop_cache)
    if options.loop_only:
        return
    del loop
    fit = FitSpec()
    engine_seconds, engine = run_engine(session, seeds, fit)
    ratios = [a / b for a, b in zip(loop_seconds, engine_seconds, strict=True)]
    begin = time.perf_counter()
    match = FitSpec(objective="match")
    cells = [replace(cell, objective="match") for cell in session.cells]
    session.pair.pool.moments.clear()
    closed = list(fit_grid(session.pair, cells, match, Budget(bytes=4 * 10**9)))
    closed_seconds = time.perf_counter() - begin
    closed_matrix = [[0.0] * len(names) for _ in names]
    for cell in closed:
        closed_matrix[names.index(cell.spec.sender_cut)][names.index(cell.spec.receiver_cut)] = round(
            cell.accuracy, 4
        )
    channels_last = statistics.mean(b / a for a, b in zip(driven, driven_other, strict=True))
    result: dict[str, Any] = {
        "ratio": sum(loop_seconds) / sum(engine_seconds),
        "ratio_spread": [min(ratios), max(ratios)],
        "ratio_to_channels_last_loop": sum(loop_seconds) / channels_last / sum(engine_seconds),
        **compare(names, engine, loop_correct),
        "loop_seconds": loop_seconds,
        "engine_seconds": engine_seconds,
        "loop_images_per_second_of_bare": statistics.mean(d / b for d, b in zip(driven, bare, strict=True)),
        "channels_last_gain_of_loop": channels_last,
        "engine_steps_per_cell": statistics.mean(
            cell.fitted.total_steps for cells in engine for cell in cells
        ),
        "engine_converged_cells": sum(cell.fitted.converged is True for cell in engine[0]),
        **floor(session, fit, engine[0], engine_seconds[0]),
        "closed_form_seconds": closed_seconds,
        "closed_form_share_of_loop": closed_seconds / statistics.mean(loop_seconds),
        "closed_form_matrix": closed_matrix,
        "n_heldout": n_heldout,
        "n_train": options.limit,
        "seeds": seeds,
        "width": options.width,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "machine": torch.cuda.get_device_name()
        if torch.cuda.is_available()
        else platform.processor() or platform.machine(),
    }
    if options.budget_check:
        result.update(budget_check(session, engine[0], fit))
    print(json.dumps(result) if options.json else json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
