"""Two networks with all their controls, and the pool of sides and representations that pairs share."""

from __future__ import annotations

from collections.abc import Hashable

import torch

from modelstitch.controls import CONTROL_ROLES
from modelstitch.controls.shuffled_labels import shuffled
from modelstitch.cutting import Cutting
from modelstitch.cutting.copies import are_copies
from modelstitch.cutting.layouts import Layout
from modelstitch.data.parts import Data, DataPart
from modelstitch.grid.planted import PlantedSide, ReadOutSide
from modelstitch.grid.representations import Pass, Representations
from modelstitch.grid.side import Side
from modelstitch.models.network import Network, digest
from modelstitch.specs import CellSpec


class Pool:
    """Sides of many networks on one data set, each made once, so that n networks cost n whatever pairs are made of them.

    Args:
        data: the examples, on the device to work on.
        many: whether a sender's representations stay at hand after a grid, for the next pair with the same sender.
    """

    def __init__(self, data: Data, *, many: bool = False) -> None:
        self.data = data
        self.many = many
        self.holds: Side | None = None
        self.data_digest = data.digest
        self._sides: list[Side] = []
        self._kept: dict[bool, tuple[Hashable, dict[Hashable, Representations]]] = {}

    def side(self, network: Network, like: Side | None = None) -> Side:
        """Return the side of a network; one that holds the same weights and sees images alike is the same side.

        Args:
            network: the model and its view.
            like: a side of the same architecture; found among those made before where it is left out. Its graph is captured once.
        """
        weights = digest(network.module)
        for side in self._sides:
            mine = (side.digest, side.network.view, side.network.layouts, side.network.architecture)
            if mine == (
                weights,
                network.view,
                network.layouts,
                network.architecture,
            ) and (network.architecture is not None or side.network.module is network.module):
                return side
        if like is None:
            like = next((side for side in self._sides if _share_a_capture(side, network)), None)
        side = Side(network, self.data, like=like)
        self._sides.append(side)
        return side

    def representations(
        self, side: Side, each: Pass, split: DataPart, dtype: torch.dtype, *, plain: bool
    ) -> Representations:
        """Return the representations of a split in one pass; those of the pass asked for last are still at hand."""
        # With many pairs, the representations of a control must not push out those that the next pair needs.
        slot = self.many and side is self.holds
        if slot not in self._kept or self._kept[slot][0] != (id(side), each):
            self._kept.pop(slot, None)  # let go of the old ones before the new ones are made
            self._kept[slot] = ((id(side), each), {})
        kept = self._kept[slot][1]
        key = (id(split), dtype, plain)
        if key not in kept:
            kept[key] = Representations(side, each.names, split, each.place, dtype, plain)
        return kept[key]

    def release(self) -> None:
        """Let go of all representations."""
        self._kept.clear()


def _share_a_capture(side: Side, other: Network) -> bool:
    """Tell whether two networks are of one architecture and see alike: by what they were made of, or by all that they hold."""
    one = side.network
    if (one.view, one.layouts, one.architecture) != (other.view, other.layouts, other.architecture):
        return False
    if one.architecture is not None:
        return True
    # Hooks keep examples of their own, on which what flows around a cut would show nothing.
    return isinstance(side.cutting, Cutting) and are_copies(one.module, other.module)


class Pair:
    """A sender and a receiver with all their controls, made once each and only when asked for.

    Args:
        sender, receiver: the two networks.
        data: the examples, on the device to work on.
        pool: sides made before, on the same data.
    """

    def __init__(self, sender: Network, receiver: Network, data: Data, pool: Pool | None = None) -> None:
        self.pool = pool or Pool(data)
        self.data = self.pool.data
        self.data_digest = self.pool.data_digest
        self._networks = (sender, receiver)
        self.sender = self.pool.side(sender)
        self.receiver = self.pool.side(receiver)
        self._pairs: dict[tuple[str, int], tuple[Side, Side]] = {}

    def sides(self, control: str, seed: int) -> tuple[Side, Side]:
        """Return sender and receiver as ``control`` wants them with ``seed``."""
        if (control, seed) not in self._pairs:
            roles = CONTROL_ROLES[control](*self._networks, self.data, seed)
            sender = self._side(roles.sender, self.sender)
            receiver = self._side(roles.receiver, self.receiver)
            if roles.plant is not None:
                sender = PlantedSide(sender, roles.plant)
            if roles.label_seed is not None:
                labelled = shuffled(self.data, roles.label_seed)
                receiver = Side(receiver.network, labelled, like=receiver)
            if roles.read_out:
                receiver = ReadOutSide(receiver)
            self._pairs[control, seed] = (sender, receiver)
        return self._pairs[control, seed]

    def layouts(self, cell: CellSpec) -> tuple[Layout, Layout]:
        """Return the layouts of the provided and the expected representation of a cell; no control is built for it."""
        sender = self.receiver if cell.control == "self-stitch" else self.sender
        return sender.cut(cell.sender_cut).layout, self.receiver.cut(cell.receiver_cut).layout

    def _side(self, network: Network, like: Side) -> Side:
        return like if network is like.network else self.pool.side(network, like)
