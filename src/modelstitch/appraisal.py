"""Measure the evidence of fitted cells on held-out examples, with everything about a receiver computed once."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from modelstitch.evidence import KINDS, Material, Measurement
from modelstitch.evidence.distribution import summarise
from modelstitch.evidence.material import FinestLabels, Genuine
from modelstitch.evidence.robustness import CHANGES, disturb, shift
from modelstitch.evidence.rows import Rows
from modelstitch.fitting.closed_form import solve
from modelstitch.fitting.schedules import spread
from modelstitch.grid import Pair, gather_moments
from modelstitch.layouts import Layout
from modelstitch.representations import Representations
from modelstitch.sides import Side, score_batches
from modelstitch.sources.data import Split
from modelstitch.specs import CellSpec, EvidenceSpec, FitSpec
from modelstitch.stitches import Stitch
from modelstitch.stitches.linear import Linear

_GENUINE_EXAMPLES = 1000
_PIXELS = 8

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
        # Class after class, and in random order within each, so that every tenth example is a fair choice.
        mixed = spaced[torch.randperm(len(spaced), generator=torch.Generator().manual_seed(0))]
        labels = heldout.labels[mixed.to(heldout.labels.device)]
        order = labels.argsort(stable=True)
        self.indices, self.labels = mixed[order.to(mixed.device)], labels[order]
        images = heldout.images[self.indices.to(heldout.images.device)]
        self.pixels = Rows(_pixels(images), self.labels)
        self.is_image = images.ndim == 4
        self._rows: dict[str, Rows] = {}
        self._moved: dict[str, Rows] = {}
        self._genuine: dict[str, Genuine] = {}
        self._outputs: Tensor | None = None
        self._changed: dict[str, tuple[Split, Tensor]] = {}

    def rows(self, names: Sequence[str]) -> dict[str, Rows]:
        """Return the rows at several cuts."""
        missing = tuple(name for name in names if name not in self._rows)
        if missing:
            parts = _represented(self.side, missing, self.side.data.heldout, self.indices)
            self._rows |= {
                name: Rows(x, self.labels, own=True) for name, x in zip(missing, parts, strict=True)
            }
        return {name: self._rows[name] for name in names}

    def moved(self, name: str) -> Rows:
        """Return the rows of the same images after a small shift (small noise, or a few tokens replaced, where they are no images)."""
        if name not in self._moved:
            heldout = self.side.data.heldout
            images = heldout.images[self.indices.to(heldout.images.device)]
            changed = shift(images) if self.is_image else disturb(images, 0.05)
            (x,) = _represented(self.side, (name,), Split(changed, self.labels), torch.arange(len(changed)))
            self._moved[name] = Rows(x, self.labels, own=True)
        return self._moved[name]

    def genuine(self, name: str) -> Genuine:
        """Return what training examples look like at a cut."""
        if name not in self._genuine:
            train = self.side.data.train
            parts = [
                summarise(
                    self.side.cut(name).layout.features_first(
                        self.side.represent((name,), train, some, torch.float32)[0]
                    ),
                    train.labels[some.to(train.labels.device)],
                )
                for some in spread(torch.arange(len(train)), _GENUINE_EXAMPLES).split(256)
            ]
            self._genuine[name] = Genuine(
                features=torch.cat([part.features for part in parts]),
                labels=torch.cat([part.labels for part in parts]),
                size=torch.cat([part.size for part in parts]),
                sparsity=torch.cat([part.sparsity for part in parts]),
            )
        return self._genuine[name]

    @property
    def outputs(self) -> Tensor:
        """The whole receiver's class scores (n, K)."""
        if self._outputs is None:
            self._outputs = _outputs(self.side, self.side.data.heldout, self.indices)
        return self._outputs

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

    def changed(self, change: str) -> tuple[Split, Tensor]:
        """Return the examples under a named change, and the whole receiver's class scores for them."""
        if change not in self._changed:
            heldout = self.side.data.heldout
            images = CHANGES[change](heldout.images[self.indices.to(heldout.images.device)])
            split = Split(images, self.labels)
            self._changed[change] = (split, _outputs(self.side, split, torch.arange(len(split))))
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
    cut = cells[0].sender_cut
    (x,) = _represented(sender, (cut,), sender.data.heldout, receiver.indices)
    provided = Rows(x, receiver.labels)
    own = None
    read = receiver.side.data.task.read
    if sender.accuracy() is not None and any("agreement" in wanted[cell] for cell in cells):
        own = read(_outputs(sender, sender.data.heldout, receiver.indices))
    for cell in cells:
        stitch = stitches[cell].eval()
        name = receiver.side.cut(cell.receiver_cut).name
        later = receiver.side.cutting.later(name) if "trajectory" in wanted[cell] else ()
        expected = receiver.rows((name, *later))
        raw, trail, outputs = _through(stitch, receiver.side, name, later, x)
        stitched = {name: Rows(raw, receiver.labels)} | {
            each: Rows(part, receiver.labels, own=True) for each, part in zip(later, trail, strict=True)
        }
        here, layout = expected[name], receiver.side.cut(name).layout
        material = Material(
            cut=name,
            labels=receiver.labels,
            provided=provided,
            expected=expected,
            stitched=stitched,
            raw_provided=sender.cut(cut).layout.features_first(x),
            raw_expected=partial(_raw, here, layout),
            raw_stitched=layout.features_first(raw),
            matched=Rows(_run(matched[cell], x), receiver.labels, own=True) if cell in matched else None,
            outputs=read(outputs),
            receiver_outputs=read(receiver.outputs),
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
        found = [each for kind in wanted[cell] for each in KINDS[kind].measure(material)]
        yield cell, found


def _raw(rows: Rows, layout: Layout) -> Tensor:
    return layout.features_first(rows.raw(layout.shape))


def _changed(
    sender: Side, cut: str, stitch: Stitch, receiver: Expected, name: str, change: str
) -> tuple[Tensor, Tensor]:
    split, outputs = receiver.changed(change)
    (x,) = _represented(sender, (cut,), split, torch.arange(len(split)))
    read = receiver.side.data.task.read
    return read(_through(stitch, receiver.side, name, (), x)[2]), read(outputs)


def _train_right(sender: Side, cut: str, stitch: Stitch, receiver: Expected, name: str) -> Tensor:
    train = receiver.side.data.train
    few = spread(torch.arange(len(train)), len(receiver.indices))
    (x,) = _represented(sender, (cut,), sender.data.train, few)
    outputs = _through(stitch, receiver.side, name, (), x)[2]
    return receiver.side.data.task.correct(outputs, train.labels[few.to(train.labels.device)])


def _through(
    stitch: Stitch, receiver: Side, name: str, later: tuple[str, ...], x: Tensor
) -> tuple[Tensor, list[Tensor], Tensor]:
    """Run provided representations through the stitch and on, to every later cut and to the output."""
    trail = receiver.fast_suffix(name, torch.float32, later) if later else None
    last = receiver.fast_suffix(later[-1] if later else name, torch.float32)
    at_cut, at_later, outputs = [], [], []
    with torch.inference_mode():
        for indices in score_batches(len(x)):
            y = stitch(x[indices])
            parts = trail(y) if trail is not None else (y,)
            at_cut.append(y)
            at_later.append(parts)
            outputs.append(last(parts[-1]))
    found = [torch.cat(each) for each in zip(*at_later, strict=True)]
    return torch.cat(at_cut), found if later else [], torch.cat(outputs)


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


def _represented(side: Side, names: tuple[str, ...], split: Split, indices: Tensor) -> list[Tensor]:
    parts = [side.represent(names, split, some, torch.float32) for some in indices.split(256)]
    return [torch.cat(each) for each in zip(*parts, strict=True)]


def _outputs(side: Side, split: Split, indices: Tensor) -> Tensor:
    with torch.inference_mode():
        return torch.cat([side.whole(side.images(split, some)) for some in indices.split(256)])


def _pixels(images: Tensor) -> Tensor:
    if images.dtype == torch.int64:
        return _counts(images)
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
