"""Residuals after class means of stitched and expected representations, for readers from one to the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

import torch
from torch import Tensor, nn

from modelstitch.data.parts import PartName
from modelstitch.evidence.material import Residuals
from modelstitch.evidence.units import Units
from modelstitch.fitting.schedules import spread
from modelstitch.geometry.recovery import residuals
from modelstitch.grid.scoring import score_batches
from modelstitch.grid.side import Side

OUTPUT = "output"
"""The place behind all cuts."""

TRAINING_EXAMPLES = 2000
"""Training examples that a reader is fitted to, at most."""

_LEAST_OF_A_CLASS = 4
_MOST_FEATURES = 512
"""Features that a reader has at most; more are projected to so many principal directions of the expected."""

_FOR_DIRECTIONS = 2000


Represent = Callable[[PartName, Tensor], Tensor]
"""Gives the sender's representations (m, *shape) of some examples of a part."""


@dataclass(frozen=True)
class PartUnits:
    """Some examples of one part, as units in the order of their labels."""

    part: PartName
    units: Units


def training_units(side: Side) -> PartUnits:
    """Return training examples, spread evenly over the training part."""
    train = side.data.train
    some = spread(torch.arange(len(train)), TRAINING_EXAMPLES)
    return PartUnits("train", Units(side.inputs.tokenized["train"], some, side.data.task, TRAINING_EXAMPLES))


class ReceiverResiduals:
    """Residuals of a receiver's own representations, computed once, and of stitched ones beside them.

    Args:
        side: the receiver.
        heldout: the held-out examples.
    """

    def __init__(self, side: Side, heldout: PartUnits) -> None:
        self.side, self.heldout = side, heldout
        self.training = training_units(side)
        counts = heldout.units.labels.bincount()
        self._large = counts[heldout.units.labels] >= _LEAST_OF_A_CLASS
        self._own: dict[tuple[PartName, str], Tensor] = {}
        self._directions: dict[str, Tensor | None] = {}
        self._computing = Lock()  # cells that are measured side by side ask for the same

    def beside(
        self, name: str, later: tuple[str, ...], stitch: nn.Module, represent: Represent
    ) -> list[Residuals]:
        """Return the residuals at a cut, at later cuts and in the output.

        Args:
            name: of the receiver cut.
            later: cuts behind it.
            stitch: makes the stitched representation.
            represent: gives the sender's representations of some examples of a part, by their places (m,)
                among its units.
        """
        places = (name, *later, OUTPUT)
        expected = self.compute((name, *later))
        train, held = (
            self._left(part, self._run(part, name, later, self._stitched(part, stitch, represent)))
            for part in (self.training, self.heldout)
        )
        return [
            self._joined(
                place, train[place], held[place], {part: rows[place] for part, rows in expected.items()}
            )
            for place in places
        ]

    def compute(self, cuts: tuple[str, ...]) -> dict[PartName, dict[str, Tensor]]:
        """Return the receiver's own residuals of both parts at some cuts and in the output."""
        places = (*cuts, OUTPUT)
        return {part.part: self._expected(part, places) for part in (self.training, self.heldout)}

    def outputs_beside(self, outputs: Callable[[PartUnits], Tensor]) -> Residuals:
        """Return the residuals of another network's outputs (m, K) beside the receiver's own."""
        expected = {part.part: self._expected(part, (OUTPUT,)) for part in (self.training, self.heldout)}
        train, held = (
            self._residuals(outputs(part)[:, None], part) for part in (self.training, self.heldout)
        )
        return self._joined(OUTPUT, train, held, {part: rows[OUTPUT] for part, rows in expected.items()})

    def _joined(
        self, place: str, train: Tensor, held: Tensor, expected: Mapping[PartName, Tensor]
    ) -> Residuals:
        units = self.heldout.units
        return Residuals(
            place=place,
            x_train=train,
            y_train=expected["train"],
            x=held,
            y=expected["held-out"],
            labels=units.labels[self._large],
            examples=units.examples[self._large],
        )

    def _expected(self, part: PartUnits, places: Sequence[str]) -> dict[str, Tensor]:
        with self._computing:
            missing = tuple(place for place in places if (part.part, place) not in self._own)
            if missing:
                rows = self._run_whole(part, tuple(place for place in missing if place != OUTPUT))
                for place in missing:
                    whole = part.units.in_order(rows.pop(place))
                    if part.part == "train":
                        self._directions[place] = _directions(residuals(whole, part.units.labels))
                    self._own[part.part, place] = self._within(whole, part, place)
            return {place: self._own[part.part, place] for place in places}

    def _run_whole(self, part: PartUnits, cuts: tuple[str, ...]) -> dict[str, list[Tensor]]:
        side, units = self.side, part.units
        at: dict[str, list[Tensor]] = {place: [] for place in (*cuts, OUTPUT)}
        first = 0
        for some in units.indices.split(256):
            if cuts:
                for cut, x in zip(cuts, side.represent(cuts, part.part, some, torch.float32), strict=True):
                    at[cut].append(units.rows(x, side.cut(cut).layout, first))
            first += len(some)
        at[OUTPUT] = self._output_rows(
            part, (outputs for outputs, _ in side.outputs(part.part, side.whole, units.indices))
        )
        return at

    def _run(
        self, part: PartUnits, name: str, later: tuple[str, ...], batches: Iterator[tuple[Tensor, int]]
    ) -> dict[str, list[Tensor]]:
        """Run stitched representations through the receiver's later layers."""
        side, units = self.side, part.units
        trail = side.bound(side.trail(name, later, torch.float32), part.part) if later else None
        last = side.bound(side.fast_suffix(later[-1] if later else name, torch.float32), part.part)
        at: dict[str, list[Tensor]] = {place: [] for place in (name, *later, OUTPUT)}
        with torch.inference_mode():
            for y, first in batches:
                indices = units.indices[first : first + len(y)]
                parts = trail(y, indices) if trail is not None else ()
                for cut, value in zip((name, *later), (y, *parts), strict=True):
                    at[cut].append(units.rows(value, side.cut(cut).layout, first))
                outputs = last(parts[-1] if parts else y, indices)
                at[OUTPUT].append(units.rows(outputs, None, first))
        at[OUTPUT] = [side.reading.answers(rows[:, 0])[:, None] for rows in at[OUTPUT]]
        return at

    def _stitched(
        self, part: PartUnits, stitch: nn.Module, represent: Represent
    ) -> Iterator[tuple[Tensor, int]]:
        for some in score_batches(len(part.units.indices), self.side.score_batch):
            yield stitch(represent(part.part, some)), int(some[0])

    def _left(self, part: PartUnits, at: dict[str, list[Tensor]]) -> dict[str, Tensor]:
        """Return the residuals at each place; the rows of a place are let go of before those of the next."""
        return {place: self._within(part.units.in_order(at.pop(place)), part, place) for place in [*at]}

    def _output_rows(self, part: PartUnits, batches: Iterator[Tensor]) -> list[Tensor]:
        rows, first = [], 0
        for outputs in batches:
            rows.append(self.side.reading.answers(part.units.rows(outputs, None, first)[:, 0])[:, None])
            first += len(outputs)
        return rows

    def _within(self, rows: Tensor, part: PartUnits, place: str) -> Tensor:
        directions = self._directions[place]
        return self._residuals(rows if directions is None else rows.float() @ directions, part)

    def _residuals(self, rows: Tensor, part: PartUnits) -> Tensor:
        left = residuals(rows.float(), part.units.labels.to(rows.device))
        return left if part.part == "train" else left[self._large.to(left.device)]


def _directions(rows: Tensor) -> Tensor | None:
    """Return principal directions (C, 512) of residuals with more features than that; None for fewer."""
    n_features = rows.shape[2]
    if n_features <= _MOST_FEATURES:
        return None
    flat = rows.flatten(0, 1)
    some = flat[spread(torch.arange(len(flat)), _FOR_DIRECTIONS).to(flat.device)]
    directions: Tensor = torch.linalg.svd(some, full_matrices=False)[2][:_MOST_FEATURES].T
    return directions.contiguous()
