"""Is --memory kept? The highest resident memory of whole runs under several bounds.

    python benchmarks/memory_bound.py SENDER RECEIVER --data FOLDER [--limit 10000] [--json]
                                      [--bounds 1GB 1500MB 3GB]

Every run is a process of its own, so that its peak is its own. It stitches all sender cuts into one receiver
cut, with 40 steps a cell, and with the controls and the evidence of a verdict.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

from options import parser_of_pair, show

from modelstitch.cli.options import memory


def peak(arguments: list[str]) -> tuple[int, float]:
    """Return the highest resident bytes of a command, and its seconds."""
    begin = time.perf_counter()
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(arguments)} ended with {status}")
    scale = 1 if sys.platform == "darwin" else 1024
    return usage.ru_maxrss * scale, time.perf_counter() - begin


def main() -> None:
    parser = parser_of_pair(__doc__)
    parser.add_argument("--cut", default="layers.2")
    parser.add_argument("--bounds", nargs="+", default=["1GB", "1500MB", "3GB"])
    options = parser.parse_args()
    peaks = []
    for bound in options.bounds:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "modelstitch", "compare", options.sender, options.receiver]
            command += ["--data", options.data, "--limit", str(options.limit), "--heldout-limit", "2000"]
            command += ["--receiver-cuts", options.cut, "--steps", "40", "--memory", bound]
            command += ["--out", f"{folder}/run", "--device", "cpu"]
            highest, seconds = peak(command)
        peaks.append({"bound": bound, "peak": highest, "kept": highest <= memory(bound), "seconds": seconds})
        print(f"{bound}: {highest / 1e9:.2f} GB, {seconds:.0f} s", file=sys.stderr)
    show(peaks, options.json)


if __name__ == "__main__":
    main()
