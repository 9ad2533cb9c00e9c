"""Measure the evidence of fitted cells on held-out examples, with everything about a receiver computed once."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from modelstitch.cutting.layouts import Layout
from modelstitch.data.parts import DataPart
from modelstitch.evidence.kinds import KINDS
from modelstitch.evidence.kinds.distribution import summarise
from modelstitch.evidence.kinds.robustness import CHANGES, disturb, shift
from modelstitch.evidence.material import FinestLabels, Genuine, Material, Measurement
from modelstitch.evidence.residuals import Rows
from modelstitch.evidence.units import Units
from modelstitch.fitting.closed_form import solve
from modelstitch.fitting.schedules import spread
from modelstitch.grid.grid import gather_moments
from modelstitch.grid.pool import Pair
from modelstitch.grid.representations import Representations
from modelstitch.grid.side import SCORE_BATCH, Side, score_batches, scored
from modelstitch.specs import CellSpec, EvidenceSpec, FitSpec
from modelstitch.stitches import Stitch
from modelstitch.stitches.linear import Linear

_GENUINE_EXAMPLES = 1000
_PIXELS, _VOXELS = 8, 4
_LONG = 1024

_OF_CONTROL = {
    "random-sender": ("errors", "trajectory", "label-sets"),
    "random-sender-bn": ("errors", "trajectory", "label-sets"),
    "random-receiver": ("errors",),
    "random-receiver-bn": ("errors",),
    "random-both": ("errors",),
    "random-both-bn": ("errors",),
    "clustered-noise": ("trajectory", "label-sets"),
    "one-hot": ("trajectory", "label-sets"),
    "probe": (),
    "shuffled-labels": ("selectivity",),
}
"""Kinds that say something about a control; the real grid and the self-stitch get all of them."""

_OF_CLASSES = ("agreement", "robustness", "label-sets")
"""Kinds that read answers and their probabilities, which tasks without classes have not."""


def kinds_of(cell: CellSpec, spec: EvidenceSpec) -> tuple[str, ...]:
    """Return the kinds of evidence that ``spec`` asks for and that mean something for a cell."""
    return tuple(kind for kind in spec.kinds if kind in _OF_CONTROL.get(cell.control, spec.kinds))


def appraise(
    pair: Pair,
    stitches: Mapping[CellSpec, Stitch],
    wanted: Mapping[CellSpec, Sequence[str]],
    n_examples: int,
) -> Iterator[tuple[CellSpec, list[Measurement]]]:
    """Measure the evidence of cells, yielding each as it is done.

    Held-out examples are spread evenly over the held-out part. For a receiver they run once; for a cell its stitch and the
    receiver's later layers run once.

    Args:
        pair: the two networks and the data.
        stitches: the fitted stitch of every cell.
        wanted: kinds of evidence by cell; a cell without any is left out.
        n_examples: most held-out examples to measure on.
    """
    groups: dict[int, dict[int, list[CellSpec]]] = {}
    for cell in wanted:
        if wanted[cell]:
            sender, receiver = pair.sides(cell.control, cell.seed)
            groups.setdefault(id(receiver), {}).setdefault(id(sender), []).append(cell)
    for by_sender in groups.values():
        first = next(iter(by_sender.values()))[0]
        expected = Expected(pair.sides(first.control, first.seed)[1], n_examples)
        for mine in by_sender.values():
            sender = pair.sides(mine[0].control, mine[0].seed)[0]
            erring = [cell for cell in mine if "errors" in wanted[cell]]
            matched = _matched(sender, expected.side, erring, stitches)
            for cut in dict.fromkeys(cell.sender_cut for cell in mine):
                some = [cell for cell in mine if cell.sender_cut == cut]
                yield from _appraise(sender, expected, some, stitches, matched, wanted)


class Expected:
    """A receiver's own representations of the examples that evidence is measured on, each computed once.

    Args:
        side: the receiver.
        n_examples: most examples to take.
    """

    def __init__(self, side: Side, n_examples: int) -> None:
        self.side = side
        heldout = side.data.heldout
        spaced = spread(torch.arange(len(heldout)), n_examples)
        self.units = Units(side.seen(heldout), spaced, side.data.task, n_examples)
        self.indices, self.labels = self.units.indices, self.units.labels
        self.split = heldout.take(self.indices)
        given = self.split.images.long() if side.data.is_text else self.split.images
        self.pixels = Rows(_pixels(self.units.tokens(given)), self.labels)
        self.is_image = self.split.images.ndim == 4
        self._rows: dict[str, Rows] = {}
        self._moved: dict[str, Rows] = {}
        self._genuine: dict[str, Genuine] = {}
        self._outputs: Tensor | None = None
        self._changed: dict[str, tuple[DataPart, Tensor]] = {}

    def rows(self, names: Sequence[str]) -> dict[str, Rows]:
        """Return the rows at several cuts."""
        missing = tuple(name for name in names if name not in self._rows)
        if missing:
            parts = _units_at(self.side, missing, self.side.data.heldout, self.indices, self.units)
            self._rows |= {
                name: Rows(x, self.labels, own=True) for name, x in zip(missing, parts, strict=True)
            }
        return {name: self._rows[name] for name in names}

    def moved(self, name: str) -> Rows:
        """Return the rows of the same images after a small shift (small noise, or a few tokens replaced, where they are no images)."""
        if name not in self._moved:
            images = self.split.images
            split = replace(self.split, images=shift(images) if self.is_image else self.disturbed(images))
            (x,) = _units_at(self.side, (name,), split, torch.arange(len(split)), self.units)
            self._moved[name] = Rows(x, self.labels, own=True)
        return self._moved[name]

    def genuine(self, name: str) -> Genuine:
        """Return what training examples look like at a cut."""
        if name not in self._genuine:
            train, layout, task = self.side.data.train, self.layout(name), self.side.data.task
            some = spread(torch.arange(len(train)), _GENUINE_EXAMPLES)
            units = Units(self.side.seen(train), some, task, _GENUINE_EXAMPLES)
            (x,) = _units_at(self.side, (name,), train, units.indices, units)
            self._genuine[name] = summarise(units.layout(layout).features_first(x), units.labels)
        return self._genuine[name]

    @property
    def outputs(self) -> Tensor:
        """The whole receiver's class scores (n, K)."""
        if self._outputs is None:
            self._outputs = self.outputs_of(self.side, self.side.data.heldout, self.indices)
        return self._outputs

    def disturbed(self, images: Tensor) -> Tensor:
        """Return examples with a little noise, or with a few tokens or letters replaced."""
        if not self.side.data.is_text:
            return disturb(images, 0.05)
        return disturb(images.long(), 0.05).to(images.dtype)

    def outputs_of(self, side: Side, split: DataPart, indices: Tensor) -> Tensor:
        """Return a whole network's outputs for the same examples, given in ``split`` at ``indices``."""
        return self.units.outputs(batch for batch, _ in side.outputs(split, side.whole, indices))

    def layout(self, name: str) -> Layout:
        """Return the layout at a cut."""
        return self.side.cut(name).layout

    def finest(self, outputs: Tensor) -> FinestLabels | None:
        """Return the finest labels beside class scores (n, K) for them; None without coarser sets, or with too few scores."""
        data = self.side.data
        n_classes = len(data.classes if data.finest is None else data.finest.classes)
        if not data.label_sets or min(outputs.shape[1], self.outputs.shape[1]) < n_classes:
            return None
        labels = data.heldout.labels if data.finest is None else data.finest.heldout
        return FinestLabels(
            labels[self.indices.to(labels.device)],
            outputs,
            self.outputs,
            {each.name: each.label_of for each in data.label_sets},
        )

    def changed(self, change: str) -> tuple[DataPart, Tensor]:
        """Return the examples under a named change, and the whole receiver's class scores for them."""
        if change not in self._changed:
            letters = self.side.data.is_text
            images = self.split.images.long() if letters else self.split.images
            changed = CHANGES[change](images)
            split = replace(self.split, images=changed.to(self.split.images.dtype) if letters else changed)
            self._changed[change] = (split, self.outputs_of(self.side, split, torch.arange(len(split))))
        return self._changed[change]


def _appraise(
    sender: Side,
    receiver: Expected,
    cells: list[CellSpec],
    stitches: Mapping[CellSpec, Stitch],
    matched: Mapping[CellSpec, Stitch],
    wanted: Mapping[CellSpec, Sequence[str]],
) -> Iterator[tuple[CellSpec, list[Measurement]]]:
    """Appraise the cells that share one provided representation."""
    cut, units, task = cells[0].sender_cut, receiver.units, receiver.side.data.task
    (x,) = _represented(sender, (cut,), sender.data.heldout, receiver.indices)
    given = sender.cut(cut).layout
    fits = units.fits(given)
    provided = units.of(x, given) if fits else x
    own = None
    if task.has_classes and sender.accuracy() is not None and any("agreement" in wanted[c] for c in cells):
        own = task.read(receiver.outputs_of(sender, sender.data.heldout, receiver.indices))
    for cell in cells:
        stitch = stitches[cell].eval()
        name = receiver.side.cut(cell.receiver_cut).name
        layout = units.layout(receiver.layout(name))
        if not fits or not units.fits(receiver.layout(name)):
            yield cell, []  # no value for every position that is wanted
            continue
        later = receiver.side.cutting.later(name) if "trajectory" in wanted[cell] else ()
        later = tuple(each for each in later if units.fits(receiver.layout(each)))
        expected = receiver.rows((name, *later))
        raw, trail, outputs = _through(stitch, receiver, name, later, x)
        stitched = {name: Rows(raw, receiver.labels)} | {
            each: Rows(part, receiver.labels, own=True) for each, part in zip(later, trail, strict=True)
        }
        here = expected[name]
        material = Material(
            cut=name,
            labels=receiver.labels,
            provided=Rows(provided, receiver.labels),
            expected=expected,
            stitched=stitched,
            raw_provided=units.layout(given).features_first(provided),
            raw_expected=partial(_raw, here, layout),
            raw_stitched=layout.features_first(raw),
            matched=Rows(units.of(_run(matched[cell], x), receiver.layout(name)), receiver.labels, own=True)
            if cell in matched
            else None,
            outputs=task.read(outputs),
            receiver_outputs=task.read(receiver.outputs),
            sender_outputs=own,
            genuine=receiver.genuine(name) if "distribution" in wanted[cell] else None,
            moved=receiver.moved(name) if "information" in wanted[cell] else None,
            pixels=receiver.pixels,
            is_image=receiver.is_image,
            changed=partial(_changed, sender, cut, stitch, receiver, name),
            finest=receiver.finest(outputs),
            train_right=partial(_train_right, sender, cut, stitch, receiver, name),
            weight=_weight(stitch),
        )
        kinds = [kind for kind in wanted[cell] if task.has_classes or kind not in _OF_CLASSES]
        found = [each for kind in kinds for each in KINDS[kind].measure(material)]
        yield cell, found


def _raw(rows: Rows, layout: Layout) -> Tensor:
    return layout.features_first(rows.raw(layout.shape))


def _changed(
    sender: Side, cut: str, stitch: Stitch, receiver: Expected, name: str, change: str
) -> tuple[Tensor, Tensor]:
    split, outputs = receiver.changed(change)
    (x,) = _represented(sender, (cut,), split, torch.arange(len(split)))
    read = receiver.side.data.task.read
    return read(_through(stitch, receiver, name, (), x)[2]), read(outputs)


def _train_right(sender: Side, cut: str, stitch: Stitch, receiver: Expected, name: str) -> Tensor:
    side = receiver.side
    few = spread(torch.arange(len(side.data.train)), len(receiver.indices))
    (x,) = _represented(sender, (cut,), sender.data.train, few)
    chosen = side.data.train.take(few)
    last = side.bound(side.fast_suffix(name, torch.float32), chosen)
    with torch.inference_mode():
        batches = [
            (last(stitch(x[some]), some), chosen.targets_for(side.data.task, some))
            for some in score_batches(len(x), side.score_batch)
        ]
    return scored(side.data.task, batches)


def _through(
    stitch: Stitch, receiver: Expected, name: str, later: tuple[str, ...], x: Tensor
) -> tuple[Tensor, list[Tensor], Tensor]:
    """Run provided representations through the stitch and on; return the units at the cut, at every later cut and of the output."""
    side, units, split = receiver.side, receiver.units, receiver.split
    trail = side.bound(side.fast_suffix(name, torch.float32, later), split) if later else None
    last = side.bound(side.fast_suffix(later[-1] if later else name, torch.float32), split)
    cuts = (name, *later)
    at: dict[str, list[Tensor]] = {cut: [] for cut in cuts}

    def outputs() -> Iterator[Tensor]:
        for indices in score_batches(len(x), side.score_batch):
            y = stitch(x[indices])
            parts = trail(y, indices) if trail is not None else ()
            for cut, value in zip(cuts, (y, *parts), strict=True):
                at[cut].append(units.part(value, receiver.layout(cut), int(indices[0])))
            yield last(parts[-1] if parts else y, indices)

    with torch.inference_mode():
        found = units.outputs(outputs())
        here, *then = (units.joined(at[cut], receiver.layout(cut)) for cut in cuts)
    return here, then, found


def _matched(
    sender: Side, receiver: Side, cells: Sequence[CellSpec], stitches: Mapping[CellSpec, Stitch]
) -> dict[CellSpec, Stitch]:
    """Fit the expected representation in closed form, on 1,500 training examples, beside every stitch that has one."""
    if not cells:
        return {}
    train = Representations(sender, (), sender.data.train, "recompute", torch.float32)
    moments = gather_moments(sender, receiver, cells, train, FitSpec())
    found = {}
    for cell, (some, aside) in moments.items():
        if cell.objective == "match":
            found[cell] = stitches[cell]
            continue
        device = sender.data.train.images.device
        stitch = copy.deepcopy(stitches[cell])
        values = solve(stitch, some, aside, refit=True) if cell.stitch.norm == "none" else None
        if values is not None:
            for name, value in values.items():
                stitch.get_parameter(name).data.copy_(value)
            found[cell] = stitch.to(device).eval()
    return found


def _run(stitch: nn.Module, x: Tensor) -> Tensor:
    with torch.inference_mode():
        return torch.cat([stitch(x[indices]) for indices in score_batches(len(x))])


def _represented(side: Side, names: tuple[str, ...], split: DataPart, indices: Tensor) -> list[Tensor]:
    parts = [side.represent(names, split, some, torch.float32) for some in indices.split(256)]
    return [torch.cat(each) for each in zip(*parts, strict=True)]


def _units_at(
    side: Side, names: tuple[str, ...], split: DataPart, indices: Tensor, units: Units
) -> list[Tensor]:
    """Return the units of the representations at several cuts."""
    found: dict[str, list[Tensor]] = {name: [] for name in names}
    for first, some in enumerate(indices.split(SCORE_BATCH)):
        for name, x in zip(names, side.represent(names, split, some, torch.float32), strict=True):
            found[name].append(units.part(x, side.cut(name).layout, first * SCORE_BATCH))
    return [units.joined(parts, side.cut(name).layout) for name, parts in found.items()]


def _pixels(images: Tensor) -> Tensor:
    if images.dtype == torch.int64:
        return _counts(images)
    if images.ndim == 3 and images.shape[2] > _LONG:  # a sound: how loud it is when
        return nn.functional.adaptive_avg_pool1d(images.float().abs(), _PIXELS**2)
    if images.ndim == 5:  # a volume, or a film
        size = tuple(min(each, _VOXELS) for each in images.shape[2:])
        return nn.functional.adaptive_avg_pool3d(images.float(), size)  # type: ignore[arg-type]
    if images.ndim != 4 or min(images.shape[2:]) <= _PIXELS:
        return images.float()
    return nn.functional.adaptive_avg_pool2d(images.float(), _PIXELS)


def _counts(tokens: Tensor) -> Tensor:
    """Return how often each of the commonest tokens stands in an example, (N, at most 64): what is to images their pixels."""
    known, times = tokens.unique(return_counts=True)
    common = known[times.argsort(descending=True, stable=True)[: _PIXELS**2]]
    return torch.stack([(tokens == each).sum(1) for each in common], 1).float()


def _weight(stitch: Stitch) -> Tensor | None:
    if isinstance(stitch, Linear) and stitch.spec.norm == "none":
        return next(stitch.parameters()).detach().flatten(1)
    return None
