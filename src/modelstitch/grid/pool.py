"""Two networks with all their controls, and the pool of sides and representations that pairs share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, final

import torch

from modelstitch.controls import roles_of
from modelstitch.controls.roles import drawn_seed
from modelstitch.controls.shuffled_labels import shuffled
from modelstitch.cutting import GraphCutModel
from modelstitch.cutting.copies import are_copies
from modelstitch.cutting.layouts import Layout
from modelstitch.data.copies import Copies, copies
from modelstitch.data.parts import Data, PartName
from modelstitch.grid.moments import SecondMoments
from modelstitch.grid.planted import planted
from modelstitch.grid.read_outs import read_out
from modelstitch.grid.representations import Pass, Representations
from modelstitch.grid.side import Side, make_side
from modelstitch.models.drawn import Drawn
from modelstitch.models.network import Network, digest
from modelstitch.specs import CONTROLS, CellSpec
from modelstitch.util.workers import Workers


@final
class Pool:
    """Sides of many networks on one data set, each made once, whatever pairs are made of them.

    Args:
        data: the examples, on the device to work on.
        many: whether a sender's representations outlive its grid, for the next pair with the same sender.
        cache: folder where captured graphs are kept, and looked for first.

    Attributes:
        moments: second moments, of which a sender's Gram matrices are kept.
    """

    def __init__(self, data: Data, *, many: bool = False, cache: Path | None = None) -> None:
        self.data = data
        self.many = many
        self._cache = cache
        self.data_digest = data.digest
        self.moments = SecondMoments()
        self._sides: list[Side] = []
        self._copies: dict[frozenset[str], Copies] = {}
        self._own, self._other = _LastPass(), _LastPass()

    def side(self, network: Network, sibling: Side | None = None) -> Side:
        """Return the side of a network; the same side for the same weights, view and layouts.

        Args:
            network: the model and its view.
            sibling: the side whose untrained copy the network is, to share its capture and to be read alike;
                without it, a capture made before is shared.
        """
        weights = digest(network.module)
        for side in self._sides:
            if _is_side_of(side, network, weights):
                return side
        reading = None if sibling is None else sibling.reading
        if sibling is None:
            sibling = next((side for side in self._sides if _share_a_capture(side, network)), None)
        side = make_side(network, self.data, sibling, reading, self._cache)
        self._sides.append(side)
        return side

    def copies(self, *sides: Side) -> Copies:
        """Count the held-out copies of training examples, by the inputs that any of some networks takes."""
        names = frozenset(name for side in sides for name in side.inputs.names)
        if names not in self._copies:
            self._copies[names] = copies(self.data, names)
        return self._copies[names]

    def representations(
        self,
        side: Side,
        planned: Pass,
        part: PartName,
        dtype: torch.dtype,
        *,
        unaccelerated: bool,
        own: bool,
        workers: Workers | None = None,
    ) -> Representations:
        """Return the representations of a part in one pass; those of the last pass are still there.

        Args:
            side: the network.
            planned: its cuts, and where their representations are kept.
            part: ``train`` or ``held-out``.
            dtype: of the representations.
            unaccelerated: use the unaccelerated half.
            own: whether ``side`` is the pair's own sender and not a control's. With many pairs, a control
                must not push out what the next pair needs.
            workers: how many batches are computed at once.
        """
        last = self._own if self.many and own else self._other
        return last.get(side, planned, part, dtype, unaccelerated=unaccelerated, workers=workers)

    def release(self) -> None:
        """Let go of all representations."""
        self._own.clear()
        self._other.clear()


@final
class _LastPass:
    """The representations of the pass that was asked for last."""

    def __init__(self) -> None:
        self._of: tuple[Side, Pass] | None = None
        self._kept: dict[tuple[PartName, torch.dtype, bool], Representations] = {}

    def get(
        self,
        side: Side,
        planned: Pass,
        part: PartName,
        dtype: torch.dtype,
        *,
        unaccelerated: bool,
        workers: Workers | None,
    ) -> Representations:
        if self._of != (side, planned):
            self.clear()  # let go of the old ones before the new ones are made
            self._of = (side, planned)
        key = (part, dtype, unaccelerated)
        if key not in self._kept:
            self._kept[key] = Representations(
                side, planned.names, part, planned.storage, dtype, unaccelerated, workers
            )
        return self._kept[key]

    def clear(self) -> None:
        self._of = None
        self._kept.clear()


_READ_BY = ("view", "layouts", "architecture", "classes", "output", "output_scale")
"""What must agree, beside weights, for two networks to share a side."""


def _is_side_of(side: Side, network: Network, weights: str) -> bool:
    one = side.network
    if any(getattr(one, name) != getattr(network, name) for name in _READ_BY) or side.digest != weights:
        return False
    return network.architecture is not None or one.module is network.module


def _share_a_capture(side: Side, other: Network) -> bool:
    """Tell whether two networks have the same architecture and view."""
    one = side.network
    if (one.view, one.layouts, one.architecture) != (other.view, other.layouts, other.architecture):
        return False
    if one.architecture is not None:
        return True
    # Hooks keep examples of their own, on which data that flow around a cut would show nothing.
    return isinstance(side.cutting, GraphCutModel) and are_copies(one.module, other.module)


class GivesSides(Protocol):
    """Gives sender and receiver of a cell: a pair, or one with another side in it."""

    @property
    def pool(self) -> Pool:
        """Where sides and representations are kept."""

    @property
    def sender(self) -> Side:
        """The sender itself, without a control."""

    def sides(self, control: str, seed: int, draw: int = 0) -> tuple[Side, Side]:
        """Return sender and receiver under ``control`` with ``seed``, and one of its untrained copies."""


@final
class Pair:
    """A sender and a receiver with all their controls, made once each and only when asked for.

    Args:
        sender, receiver: the two networks.
        data: the examples, on the device to work on.
        pool: sides made before, on the same data.
        cache: folder where captured graphs are kept; that of ``pool`` where there is one.
    """

    def __init__(
        self,
        sender: Network,
        receiver: Network,
        data: Data,
        pool: Pool | None = None,
        cache: Path | None = None,
    ) -> None:
        self.pool = pool or Pool(data, cache=cache)
        self.data = self.pool.data
        self.data_digest = self.pool.data_digest
        self._networks = (sender, receiver)
        self.sender = self.pool.side(sender)
        self.receiver = self.pool.side(receiver)
        self._pairs: dict[tuple[str, int, int], tuple[Side, Side]] = {}
        self._drawn: dict[tuple[str, int], tuple[Drawn | None, Drawn | None]] = {}

    def sides(self, control: str, seed: int, draw: int = 0) -> tuple[Side, Side]:
        """Return what stands before and behind the stitch under ``control`` with ``seed``.

        Args:
            control: by name.
            seed: of untrained copies and planted senders.
            draw: which of the untrained copies of this seed.
        """
        if (control, seed, draw) not in self._pairs:
            roles = roles_of(control)(*self._networks, self.data, drawn_seed(seed, draw))
            self._drawn[control, seed] = (roles.sender.drawn, roles.receiver.drawn)
            sender = self._side(roles.sender, self.sender)
            receiver = self._side(roles.receiver, self.receiver)
            if roles.plant is not None:
                sender = planted(sender, roles.plant)
            if roles.label_seed is not None:
                receiver = receiver.relabelled(shuffled(self.data, roles.label_seed))
            if roles.read_out:
                receiver = read_out(receiver)
            self._pairs[control, seed, draw] = (sender, receiver)
        return self._pairs[control, seed, draw]

    def drawn(self, controls: Sequence[str], seed: int) -> tuple[Drawn | None, Drawn | None]:
        """Return what was not drawn in the untrained copies of sender and receiver under some controls.

        None for a network of which none of them has such a copy.
        """
        for control in controls:
            self.sides(control, seed)
        made = [self._drawn[control, seed] for control in controls]
        return (
            next((sender for sender, _ in made if sender is not None), None),
            next((receiver for _, receiver in made if receiver is not None), None),
        )

    def layouts(self, cell: CellSpec) -> tuple[Layout, Layout]:
        """Return the layouts of a cell's provided and expected representation; its control is not built."""
        sender = self.receiver if CONTROLS[cell.control].self_stitch else self.sender
        return sender.cut(cell.sender_cut).layout, self.receiver.cut(cell.receiver_cut).layout

    def _side(self, network: Network, sibling: Side) -> Side:
        return sibling if network is sibling.network else self.pool.side(network, sibling)
