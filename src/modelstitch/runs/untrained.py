"""Which untrained senders a run draws to ask what was learnt."""

from __future__ import annotations

from torch import nn

from modelstitch.runs.session import Session
from modelstitch.specs import CONTROLS

DRAWS = ((0, 1, 2), (3, 4))
"""Untrained senders of a cell that is at least *partly*, and further ones where those leave it unclear."""


def untrained_control(session: Session) -> str | None:
    """Return the control whose copies a trained sender is compared with; None where none was asked for.

    Batch norms of the copies are calibrated where the sender has any: without it activations grow or die with
    depth, and the comparison would not be fair.
    """
    if not any(CONTROLS[control].random_sender for control in session.spec.controls):
        return None
    norms = any(
        isinstance(layer, nn.modules.batchnorm._BatchNorm)
        for layer in session.pair.sender.network.module.modules()
    )
    return next(name for name, info in CONTROLS.items() if info.random_sender and info.calibrated == norms)
