"""Random sender: what the stitch and the receiver make of features that were never learnt (Hernandez et al., sec. 4)."""

from __future__ import annotations

from modelstitch.controls.reinitialise import untrained
from modelstitch.sources.models import Network


def pair(sender: Network, receiver: Network, seed: int) -> tuple[Network, Network]:
    """Return an untrained copy of the sender, and the receiver."""
    return untrained(sender, seed), receiver
