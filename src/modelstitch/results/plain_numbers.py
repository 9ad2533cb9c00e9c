"""A comparison as flat names with plain values: what trackers of experiments take."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from modelstitch.specs import TRAINED

if TYPE_CHECKING:
    from modelstitch.results.comparison import Comparison


def choices_of(comparison: Comparison) -> dict[str, str]:
    """Return what was chosen for a run, as text by name."""
    spec = comparison.spec
    return {
        "sender": comparison.sender,
        "receiver": comparison.receiver,
        "data": comparison.data,
        "score_name": comparison.score_name,
        "sender_cuts": ", ".join(spec.sender_cuts),
        "receiver_cuts": ", ".join(spec.receiver_cuts),
        "stitches": ", ".join(comparison.stitches),
        "objectives": ", ".join(comparison.objectives),
        "controls": ", ".join(comparison.controls),
        "seeds": ", ".join(map(str, comparison.seeds)),
        "protocol": spec.fit.protocol,
        "modelstitch": comparison.facts.versions.modelstitch,
        "torch": comparison.facts.versions.torch,
    }


def numbers_of(comparison: Comparison) -> dict[str, float]:
    """Return the numbers of a run by name: ``QUANTITY/SENDER_CUT into RECEIVER_CUT/STITCH``.

    Of each cell of the real grid the score with its interval and what is kept, as means over the seeds;
    beside them the whole networks, the controls' mean scores, and how many cells have which verdict. What is
    not known is left out.
    """
    numbers: dict[str, float | None] = {
        "sender_score": comparison.baseline("sender"),
        "receiver_score": comparison.baseline("receiver"),
        "chance": comparison.chance,
    }
    for stitch in comparison.stitches:
        for quantity in ("score", "low", "high", "kept"):
            if quantity not in comparison.dataset or TRAINED not in comparison.controls:
                continue
            matrix = comparison.matrix(quantity, stitch=stitch)
            for sender, row in zip(matrix["sender_cut"].to_numpy(), matrix.to_numpy(), strict=True):
                for receiver, value in zip(matrix["receiver_cut"].to_numpy(), row, strict=True):
                    numbers[f"{quantity}/{sender} into {receiver}/{stitch}"] = float(value)
        for control in comparison.controls[1:]:
            mean = comparison.matrix(control=control, stitch=stitch).mean()
            numbers[f"control/{control}/{stitch}"] = float(mean)
    counts = Counter(verdict.name.value for verdict in comparison.cell_verdicts().values())
    numbers |= {f"verdicts/{name}": float(n) for name, n in counts.items()}
    return {name: value for name, value in numbers.items() if value is not None and math.isfinite(value)}
