"""Both random: what the stitch does between two untrained networks (Hernandez et al., sec. 4)."""

from __future__ import annotations

from modelstitch.controls import random_receiver, random_sender
from modelstitch.controls.roles import Roles
from modelstitch.data.parts import Data
from modelstitch.models.network import Network


def roles(sender: Network, receiver: Network, data: Data, seed: int) -> Roles:
    """Return untrained copies of both: the same copies as in the other two controls."""
    return Roles(
        random_sender.roles(sender, receiver, data, seed).sender,
        random_receiver.roles(sender, receiver, data, seed).receiver,
    )


def calibrated_roles(sender: Network, receiver: Network, data: Data, seed: int) -> Roles:
    """Return the same untrained copies, both calibrated."""
    return Roles(
        random_sender.calibrated_roles(sender, receiver, data, seed).sender,
        random_receiver.calibrated_roles(sender, receiver, data, seed).receiver,
    )
