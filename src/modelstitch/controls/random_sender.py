"""Random sender: what stitch and receiver do with untrained features (Hernandez et al., sec. 4)."""

from __future__ import annotations

from modelstitch.controls.reinitialise import calibrated, untrained
from modelstitch.controls.roles import Roles
from modelstitch.data.parts import Data
from modelstitch.models.network import Network


def roles(sender: Network, receiver: Network, data: Data, seed: int) -> Roles:
    """Return an untrained copy of the sender, and the receiver."""
    return Roles(untrained(sender, seed, data), receiver)


def calibrated_roles(sender: Network, receiver: Network, data: Data, seed: int) -> Roles:
    """Return the same untrained copy with batch norms that know the statistics of its own activations."""
    return Roles(calibrated(untrained(sender, seed, data), data), receiver)
