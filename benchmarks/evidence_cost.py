"""What the standard evidence of a grid costs, against fitting the grid.

    python benchmarks/evidence_cost.py SENDER RECEIVER --data FOLDER [--limit 10000] [--heldout 2000] [--json]

Fits all cells of the pair. Then measures the standard evidence of every cell on 1,000 of the held-out images
(the default), in the same process. Prints both times, their ratio, and the seconds of each kind of evidence
measured by itself.
"""

from __future__ import annotations

import time
from typing import Any

from options import parser_of_pair, show

from modelstitch.evidence.measure import measure_cells
from modelstitch.grid.grid import Budget, fit_grid
from modelstitch.runs.prepare import prepare
from modelstitch.specs import STANDARD_EVIDENCE, DataSpec, EvidenceSpec, FitSpec


def main() -> None:
    parser = parser_of_pair(__doc__)
    parser.add_argument("--heldout", type=int, default=2000)
    parser.add_argument("--each", action="store_true", help="also time every kind by itself")
    options = parser.parse_args()
    source = DataSpec(source=options.data, limit=options.limit, heldout_limit=options.heldout)
    session = prepare(options.sender, options.receiver, source, controls=())
    begin = time.perf_counter()
    fitted = list(fit_grid(session.pair, session.cells, FitSpec(), Budget(bytes=4 * 10**9)))
    fit_seconds = time.perf_counter() - begin
    stitches = {cell.spec: cell.stitch for cell in fitted if cell.fitted.failure is None}

    def timed(kinds: tuple[str, ...]) -> float:
        begin = time.perf_counter()
        list(measure_cells(session.pair, stitches, dict.fromkeys(stitches, kinds), EvidenceSpec().n_examples))
        return time.perf_counter() - begin

    evidence_seconds = timed(STANDARD_EVIDENCE)
    times: dict[str, Any] = {
        "fit_seconds": fit_seconds,
        "evidence_seconds": evidence_seconds,
        "ratio": evidence_seconds / fit_seconds,
        "n_cells": len(stitches),
    }
    if options.each:
        times["each"] = {kind: timed((kind,)) for kind in STANDARD_EVIDENCE}
    show(times, options.json)


if __name__ == "__main__":
    main()
