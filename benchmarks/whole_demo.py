"""Run the whole demo, and check what its page promises. 128 s on two cores of an Intel Xeon.

    python benchmarks/whole_demo.py

125 cells in five grids, a verdict on each of the 25 places, both networks at 97 % or more, the trained sender
ahead of the untrained one, one wide picture, and less than 1.5 GB of memory. The tests run the same at two of
the five cuts (``tests/cli/test_commands.py``). It prints seconds and memory, and names what does not hold.
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

CONTROLS = ("trained", "random-sender", "clustered-noise", "one-hot", "self-stitch")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        run, start = Path(folder) / "demo", time.perf_counter()
        command = [sys.executable, "-m", "modelstitch", "demo", "--out", str(run)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        seconds = time.perf_counter() - start
        cells, verdicts = pd.read_csv(run / "cells.csv"), pd.read_csv(run / "verdicts.csv")
        with Image.open(run / "matrix.png") as image:
            width = image.size[0]
    megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
    real, untrained = (cells[cells.control == control] for control in ("trained", "random-sender"))
    promises = {
        "125 cells, 25 a grid": cells.groupby("control").size().to_dict() == dict.fromkeys(CONTROLS, 25),
        "a verdict on each place": len(verdicts) == 25 and "Verdicts: " in printed,
        "both networks at 97 %": bool(real.sender_score.min() >= 0.97 and real.receiver_score.min() >= 0.97),
        "ahead of the untrained sender": real.score.mean() > untrained.score.mean() + 0.02,
        "the control is named": "random control" in printed,
        "a wide picture": width > 1000,
        "less than 1.5 GB": megabytes < 1500,
    }
    print(f"{seconds:.0f} s, {megabytes:.0f} MB")
    broken = [promise for promise, holds in promises.items() if not holds]
    if broken:
        raise SystemExit(f"the demo does not keep: {', '.join(broken)}")


if __name__ == "__main__":
    main()
