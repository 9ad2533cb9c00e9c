"""What ``--dry-run`` prints: time, memory and passes of a run that was not made."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from modelstitch.cli.json_output import print_json
from modelstitch.specs import EvidenceSpec

if TYPE_CHECKING:
    from modelstitch.grid.grid import Budget
    from modelstitch.grid.representations import Pass
    from modelstitch.runs.session import Session
    from modelstitch.runs.trial import TimeRange


@dataclass(frozen=True)
class DryRun:
    """What a run would cost, as text and as values that JSON can hold."""

    text: str
    values: dict[str, Any]


def estimated(session: Session, budget: Budget, evidence: EvidenceSpec, began: float) -> DryRun:
    """Return what a run would cost.

    Args:
        session: what would be run.
        budget: how much memory it may take.
        evidence: what would be measured.
        began: when the command began, by ``time.perf_counter``.
    """
    from modelstitch.runs.estimate import estimate
    from modelstitch.runs.memory import needed_bytes
    from modelstitch.runs.trial import time_range

    prepared = time.perf_counter() - began
    cost = estimate(session, budget, evidence)
    span = time_range(session, budget, evidence, cost, started=began, prepared=prepared)
    n_of = Counter(cell.control for cell in session.cells)
    cells_of = ", ".join(f"{control} {n_of[control]}" for control in session.spec.controls)
    text = "\n".join(
        [
            f"cells:      {cost.n_cells} ({cells_of})",
            f"parameters: {cost.n_parameters:,} in all stitches",
            f"time:       {duration(span.low)} to {duration(span.high)} for the whole command, "
            f"{duration(span.once)} of it once",
            f"            this dry run took {duration(span.trial)}, of which loading, capture and checks "
            f"{duration(prepared)}; {_tried(span)}",
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
    return DryRun(text, {**asdict(cost), "range": asdict(span)})


def _tried(span: TimeRange) -> str:
    if not span.n_tried and not span.in_part:
        return "no pair of cuts was tried: the range is that of single steps, and wide"
    part = ", and one more in part" if span.in_part else ""
    return f"{span.n_tried} of {span.n_places} pairs of cuts were tried{part}"


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


def print_estimates(costs: dict[str, DryRun], as_json: bool) -> None:
    """Print the estimate of one run, or of several by the names of their label sets."""
    if len(costs) == 1:
        (one,) = costs.values()
        print_json("compare", one.values) if as_json else print(one.text)
    elif as_json:
        print_json("compare", {"label_sets": {name: each.values for name, each in costs.items()}})
    else:
        print("\n\n".join(f"label set {name}\n{each.text}" for name, each in costs.items()))
