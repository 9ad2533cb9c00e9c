"""Grids that ought to fail: what is left of a score when one of the networks was never trained.

Each file defines one control as a function of sender, receiver and seed that returns the pair to stitch instead.
"""

from __future__ import annotations

from collections.abc import Callable

from modelstitch.controls import none, random_both, random_receiver, random_sender
from modelstitch.sources.models import Network

__all__ = ["CONTROL_PAIRS"]

CONTROL_PAIRS: dict[str, Callable[[Network, Network, int], tuple[Network, Network]]] = {
    "none": none.pair,
    "random-sender": random_sender.pair,
    "random-receiver": random_receiver.pair,
    "random-both": random_both.pair,
}
