"""Grids that ought to fail, or to succeed: what is left of a score when one part of the claim is taken away.

Each file defines one control (or one kind, in two forms) as a function of sender, receiver, data and seed that returns
what to stitch instead.
"""

from __future__ import annotations

from collections.abc import Callable

from modelstitch.controls import (
    label_only,
    probe,
    random_both,
    random_receiver,
    random_sender,
    self_stitch,
    shuffled_labels,
    trained,
)
from modelstitch.controls.roles import Roles
from modelstitch.data.parts import Data
from modelstitch.models.network import Network
from modelstitch.specs import TRAINED

__all__ = ["CONTROL_ROLES", "Control"]

Control = Callable[[Network, Network, Data, int], Roles]

CONTROL_ROLES: dict[str, Control] = {
    TRAINED: trained.roles,
    "random-sender": random_sender.roles,
    "random-sender-bn": random_sender.calibrated_roles,
    "random-receiver": random_receiver.roles,
    "random-receiver-bn": random_receiver.calibrated_roles,
    "random-both": random_both.roles,
    "random-both-bn": random_both.calibrated_roles,
    "clustered-noise": label_only.clustered_noise,
    "one-hot": label_only.one_hot,
    "self-stitch": self_stitch.roles,
    "probe": probe.roles,
    "shuffled-labels": shuffled_labels.roles,
}
