"""Random receiver: what the stitch alone can do in front of a suffix that was never trained (Hernandez et al., sec. 4)."""

from __future__ import annotations

from modelstitch.controls.reinitialise import untrained
from modelstitch.sources.models import Network

# Sender and receiver may be one architecture: without an offset both copies would be the same network.
RECEIVER_OFFSET = 1_000_003


def pair(sender: Network, receiver: Network, seed: int) -> tuple[Network, Network]:
    """Return the sender, and an untrained copy of the receiver."""
    return sender, untrained(receiver, seed + RECEIVER_OFFSET)
