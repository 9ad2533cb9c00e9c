"""How often the range of ``--dry-run`` holds the time that the run then takes, in ten kinds of run.

Both are measured as the time of this process on the processor, so that other work on the machine does not
count. python benchmarks/dry_run.py [--width 4] [--limit 600] [--only KIND ...]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from modelstitch.data.load import load_data
from modelstitch.models.zoo.checkpoint import save_checkpoint
from modelstitch.models.zoo.training import train_network
from modelstitch.runs.estimate import estimate
from modelstitch.runs.prepare import prepare
from modelstitch.runs.run import BUDGET, ready, run
from modelstitch.runs.trial import LEAST_SECONDS, time_range
from modelstitch.specs import VERDICT_CONTROLS, DataSpec, EvidenceSpec, FitSpec
from modelstitch.specs.training import Recipe

CUTS = ("layers.0", "layers.2", "layers.4")

KINDS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "fits alone": {"controls": (), "evidence": "none"},
    "no evidence": {"evidence": "none"},
    "every evidence": {"evidence": "all"},
    "fixed steps": {"fit": FitSpec(steps=60)},
    "least squares": {"fit": FitSpec(objective="match"), "controls": ("random-sender", "self-stitch")},
    "two seeds": {"seeds": (0, 1), "controls": ("self-stitch", "one-hot"), "evidence": "kept"},
    "two stitches": {"stitches": ("scale", "affine"), "controls": ("self-stitch",), "evidence": "kept"},
    "paper": {"fit": FitSpec.named("paper", epochs=2), "controls": ("random-sender",)},
    "one cut": {"cuts": ("layers.3",)},
}
"""What differs from a run by default, by name."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=4)
    parser.add_argument("--limit", type=int, default=600)
    parser.add_argument("--only", nargs="*", choices=list(KINDS), default=list(KINDS))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    held = short = 0
    with tempfile.TemporaryDirectory() as scratch:
        first, second = trained(Path(scratch), asked.width)
        print(f"{'kind':<16} {'from':>7} {'to':>7} {'took':>7} {'dry run':>7}  tried  held", flush=True)
        for name in asked.only:
            choices = {"controls": VERDICT_CONTROLS, "cuts": CUTS, **KINDS[name]}
            evidence = EvidenceSpec.parse([choices.pop("evidence", "standard")])
            data = DataSpec(source="digits", limit=asked.limit)
            begin = time.process_time()
            session = prepare(first, second, data, device="cpu", **choices)
            ready(session)
            prepared = time.process_time() - begin
            cost = estimate(session, BUDGET, evidence)
            span = time_range(
                session,
                BUDGET,
                evidence,
                cost,
                started=begin,
                prepared=prepared,
                clock=time.process_time,
            )
            # The run is prepared anew: nothing that the trial has computed is there.
            before = time.process_time()
            again = prepare(first, second, data, device="cpu", **choices)
            run(again, out=Path(scratch) / name, budget=BUDGET, evidence=evidence)
            took = time.process_time() - before
            holds = span.low <= took <= span.high
            held += holds
            bound = max(LEAST_SECONDS, took / 10)
            short += span.trial <= 1.1 * bound
            print(
                f"{name:<16} {span.low:7.1f} {span.high:7.1f} {took:7.1f} {span.trial:7.1f}  "
                f"{span.n_tried}{' +' * span.in_part} of {span.n_places}  {'yes' if holds else 'NO'}",
                flush=True,
            )
    print(f"\nheld in {held} of {len(asked.only)}, within its bound or a tenth above in {short}")
    print("seconds of one thread of the processor, of the whole command less the start of Python")
    print(f"PyTorch {torch.__version__}, width {asked.width}, {asked.limit} training images")


def trained(folder: Path, width: int) -> tuple[str, str]:
    """Train two networks on the digits; return their checkpoints."""
    digits, paths = load_data(DataSpec(source="digits")), []
    for seed in (0, 1):
        recipe = Recipe(epochs=6, batch_size=64, learning_rate=0.2, translate=1, flip=False, seed=seed)
        module, card, _ = train_network("R1111", digits, recipe, width=width)
        paths.append(folder / f"{seed}.safetensors")
        save_checkpoint(module, card, paths[-1])
    return str(paths[0]), str(paths[1])


if __name__ == "__main__":
    main()
