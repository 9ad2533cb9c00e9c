"""Shuffled labels: the stitch is fitted to permuted training labels. It measures what a stitch can memorise.

Its held-out score is chance by construction. It is run for *selectivity*: how much better true labels are
fitted in training than shuffled ones (Hewitt & Liang 2019, control tasks for probes).
"""

from __future__ import annotations

from dataclasses import replace

import torch

from modelstitch.controls.roles import Roles
from modelstitch.data.parts import Data
from modelstitch.models.network import Network
from modelstitch.tasks import IGNORED


def roles(sender: Network, receiver: Network, data: Data, seed: int) -> Roles:
    """Return both networks, and permute the training labels."""
    return Roles(sender, receiver, label_seed=seed)


def shuffled(data: Data, seed: int) -> Data:
    """Return ``data`` with permuted training labels; the held-out part stays as it is."""
    order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(seed))
    given = data.train.take(order)
    targets = given.given_targets
    if data.task.by_position and data.train.given_targets is not None:
        # Targets change places with each other; positions without a target keep none.
        targets = data.train.given_targets.clone()
        has_target = targets != IGNORED
        known = targets[has_target]
        moved = torch.randperm(len(known), generator=torch.Generator().manual_seed(seed))
        targets[has_target] = known[moved.to(known.device)]
    return replace(data, train=replace(data.train, labels=given.labels, given_targets=targets))
