"""Random receiver: what the stitch alone can do before an untrained suffix (Hernandez et al., sec. 4)."""

from __future__ import annotations

from modelstitch.controls.reinitialise import calibrated, untrained
from modelstitch.controls.roles import Roles
from modelstitch.data.parts import Data
from modelstitch.models.network import Network

# Sender and receiver may be one architecture: without an offset both copies would be the same network.
RECEIVER_OFFSET = 1_000_003


def roles(sender: Network, receiver: Network, data: Data, seed: int) -> Roles:
    """Return the sender, and an untrained copy of the receiver."""
    return Roles(sender, untrained(receiver, seed + RECEIVER_OFFSET, data))


def calibrated_roles(sender: Network, receiver: Network, data: Data, seed: int) -> Roles:
    """Return the same untrained copy with batch norms that know the statistics of its own activations."""
    return Roles(sender, calibrated(untrained(receiver, seed + RECEIVER_OFFSET, data), data))
