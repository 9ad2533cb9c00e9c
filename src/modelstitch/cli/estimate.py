"""What ``--dry-run`` prints: time, memory and passes of a run that was not made."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

from modelstitch.specs import EvidenceSpec

if TYPE_CHECKING:
    from modelstitch.grid.grid import Budget
    from modelstitch.grid.representations import Pass
    from modelstitch.runs.session import Session


def estimated(
    session: Session, budget: Budget, evidence: EvidenceSpec, began: float, *, as_json: bool
) -> str:
    """Return what a run would cost, as text or as JSON.

    Args:
        session: what would be run.
        budget: how much memory it may take.
        evidence: what would be measured.
        began: when the command began, by ``time.perf_counter``.
        as_json: whether to return JSON.
    """
    from modelstitch.runs.estimate import estimate
    from modelstitch.runs.memory import needed_bytes
    from modelstitch.runs.trial import time_range

    cost = estimate(session, budget, evidence)
    span = time_range(session, budget, evidence, began)
    if as_json:
        return json.dumps({**asdict(cost), "range": asdict(span)})
    n_of = Counter(cell.control for cell in session.cells)
    cells_of = ", ".join(f"{control} {n_of[control]}" for control in session.spec.controls)
    return "\n".join(
        [
            f"cells:      {cost.n_cells} ({cells_of})",
            f"parameters: {cost.n_parameters:,} in all stitches",
            f"time:       {duration(span.low)} to {duration(span.high)} for the whole command, "
            f"{duration(span.once)} of it once; {span.n_tried} of {span.n_places} pairs of cuts were "
            f"tried in {duration(span.trial)}",
            f"            fits alone about {duration(cost.seconds + cost.evidence_seconds)}, of which "
            f"evidence {duration(cost.evidence_seconds)}",
            *_drawn(cost.drawn_seconds),
            f"memory:     about {cost.bytes / 1e9:.1f} GB beside Python and PyTorch"
            + _beyond(needed_bytes(session), budget.total),
            f"passes:     {len(cost.passes)}; " + "; ".join(map(_shown, cost.passes)),
            "            (computing representations again at each step would add "
            f"{duration(cost.recomputed_seconds)})",
        ]
    )


def _drawn(seconds: float) -> list[str]:
    if not seconds:
        return []
    return [
        f"            and at most {duration(seconds)} for untrained senders, where more than the label "
        "comes across"
    ]


def _beyond(needed: int, bound: int | None) -> str:
    if bound is None or needed <= bound:
        return ""
    return f"; models, data and one training step take {needed / 1e9:.1f} GB, more than --memory allows"


def _shown(planned: Pass) -> str:
    where = {"device": "kept", "recompute": "computed again"}
    how = where.get(planned.storage, f"kept on {planned.storage}")
    costs = ", ".join(f"{storage} {duration(seconds)}" for storage, seconds in planned.costs)
    return f"{', '.join(planned.names)} {how}, {planned.bytes / 1e9:.2f} GB" + (
        f" (costs: {costs})" if costs else ""
    )


def duration(seconds: float) -> str:
    """Return seconds as a person says them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def together(costs: dict[str, str], as_json: bool) -> str:
    """Return the estimates of one run, or of several by the names of their label sets."""
    if len(costs) == 1:
        return next(iter(costs.values()))
    if as_json:
        return json.dumps({name: json.loads(text) for name, text in costs.items()})
    return "\n\n".join(f"label set {name}\n{text}" for name, text in costs.items())
