"""Run the whole demo, and check what its page promises.

    python benchmarks/whole_demo.py

36 cells in four grids, a verdict on each of the 9 places, every answer that a verdict can give, planted
senders with the answers that they must have, one wide picture, and less than 1.5 GB of memory. The tests run
the same at two of the three cuts (``tests/cli/test_commands.py``). It prints seconds of the clock and of the
processor, and memory, and names what does not hold.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from PIL import Image

CONTROLS = ("trained", "random-sender-bn", "one-hot", "self-stitch")
ANSWERS = {
    ("interchangeable", "learnt"),
    ("interchangeable", "not learnt"),
    ("partly", "learnt"),
    ("decodable only", "not asked"),
    ("incompatible", "not asked"),
}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        run, start = Path(folder) / "demo", time.perf_counter()
        command = [sys.executable, "-m", "modelstitch", "demo", "--out", str(run)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        seconds = time.perf_counter() - start
        cells, verdicts = pd.read_csv(run / "cells.csv"), pd.read_csv(run / "verdicts.csv")
        with Image.open(run / "matrix.png") as image:
            width = image.size[0]
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    real, own = (verdicts[verdicts.control == control] for control in ("trained", "self-stitch"))
    answers = set(real[["name", "learnt"]].itertuples(index=False, name=None))
    labels = verdicts[verdicts.control == "one-hot"]
    promises = {
        "36 cells, 9 a grid": cells.groupby("control").size().to_dict() == dict.fromkeys(CONTROLS, 9),
        "a verdict on each place": len(real) == 9 and "Verdicts: " in printed,
        "every answer": answers >= ANSWERS,
        "at most one cell cannot tell": int((real["name"] == "cannot tell").sum()) <= 1,
        "itself is interchangeable": set(own[own.sender_cut == own.receiver_cut]["name"])
        == {"interchangeable"},
        "the label is decodable at most": not set(labels["name"]) & {"interchangeable", "partly"},
        "a wide picture": width > 1000,
        "less than 1.5 GB": used.ru_maxrss < 1_500_000,
    }
    print(printed)
    print(
        f"{seconds:.0f} s, {used.ru_utime + used.ru_stime:.0f} s of processor, {used.ru_maxrss / 1000:.0f} MB"
    )
    broken = [promise for promise, holds in promises.items() if not holds]
    if broken:
        raise SystemExit(f"the demo does not keep: {', '.join(broken)}")


if __name__ == "__main__":
    main()
