"""Measure the evidence of fitted cells on held-out examples."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Lock

import torch
from torch import Tensor, nn

from modelstitch.cutting.layouts import Layout
from modelstitch.data.parts import PartName
from modelstitch.evidence.kinds import KINDS
from modelstitch.evidence.material import Material, Measurement, Residuals
from modelstitch.evidence.receiver_examples import ReceiverExamples
from modelstitch.evidence.residuals import Rows
from modelstitch.evidence.within import ReceiverResiduals
from modelstitch.fitting.closed_form import solve
from modelstitch.fitting.schedules import spread
from modelstitch.grid.moments import SecondMoments
from modelstitch.grid.pool import GivesSides
from modelstitch.grid.representations import Representations
from modelstitch.grid.scoring import score_batches, scored
from modelstitch.grid.side import Side
from modelstitch.specs import CONTROLS, OBJECTIVES, CellSpec, EvidenceSpec, FitSpec
from modelstitch.stitches import Stitch
from modelstitch.stitches.linear import Linear
from modelstitch.util.workers import GoOn, Workers, side_by_side

MOST_KEPT = 2**27
"""Bytes of a sender's representations of training examples that are kept between its cells."""

_OF_CLASSES = ("agreement", "robustness", "label-sets")
"""Kinds that read class scores; tasks without classes have none."""


def kinds_of(cell: CellSpec, spec: EvidenceSpec) -> tuple[str, ...]:
    """Return the kinds of evidence that ``spec`` asks for and that mean something for a cell."""
    meaningful = CONTROLS[cell.control].evidence
    return tuple(kind for kind in spec.kinds if meaningful is None or kind in meaningful)


def measure_cells(
    pair: GivesSides,
    stitches: Mapping[CellSpec, Stitch],
    kinds: Mapping[CellSpec, Sequence[str]],
    n_examples: int,
    known: Mapping[Side, ReceiverExamples] | None = None,
    workers: Workers | None = None,
) -> Iterator[tuple[CellSpec, list[Measurement]]]:
    """Measure the evidence of cells, yielding each as it is done.

    The examples are spread evenly over the held-out part. They run once for each receiver; for each cell the
    stitch and the receiver's later layers run once.

    Args:
        pair: the two networks and the data.
        stitches: the fitted stitch of every cell.
        kinds: kinds of evidence by cell; a cell without any is left out.
        n_examples: most held-out examples to measure on.
        known: receivers with what was computed of them before.
        workers: how many cells of one sender cut are measured at once; one without it. Those of networks that
            are cut by hooks are measured one after another.
    """
    groups: dict[Side, dict[Side, list[CellSpec]]] = {}
    for cell in kinds:
        if kinds[cell]:
            sender, receiver = pair.sides(cell.control, cell.seed, cell.draw)
            groups.setdefault(receiver, {}).setdefault(sender, []).append(cell)
    for receiver, by_sender in groups.items():
        expected = (known or {}).get(receiver) or ReceiverExamples(receiver, n_examples)
        for sender, cells in by_sender.items():
            erring = [cell for cell in cells if "errors" in kinds[cell]]
            matched = _matched(pair.pool.moments, sender, receiver, erring, stitches)
            for cut in dict.fromkeys(cell.sender_cut for cell in cells):
                some = [cell for cell in cells if cell.sender_cut == cut]
                yield from _measure_sender_cut(sender, expected, some, stitches, matched, kinds, workers)


@dataclass(frozen=True)
class _Provided:
    """A sender's representations of the examples at one cut.

    Attributes:
        sender, cut: the network, and where it is cut.
        x: representations (n, *shape) of all examples.
        features: those of the units, features first.
        rows: those of the units as rows.
        outputs: the whole sender's class scores; None where no kind reads them.
        changed: the same sender on changed examples.
    """

    sender: Side
    cut: str
    x: Tensor
    features: Tensor
    rows: Rows
    outputs: Tensor | None
    changed: ChangedSender
    _train: list[Tensor] = field(default_factory=list)
    _computing: Lock = field(default_factory=Lock)

    def represent(self, part: PartName, rows: Tensor, receiver: ReceiverResiduals) -> Tensor:
        """Return the representations of some of the examples that readers are fitted to, or judged on.

        Those of training examples are kept if they are small; large ones are computed for each cell.
        """
        if part == "held-out":
            return self.x[rows]
        indices = receiver.training.units.indices
        if 4 * len(indices) * math.prod(self.x.shape[1:]) > MOST_KEPT:
            return _represented(self.sender, self.cut, part, indices[rows])
        with self._computing:
            if not self._train:
                self._train.append(_represented(self.sender, self.cut, part, indices))
        return self._train[0][rows]


def _measure_sender_cut(
    sender: Side,
    receiver: ReceiverExamples,
    cells: list[CellSpec],
    stitches: Mapping[CellSpec, Stitch],
    matched: Mapping[CellSpec, Stitch],
    kinds: Mapping[CellSpec, Sequence[str]],
    workers: Workers | None,
) -> Iterator[tuple[CellSpec, list[Measurement]]]:
    """Measure the cells that share one provided representation."""
    task = receiver.side.data.task
    reads_outputs = any("agreement" in kinds[cell] for cell in cells)
    provided = _provided(sender, cells[0].sender_cut, receiver, reads_outputs=reads_outputs)

    def measured(go_on: GoOn, cell: CellSpec) -> tuple[CellSpec, list[Measurement]]:
        go_on()
        if provided is None or not receiver.units.fits(receiver.layout(cell.receiver_cut)):
            return cell, []  # not every position with a target has a value
        stitch = stitches[cell].eval()
        material = _material(provided, receiver, cell.receiver_cut, stitch, matched.get(cell), kinds[cell])
        read = [kind for kind in kinds[cell] if task.has_classes or kind not in _OF_CLASSES]
        return cell, [number for kind in read for number in KINDS[kind].measured(material)]

    at_once = workers if sender.runs_in_threads and receiver.side.runs_in_threads else None
    if at_once is not None and provided is not None:
        # The last bits of a representation depend on the cuts that are asked for with it, so that the order
        # of the cells decides them: it must not be a race.
        for cell in cells:
            receiver.compute(cell.receiver_cut, kinds[cell])
    yield from side_by_side([partial(measured, cell=cell) for cell in cells], at_once)


def _provided(sender: Side, cut: str, receiver: ReceiverExamples, *, reads_outputs: bool) -> _Provided | None:
    """Return a sender's representations at a cut; None where they do not have a value for every unit."""
    units, task, layout = receiver.units, receiver.side.data.task, sender.cut(cut).layout
    x = _represented(sender, cut, "held-out", receiver.indices)
    if not units.fits(layout):
        return None
    of_units = units.of(x, layout)
    outputs = None
    if task.has_classes and sender.accuracy() is not None and reads_outputs:
        outputs = sender.reading.answers(receiver.outputs_of(sender, receiver.indices))
    return _Provided(
        sender=sender,
        cut=cut,
        x=x,
        features=units.layout(layout).features_first(of_units),
        rows=Rows(of_units, receiver.labels),
        outputs=outputs,
        changed=ChangedSender(sender, cut, receiver),
    )


def _material(
    provided: _Provided,
    receiver: ReceiverExamples,
    receiver_cut: str,
    stitch: Stitch,
    matched: Stitch | None,
    kinds: Sequence[str],
) -> Material:
    """Run the stitch of a cell, and return what its evidence is measured from."""
    units, labels = receiver.units, receiver.labels
    name = receiver.side.cut(receiver_cut).name
    layout = receiver.layout(name)
    behind = receiver.behind(name)
    later = behind if "trajectory" in kinds else ()
    expected = receiver.rows((name, *later))
    raw, trail, outputs = _through(stitch, receiver, name, later, provided.x)
    stitched = {name: Rows(raw, labels)} | {
        cut: Rows(part, labels, own=True) for cut, part in zip(later, trail, strict=True)
    }
    matched_rows = None
    if matched is not None:
        matched_rows = Rows(units.of(_run(matched, provided.x), layout), labels, own=True)
    return Material(
        cut=name,
        labels=labels,
        provided=provided.rows,
        expected=expected,
        stitched=stitched,
        raw_provided=provided.features,
        raw_expected=partial(_raw, expected[name], units.layout(layout)),
        raw_stitched=units.layout(layout).features_first(raw),
        matched=matched_rows,
        outputs=receiver.side.reading.answers(outputs),
        receiver_outputs=receiver.side.reading.answers(receiver.outputs),
        sender_outputs=provided.outputs,
        genuine=receiver.genuine(name) if "distribution" in kinds else None,
        moved=receiver.moved(name) if "information" in kinds else None,
        pixels=receiver.pixels,
        is_image=receiver.is_image,
        changed=partial(_changed, provided.changed, stitch, receiver, name),
        finest=receiver.finest(outputs),
        residuals=_residuals(provided, receiver, name, behind, stitch) if "kept" in kinds else (),
        train_right=partial(_train_right, provided.sender, provided.cut, stitch, receiver, name),
        weight=_weight(stitch),
    )


def _residuals(
    provided: _Provided, receiver: ReceiverExamples, name: str, later: tuple[str, ...], stitch: nn.Module
) -> list[Residuals]:
    own = receiver.residuals
    return own.beside(name, later, stitch, partial(provided.represent, receiver=own))


def _raw(rows: Rows, layout: Layout) -> Tensor:
    return layout.features_first(rows.raw(layout.shape))


class ChangedSender:
    """A sender's representations of the changed examples at one cut.

    Args:
        side: the sender.
        cut: where it is cut.
        receiver: changes the examples.
    """

    def __init__(self, side: Side, cut: str, receiver: ReceiverExamples) -> None:
        self.side, self.cut, self.receiver = side, cut, receiver
        self._sides: dict[str, Side] = {}

    def represent(self, change: str) -> Tensor:
        """Return the representations (n, *shape) of the examples under a named change."""
        examples, _ = self.receiver.changed(change)
        if change not in self._sides:
            self._sides[change] = self.side.with_heldout(examples)
        return _represented(self._sides[change], self.cut, "held-out", torch.arange(len(examples)))


def _changed(
    sender: ChangedSender, stitch: Stitch, receiver: ReceiverExamples, name: str, change: str
) -> tuple[Tensor, Tensor]:
    x, (_, outputs) = sender.represent(change), receiver.changed(change)
    read = receiver.side.reading.answers
    return read(_through(stitch, receiver, name, (), x)[2]), read(outputs)


def _train_right(sender: Side, cut: str, stitch: Stitch, receiver: ReceiverExamples, name: str) -> Tensor:
    side = receiver.side
    few = spread(torch.arange(len(side.data.train)), len(receiver.indices))
    x = _represented(sender, cut, "train", few)
    last = side.bound(side.fast_suffix(name, torch.float32), "train")
    with torch.inference_mode():
        batches = [
            (last(stitch(x[some]), few[some]), side.data.train.targets_for(side.data.task, few[some]))
            for some in score_batches(len(x), side.score_batch)
        ]
    return scored(side.data.task, batches)


def _through(
    stitch: Stitch, receiver: ReceiverExamples, name: str, later: tuple[str, ...], x: Tensor
) -> tuple[Tensor, list[Tensor], Tensor]:
    """Run provided representations through the stitch and the receiver's later layers.

    Returns:
        The units at the cut, at every later cut, and in the output.
    """
    side, units = receiver.side, receiver.units
    trail = side.bound(side.trail(name, later, torch.float32), "held-out") if later else None
    last = side.bound(side.fast_suffix(later[-1] if later else name, torch.float32), "held-out")
    cuts = (name, *later)
    at: dict[str, list[Tensor]] = {cut: [] for cut in cuts}

    def outputs() -> Iterator[Tensor]:
        for rows in score_batches(len(x), side.score_batch):
            y, indices = stitch(x[rows]), receiver.indices[rows]
            parts = trail(y, indices) if trail is not None else ()
            for cut, value in zip(cuts, (y, *parts), strict=True):
                at[cut].append(units.part(value, receiver.layout(cut), int(rows[0])))
            yield last(parts[-1] if parts else y, indices)

    with torch.inference_mode():
        output_units = units.outputs(outputs())
        at_cut, *at_later = (units.joined(at[cut], receiver.layout(cut)) for cut in cuts)
    return at_cut, at_later, output_units


def _matched(
    second_moments: SecondMoments,
    sender: Side,
    receiver: Side,
    cells: Sequence[CellSpec],
    stitches: Mapping[CellSpec, Stitch],
) -> dict[CellSpec, Stitch]:
    """Fit the expected representation in closed form on 1,500 training examples, where the stitch has one."""
    if not cells:
        return {}
    train = Representations(sender, (), "train", "recompute", torch.float32)
    moments = second_moments.gather(sender, receiver, cells, train, FitSpec())
    matched = {}
    for cell, (some, validation) in moments.items():
        if OBJECTIVES[cell.objective].least_squares:
            matched[cell] = stitches[cell]
            continue
        if not (some.finite and validation.finite):
            continue
        device = sender.data.train.images.device
        stitch = copy.deepcopy(stitches[cell])
        values = solve(stitch, some, validation, refit=True) if cell.stitch.norm == "none" else None
        if values is not None:
            for name, value in values.items():
                stitch.get_parameter(name).data.copy_(value)
            matched[cell] = stitch.to(device).eval()
    return matched


def _run(stitch: nn.Module, x: Tensor) -> Tensor:
    with torch.inference_mode():
        return torch.cat([stitch(x[indices]) for indices in score_batches(len(x))])


def _represented(side: Side, cut: str, part: PartName, indices: Tensor) -> Tensor:
    return torch.cat([side.represent((cut,), part, some, torch.float32)[0] for some in indices.split(256)])


def _weight(stitch: Stitch) -> Tensor | None:
    if isinstance(stitch, Linear) and stitch.spec.norm == "none":
        return next(stitch.parameters()).detach().flatten(1)
    return None
