"""Fit and score the cells of a pair of networks, sharing what can be shared."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from modelstitch import truth
from modelstitch.controls import CONTROL_PAIRS
from modelstitch.fitting.trained import Fitted, fit
from modelstitch.sides import Representations, Side, score_batches
from modelstitch.sources.data import Data
from modelstitch.sources.models import Network
from modelstitch.specs import CellSpec, FitSpec
from modelstitch.stitches import Stitch, build
from modelstitch.tasks import CLASSIFICATION, Task, accuracy


@dataclass(frozen=True)
class FittedCell:
    """A finished cell: its spec, its stitch, its score on held-out examples and how the fit went.

    ``correct`` is (n_heldout,) in bool; a cell whose fit failed has an accuracy of NaN.
    """

    spec: CellSpec
    stitch: Stitch
    fitted: Fitted
    correct: Tensor

    @property
    def accuracy(self) -> float:
        return math.nan if self.fitted.failure is not None else accuracy(self.correct)


class Pair:
    """A sender and a receiver with all their untrained copies, made once each and only when asked for.

    Args:
        sender, receiver: the two networks.
        data: the examples, on the device to work on.
    """

    def __init__(self, sender: Network, receiver: Network, data: Data) -> None:
        self.data = data
        self.data_digest = data.digest
        self._networks = (sender, receiver)
        self.sender = Side(sender, data)
        # Two seeds of one architecture have the same graph: it is captured once.
        shared = (
            sender.architecture is not None
            and sender.architecture == receiver.architecture
            and sender.view == receiver.view
        )
        self.receiver = Side(receiver, data, like=self.sender if shared else None)
        self._sides: dict[tuple[str, str], Side] = {
            ("sender", self.sender.digest): self.sender,
            ("receiver", self.receiver.digest): self.receiver,
        }
        self._pairs: dict[tuple[str, int], tuple[Side, Side]] = {}

    def sides(self, control: str, seed: int) -> tuple[Side, Side]:
        """Return sender and receiver as ``control`` wants them with ``seed``."""
        if (control, seed) not in self._pairs:
            sender, receiver = CONTROL_PAIRS[control](*self._networks, seed)
            self._pairs[control, seed] = (
                self._side("sender", sender, self.sender),
                self._side("receiver", receiver, self.receiver),
            )
        return self._pairs[control, seed]

    def _side(self, role: str, network: Network, original: Side) -> Side:
        if network is original.network:
            return original
        side = Side(network, self.data, like=original)
        return self._sides.setdefault((role, side.digest), side)


def fit_cell(
    cell: CellSpec,
    sender: Side,
    receiver: Side,
    provided: Representations,
    provided_heldout: Representations,
    spec: FitSpec,
    task: Task = CLASSIFICATION,
) -> FittedCell:
    """Fit and score one cell, a function of its spec, the two networks and the data.

    Args:
        cell: what to fit.
        sender, receiver: the two networks.
        provided, provided_heldout: the sender's representations of the training and the held-out part.
        spec: how to fit.
        task: loss and score.

    Raises:
        TruthError: a network changed, or the stitch did not.
    """
    generator = torch.Generator().manual_seed(cell.seed)
    sender_cut, receiver_cut = sender.cut(cell.sender_cut), receiver.cut(cell.receiver_cut)
    stitch = build(cell.stitch, sender_cut.shape, receiver_cut.shape, generator)
    data = sender.data
    stitch = stitch.to(data.train.images.device)
    suffix = receiver.suffix(receiver_cut.name)
    fitted = fit(
        stitch,
        suffix,
        provided,
        data.train.labels,
        task.loss,
        spec,
        generator,
        (
            sender.moments((sender_cut.name,))[sender_cut.name],
            receiver.moments((receiver_cut.name,))[receiver_cut.name],
        ),
    )
    truth.stitch_changed(fitted, cell)
    truth.still_frozen(sender, cell)
    truth.still_frozen(receiver, cell)
    correct = score(stitch, suffix, provided_heldout, data.heldout.labels, task)
    return FittedCell(cell, stitch, fitted, correct)


def score(
    stitch: Stitch,
    suffix: torch.nn.Module,
    provided: Representations,
    labels: Tensor,
    task: Task = CLASSIFICATION,
) -> Tensor:
    """Return which held-out examples the stitched network gets right, (N,) in bool on the CPU."""
    stitch.eval()
    parts = []
    with torch.no_grad():
        for indices in score_batches(len(labels)):
            outputs = suffix(stitch(provided(indices)))
            parts.append(task.correct(outputs, labels[indices.to(labels.device)]))
    return torch.cat(parts).cpu()


def fit_grid(
    pair: Pair, cells: Sequence[CellSpec], spec: FitSpec, memory_bytes: int, task: Task = CLASSIFICATION
) -> Iterator[FittedCell]:
    """Fit and score ``cells``, yielding each as it finishes.

    Cells that share a sender's representation follow each other, so that it is computed once; the order has no
    influence on any number.

    Args:
        pair: the two networks and the data.
        cells: what to fit, in any order.
        spec: how to fit.
        memory_bytes: how much of the representations may be kept instead of computed again.
        task: loss and score.
    """
    sides = {cell: pair.sides(cell.control, cell.seed) for cell in cells}
    order: dict[tuple[int, str], list[CellSpec]] = {}
    for cell in cells:
        order.setdefault((id(sides[cell][0]), cell.sender_cut), []).append(cell)
    for (_, name), group in order.items():
        sender = sides[group[0]][0]
        receivers = {id(sides[cell][1]): sides[cell][1] for cell in group}
        for receiver in receivers.values():
            receiver.moments(tuple({c.receiver_cut: None for c in group if sides[c][1] is receiver}))
        heldout = Representations(sender, name, sender.data.heldout, memory_bytes)
        train = Representations(sender, name, sender.data.train, memory_bytes - heldout.bytes)
        for cell in group:
            yield fit_cell(cell, sender, sides[cell][1], train, heldout, spec, task)
