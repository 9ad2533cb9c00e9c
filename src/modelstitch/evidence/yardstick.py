"""What the outputs of two whole networks share within classes: what any stitched network is read beside."""

from __future__ import annotations

import math

from torch import Tensor

from modelstitch.evidence.kinds.kept import recovered
from modelstitch.evidence.receiver_examples import ReceiverExamples
from modelstitch.evidence.within import PartUnits
from modelstitch.geometry.intervals import ValueWithInterval
from modelstitch.grid.side import Side


def yardstick(sender: Side, receiver: Side, n_examples: int) -> ValueWithInterval | None:
    """Return what a reader recovers of the receiver's outputs within classes from the whole sender's.

    None where the sender has no outputs for these targets, or the share is not defined.

    Args:
        sender, receiver: two whole networks.
        n_examples: most held-out examples to measure on.
    """
    if sender.data.task.by_position and not sender.can_score:
        return None

    def outputs(part: PartUnits) -> Tensor:
        return part.units.outputs(
            batch for batch, _ in sender.outputs(part.part, sender.whole, part.units.indices)
        )

    share, _ = recovered(ReceiverExamples(receiver, n_examples).residuals.outputs_beside(outputs))
    if math.isnan(share.value) or share.low is None or share.high is None:
        return None
    return share.value, share.low, share.high
