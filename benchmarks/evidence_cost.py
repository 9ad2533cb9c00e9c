"""What the standard evidence of a grid costs, against fitting the grid.

    python benchmarks/evidence_cost.py SENDER RECEIVER --data FOLDER [--limit 10000] [--heldout 2000] [--json]

Fits all cells of the pair, then measures the standard evidence of every one on 1,000 of the held-out images (the default), in one process. Prints both
times, their ratio, and the seconds of each kind of evidence measured by itself.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from modelstitch.appraisal import appraise
from modelstitch.grid import Budget, fit_grid
from modelstitch.session import prepare
from modelstitch.specs import STANDARD_EVIDENCE, DataSpec, EvidenceSpec, FitSpec


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("sender")
    parser.add_argument("receiver")
    parser.add_argument("--data", required=True)
    parser.add_argument("--limit", type=int, default=10_000)
    parser.add_argument("--heldout", type=int, default=2000)
    parser.add_argument("--each", action="store_true", help="also time every kind by itself")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    source = DataSpec(source=options.data, limit=options.limit, heldout_limit=options.heldout)
    session = prepare(options.sender, options.receiver, source, controls=())
    begin = time.perf_counter()
    fitted = list(fit_grid(session.pair, session.cells, FitSpec(), Budget(bytes=4 * 10**9)))
    fit_seconds = time.perf_counter() - begin
    stitches = {each.spec: each.stitch for each in fitted if each.fitted.failure is None}

    def timed(kinds: tuple[str, ...]) -> float:
        begin = time.perf_counter()
        list(appraise(session.pair, stitches, dict.fromkeys(stitches, kinds), EvidenceSpec().n_examples))
        return time.perf_counter() - begin

    evidence_seconds = timed(STANDARD_EVIDENCE)
    found: dict[str, Any] = {
        "fit_seconds": fit_seconds,
        "evidence_seconds": evidence_seconds,
        "ratio": evidence_seconds / fit_seconds,
        "n_cells": len(stitches),
    }
    if options.each:
        found["each"] = {kind: timed((kind,)) for kind in STANDARD_EVIDENCE}
    print(json.dumps(found) if options.json else json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
