"""Self-stitch: the receiver into itself. It ought to succeed; what it lacks is what fitting loses."""

from __future__ import annotations

from modelstitch.controls.roles import Roles
from modelstitch.data.parts import Data
from modelstitch.models.network import Network


def roles(sender: Network, receiver: Network, data: Data, seed: int) -> Roles:
    """Return the receiver as its own sender."""
    return Roles(receiver, receiver)
