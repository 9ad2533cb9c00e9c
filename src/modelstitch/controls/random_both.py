"""Both random: what the stitch makes of two networks that were never trained (Hernandez et al., sec. 4)."""

from __future__ import annotations

from modelstitch.controls import random_receiver, random_sender
from modelstitch.sources.models import Network


def pair(sender: Network, receiver: Network, seed: int) -> tuple[Network, Network]:
    """Return untrained copies of both: the same copies as in the other two controls."""
    return random_sender.pair(sender, receiver, seed)[0], random_receiver.pair(sender, receiver, seed)[1]
