"""What the driver of a large experiment can do: store cells, open the folder, write tables and the page.

    python benchmarks/driver.py [--pairs 1024] [--keep FOLDER]

Synthetic results: every ordered pair, itself among them, of the square root of PAIRS models; 1,024 cells each
(16 x 16 cuts, four grids), 1,000 answers and a stitch of 272 numbers a cell. So 1,024 pairs are 1,048,576
cells. Prints for a quarter of the pairs and for all of them: cells stored a second (wall time and time of the
processor), with one file and one transaction a pair and with one of each a cell; seconds to open the folder;
seconds, peak memory and bytes of the page. Each step runs in a process of its own, so that peaks are its own.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import modelstitch as ms
from modelstitch.results.facts import RunFacts
from modelstitch.results.rows import Baseline, CellRow
from modelstitch.runs.database import Writing
from modelstitch.runs.held import Header
from modelstitch.runs.pairs import planned, write_whole
from modelstitch.runs.store import FinishedCell, Store
from modelstitch.specs import DataSpec, ModelSpec, RunSpec
from modelstitch.specs.pairs import chosen_pairs

CUTS = tuple(f"layers.{index}" for index in range(16))
CONTROLS = ("trained", "random-sender", "random-receiver", "random-both")
N_HELDOUT = 1000
SINGLE = 200
"""Cells that are also stored one by one, for comparison."""


def spec() -> RunSpec:
    model = ModelSpec(source="synthetic")
    return RunSpec(
        sender=model,
        receiver=model,
        data=DataSpec(source="synthetic"),
        sender_cuts=CUTS,
        receiver_cuts=CUTS,
        controls=CONTROLS,
    )


def cells_of(number: int, run: RunSpec) -> list[FinishedCell]:
    """Return the synthetic cells of one pair."""
    random = np.random.default_rng(number)
    weights = torch.from_numpy(random.normal(size=(1, 272)).astype(np.float32))
    found = []
    for place, cell in enumerate(run.cells()):
        right = torch.from_numpy(random.random(N_HELDOUT) < random.uniform(0.1, 0.9))
        score = float(right.float().mean())
        row = CellRow(
            sender_cut=cell.sender_cut,
            receiver_cut=cell.receiver_cut,
            stitch="affine",
            family="affine",
            size=None,
            norm="none",
            objective="task",
            control=cell.control,
            seed=0,
            score=score,
            standard_error=math.sqrt(score * (1 - score) / N_HELDOUT),
            loss=1.0,
            n_parameters=272,
            bridge="none",
            steps=30,
            seconds=1.0,
            n_heldout=N_HELDOUT,
            failure=None,
            start="zero",
            converged=True,
            gain=0.0,
            noise=0.0,
            total_steps=30,
            precision="float32",
            above_receiver=None,
            above_receiver_error=None,
        )
        key = f"{number:08x}{place:08x}" * 4
        found.append(FinishedCell(key, row, {"weight": weights}, right))
    return found


def store(home: Path, n_pairs: int) -> dict[str, float]:
    """Store all pairs; return how many cells a second, without the time to make them up."""
    models = [f"m{index:03d}" for index in range(math.isqrt(n_pairs))]
    pairs = planned(models, chosen_pairs(models, "all"))
    run, facts = spec(), RunFacts(n_classes=10, chance=0.1, n_heldout=N_HELDOUT)
    wall = busy = 0.0
    n_cells = 0
    with Writing(home, pairs) as writing:
        for number, pair in enumerate(pairs):
            cells = cells_of(number, run)
            header = Header(
                sender=pair.sender,
                receiver=pair.receiver,
                data="synthetic",
                spec=run,
                facts=facts,
                identity={"data_content": "0"},
            )
            began = time.perf_counter(), time.process_time()
            with Store(home / pair.name, header, writing) as opened:
                opened.write_cells(cells)
                opened.write_baselines(
                    [
                        Baseline(role=role, control=control, seed=0, score=0.9, digest=role)
                        for role in ("sender", "receiver")
                        for control in CONTROLS
                    ]
                )
                opened.write_facts(replace(facts, reloaded_cells=4))
                opened.seal()
            wall += time.perf_counter() - began[0]
            busy += time.process_time() - began[1]
            n_cells += len(cells)
    return {"cells": n_cells, "a_second": n_cells / wall, "a_second_busy": n_cells / busy, "MB": peak()}


def store_singly(home: Path) -> dict[str, float]:
    """Store some cells one by one."""
    run = spec()
    header = Header(
        sender="a",
        receiver="b",
        data="synthetic",
        spec=run,
        facts=RunFacts(n_classes=10, chance=0.1),
        identity={},
    )
    cells = cells_of(0, run)[:SINGLE]
    with Store(home, header) as opened:
        began = time.perf_counter(), time.process_time()
        for cell in cells:
            opened.write_cells([cell])
        wall, busy = time.perf_counter() - began[0], time.process_time() - began[1]
    return {"a_second": SINGLE / wall, "a_second_busy": SINGLE / busy}


def open_folder(home: Path) -> dict[str, float]:
    """Open the folder, and read one pair of it."""
    began = time.perf_counter(), time.process_time()
    found = ms.load(home)
    opened = time.perf_counter() - began[0], time.process_time() - began[1]
    assert isinstance(found, ms.Comparisons)
    first = next(iter(found))
    len(found[first].cells)
    return {
        "open": opened[0],
        "open_busy": opened[1],
        "first_pair": time.perf_counter() - began[0] - opened[0],
        "MB": peak(),
    }


def page(home: Path) -> dict[str, float]:
    """Write the tables and the page of all pairs."""
    began = time.perf_counter(), time.process_time()
    write_whole(home)
    wall, busy = time.perf_counter() - began[0], time.process_time() - began[1]
    size = (home / "report.html").stat().st_size / 1e6
    return {"seconds": wall, "seconds_busy": busy, "page_MB": size, "MB": peak()}


def peak() -> float:
    """Return the peak memory of the process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def apart(*words: str) -> dict[str, float]:
    """Run one step in a process of its own."""
    done = subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=1024)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--step", choices=("store", "singly", "open", "page"))
    parser.add_argument("--home", type=Path)
    given = parser.parse_args()
    if given.step:
        steps = {
            "store": lambda: store(given.home, given.pairs),
            "singly": lambda: store_singly(given.home),
            "open": lambda: open_folder(given.home),
            "page": lambda: page(given.home),
        }
        print(json.dumps(steps[given.step]()))
        return
    print(f"{platform.machine()}, Python {platform.python_version()}, modelstitch {ms.__version__}")
    with tempfile.TemporaryDirectory() as scratch:
        root = given.keep or Path(scratch)
        print("one by one", shown(apart("--step", "singly", "--home", str(root / "singly"))), flush=True)
        for n_pairs in (given.pairs // 4, given.pairs):
            home = root / f"pairs-{n_pairs}"
            for step in ("store", "open", "page"):
                found = apart("--step", step, "--home", str(home), "--pairs", str(n_pairs))
                print(f"{n_pairs} pairs, {step}:", shown(found), flush=True)


def shown(found: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:,.2f}" for name, value in found.items())


if __name__ == "__main__":
    main()
