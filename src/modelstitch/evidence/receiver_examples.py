"""A receiver's own representations and outputs of the examples that evidence is measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from threading import RLock

import torch
from torch import Tensor, nn

from modelstitch.cutting.layouts import Layout
from modelstitch.data.parts import DataPart, PartName
from modelstitch.evidence.kinds.distribution import summarise
from modelstitch.evidence.kinds.robustness import CHANGES, disturb, shift
from modelstitch.evidence.material import FinestScores, Genuine
from modelstitch.evidence.residuals import Rows
from modelstitch.evidence.units import Units
from modelstitch.evidence.within import PartUnits, ReceiverResiduals
from modelstitch.fitting.schedules import spread
from modelstitch.grid.scoring import SCORE_BATCH
from modelstitch.grid.side import Side

_GENUINE_EXAMPLES = 1000
_PIXELS, _VOXELS = 8, 4
_LONG = 1024


class ReceiverExamples:
    """A receiver's own representations of the examples that evidence is measured on, each computed once.

    Args:
        side: the receiver.
        n_examples: most examples to take.
    """

    def __init__(self, side: Side, n_examples: int) -> None:
        self.side = side
        heldout = side.data.heldout
        spaced = spread(torch.arange(len(heldout)), n_examples)
        self.units = Units(side.inputs.tokenized["held-out"], spaced, side.data.task, n_examples)
        self.indices, self.labels = self.units.indices, self.units.labels
        self.examples = heldout.take(self.indices)
        given = self.examples.images.long() if side.data.is_text else self.examples.images
        self.pixels = Rows(_pixels(self.units.tokens(given)), self.labels)
        self.is_image = self.examples.images.ndim == 4
        self._rows: dict[str, Rows] = {}
        self._moved: dict[str, Rows] = {}
        self._genuine: dict[str, Genuine] = {}
        self._outputs: Tensor | None = None
        self._changed: dict[str, tuple[DataPart, Tensor]] = {}
        self._residuals: ReceiverResiduals | None = None
        # Cells that are measured side by side ask for the same; the first one computes it.
        self._computing = RLock()

    @property
    def residuals(self) -> ReceiverResiduals:
        """The receiver's residuals after class means, of held-out and of training examples."""
        with self._computing:
            if self._residuals is None:
                self._residuals = ReceiverResiduals(self.side, PartUnits("held-out", self.units))
            return self._residuals

    def rows(self, names: Sequence[str]) -> dict[str, Rows]:
        """Return the rows at several cuts."""
        with self._computing:
            missing = tuple(name for name in names if name not in self._rows)
            if missing:
                parts = _units_at(self.side, missing, "held-out", self.indices, self.units)
                self._rows |= {
                    name: Rows(x, self.labels, own=True) for name, x in zip(missing, parts, strict=True)
                }
            return {name: self._rows[name] for name in names}

    def behind(self, name: str) -> tuple[str, ...]:
        """Return the later cuts that have a value for every unit."""
        return tuple(cut for cut in self.side.later(name) if self.units.fits(self.layout(cut)))

    def compute(self, receiver_cut: str, kinds: Sequence[str]) -> None:
        """Compute what the evidence of a cell reads of the receiver at several cuts."""
        name = self.side.cut(receiver_cut).name
        if self.units.fits(self.layout(name)):
            behind = self.behind(name)
            self.rows((name, *(behind if "trajectory" in kinds else ())))
            if "kept" in kinds:
                self.residuals.compute((name, *behind))

    def moved(self, name: str) -> Rows:
        """Return the rows of the same examples after a small change.

        Images are shifted; texts and tokens get a few tokens replaced, other examples a little noise.
        """
        with self._computing:
            if name not in self._moved:
                images = self.examples.images
                moved = shift(images) if self.is_image else self.disturbed(images)
                side = self.side.with_heldout(replace(self.examples, images=moved))
                (x,) = _units_at(side, (name,), "held-out", torch.arange(len(moved)), self.units)
                self._moved[name] = Rows(x, self.labels, own=True)
            return self._moved[name]

    def genuine(self, name: str) -> Genuine:
        """Return what training examples look like at a cut."""
        with self._computing:
            if name not in self._genuine:
                train, layout, task = self.side.data.train, self.layout(name), self.side.data.task
                some = spread(torch.arange(len(train)), _GENUINE_EXAMPLES)
                units = Units(self.side.inputs.tokenized["train"], some, task, _GENUINE_EXAMPLES)
                (x,) = _units_at(self.side, (name,), "train", units.indices, units)
                self._genuine[name] = summarise(units.layout(layout).features_first(x), units.labels)
            return self._genuine[name]

    @property
    def outputs(self) -> Tensor:
        """The whole receiver's class scores (n, K)."""
        with self._computing:
            if self._outputs is None:
                self._outputs = self.outputs_of(self.side, self.indices)
            return self._outputs

    def disturbed(self, images: Tensor) -> Tensor:
        """Return examples with a little noise, or with a few tokens or letters replaced."""
        if not self.side.data.is_text:
            return disturb(images, 0.05)
        return disturb(images.long(), 0.05).to(images.dtype)

    def outputs_of(self, side: Side, indices: Tensor) -> Tensor:
        """Return the outputs of a whole network for its held-out examples at ``indices``."""
        return self.units.outputs(batch for batch, _ in side.outputs("held-out", side.whole, indices))

    def layout(self, name: str) -> Layout:
        """Return the layout at a cut."""
        return self.side.cut(name).layout

    def finest(self, outputs: Tensor) -> FinestScores | None:
        """Return the finest labels and class scores (n, K) for them; None without coarser sets, or scores."""
        data = self.side.data
        n_classes = len(data.classes if data.finest is None else data.finest.classes)
        if not data.label_sets or min(outputs.shape[1], self.outputs.shape[1]) < n_classes:
            return None
        labels = data.heldout.labels if data.finest is None else data.finest.heldout
        return FinestScores(
            labels[self.indices.to(labels.device)],
            outputs,
            self.outputs,
            {coarser.name: coarser.label_of for coarser in data.label_sets},
        )

    def changed(self, change: str) -> tuple[DataPart, Tensor]:
        """Return the examples under a named change, and the whole receiver's class scores for them."""
        with self._computing:
            if change not in self._changed:
                letters = self.side.data.is_text
                images = self.examples.images.long() if letters else self.examples.images
                changed = CHANGES[change](images)
                examples = replace(
                    self.examples, images=changed.to(self.examples.images.dtype) if letters else changed
                )
                side = self.side.with_heldout(examples)
                self._changed[change] = (examples, self.outputs_of(side, torch.arange(len(examples))))
            return self._changed[change]


def _units_at(
    side: Side, names: tuple[str, ...], part: PartName, indices: Tensor, units: Units
) -> list[Tensor]:
    """Return the units of the representations at several cuts."""
    batches: dict[str, list[Tensor]] = {name: [] for name in names}
    for first, some in enumerate(indices.split(SCORE_BATCH)):
        for name, x in zip(names, side.represent(names, part, some, torch.float32), strict=True):
            batches[name].append(units.part(x, side.cut(name).layout, first * SCORE_BATCH))
    return [units.joined(batches[name], side.cut(name).layout) for name in names]


def _pixels(images: Tensor) -> Tensor:
    if images.dtype == torch.int64:
        return _counts(images)
    if images.ndim == 3 and images.shape[2] > _LONG:  # a sound: its loudness over time
        return nn.functional.adaptive_avg_pool1d(images.float().abs(), _PIXELS**2)
    if images.ndim == 5:  # a volume or a film
        size = tuple(min(length, _VOXELS) for length in images.shape[2:])
        return nn.functional.adaptive_avg_pool3d(images.float(), size)  # type: ignore[arg-type]
    if images.ndim != 4 or min(images.shape[2:]) <= _PIXELS:
        return images.float()
    return nn.functional.adaptive_avg_pool2d(images.float(), _PIXELS)


def _counts(tokens: Tensor) -> Tensor:
    """Return counts (N, at most 64) of the commonest tokens in each example: the pixels of a text."""
    known, times = tokens.unique(return_counts=True)
    common = known[times.argsort(descending=True, stable=True)[: _PIXELS**2]]
    return torch.stack([(tokens == token).sum(1) for token in common], 1).float()
