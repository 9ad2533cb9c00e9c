"""What a run holds, as one hash: what was found on it is stale when the run has grown."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelstitch.results.comparison import Comparison

_OF_A_CELL = ("control", "sender_cut", "receiver_cut", "stitch", "seed", "score", "failure", "converged")


def content_of(comparison: Comparison) -> str:
    """Return a hash of the networks, the data, and every score and piece of evidence of a run.

    It is the same for a run, for its folder and for its saved file. Seconds and paths are no part of it.
    """
    cells = [[getattr(row, name) for name in _OF_A_CELL] for row in comparison.cells]
    kept = [list(vars(row).values()) for row in comparison.kept]
    evidence = [list(vars(row).values()) for row in comparison.evidence]
    wholes = [[row.role, row.control, row.seed, row.score, row.digest] for row in comparison.baselines]
    tables = [sorted(map(_line, table)) for table in (cells, kept, evidence, wholes)]
    return sha256(_line([comparison.facts.data_content, *tables]).encode()).hexdigest()


def _line(values: object) -> str:
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False)
