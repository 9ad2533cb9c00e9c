"""Stitch, measure and judge the cases: what a run does for each cell, for senders that are planted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, final

import torch
from torch import nn

from modelstitch.controls import roles_of
from modelstitch.cutting.layouts import Layout
from modelstitch.data.parts import Data
from modelstitch.evidence.material import Residuals
from modelstitch.evidence.measure import measure_cells
from modelstitch.evidence.receiver_examples import ReceiverExamples
from modelstitch.geometry.inputs import narrow
from modelstitch.grid.grid import Budget, fit_grid
from modelstitch.grid.planted import planted
from modelstitch.grid.pool import Pool
from modelstitch.grid.scoring import score_batches
from modelstitch.grid.side import Side
from modelstitch.known_answers.cases import Case
from modelstitch.known_answers.conditions import CONDITIONS, PLAIN, Condition
from modelstitch.known_answers.ground import Ground
from modelstitch.known_answers.kept_representations import kept
from modelstitch.known_answers.measures import KNOWN_MEASURES, BedMeasure, measured
from modelstitch.known_answers.outcome import Outcome
from modelstitch.known_answers.truth import Truth, represented, truth_of
from modelstitch.models.network import Network, digest
from modelstitch.results.from_cells import cell_row, evidence_rows, parts_of
from modelstitch.results.kept import ExampleParts, kept_at, kept_rows
from modelstitch.results.rows import CellKey, CellRow, EvidenceRow
from modelstitch.results.verdicts import facts_of, measured_cells
from modelstitch.specs import (
    EVIDENCE_VERSION,
    SELF_STITCH,
    TRAINED,
    CellSpec,
    label_only_controls,
)
from modelstitch.stitches import Stitch
from modelstitch.tasks.classification import chance

EXAMPLES = 2000
"""Held-out examples that are measured on, at most."""

_BUDGET = Budget(bytes=2 * 10**9)
_MEASURED_ON = 1000
_PLACES_AT_ONCE = 2

Behind = Callable[[Layout, list[Residuals]], Sequence[nn.Module]]
"""Gives modules that run behind a stitch."""


@dataclass(frozen=True)
class _Numbers:
    """Rows of some cells, of their evidence, and what was measured of them by example."""

    cells: list[CellRow]
    evidence: list[EvidenceRow]
    parts: dict[tuple[str, CellKey], ExampleParts]
    stitches: dict[CellSpec, Stitch]


@final
class _PlantedPair:
    """A receiver with a sender that is planted in it."""

    def __init__(self, pool: Pool, receiver: Side, sender: Side) -> None:
        self.pool, self.receiver, self.sender = pool, receiver, sender

    def sides(self, control: str, seed: int, draw: int = 0) -> tuple[Side, Side]:
        receiver = self.receiver
        if control == TRAINED:
            return self.sender, receiver
        plant = roles_of(control)(receiver.network, receiver.network, receiver.data, seed).plant
        return (receiver if plant is None else planted(receiver, plant)), receiver


@final
class _Place:
    """One receiver at one cut under one condition, with the references that its cases share."""

    def __init__(self, pool: Pool, receiver: Side, ground: Ground, cut: str, condition: Condition) -> None:
        self.pool, self.receiver, self.ground, self.cut = pool, receiver, ground, cut
        self.condition = condition
        self._planted_in: dict[Side, tuple[Ground, Side]] = {}
        self.examples = ReceiverExamples(receiver, EXAMPLES)
        self._references: _Numbers | None = None

    @property
    def references(self) -> _Numbers:
        """The self-stitch and the label-only senders."""
        if self._references is None:
            self._references = self.numbers(self.receiver, (SELF_STITCH, *label_only_controls()))
        return self._references

    def planted(self, case: Case, side: Side | None = None) -> Side:
        """Return the sender of a case, planted in the receiver, or in another network."""
        side = side or self.ground.side
        if side not in self._planted_in:
            ground = self.ground if side is self.ground.side else Ground(side, self.cut, self.ground.seed)
            self._planted_in[side] = ground, kept(side, self.cut)
        ground, there = self._planted_in[side]
        return planted(there, case.plant_family.make(ground, case.dose))

    def numbers(self, sender: Side, controls: Sequence[str] = (TRAINED,)) -> _Numbers:
        """Fit and measure the cells of some controls."""
        cells = [
            CellSpec(
                sender_cut=self.cut, receiver_cut=self.cut, stitch=self.condition.stitch, control=control
            )
            for control in controls
        ]
        pair = _PlantedPair(self.pool, self.receiver, sender)
        fitted = {one.spec: one for one in fit_grid(pair, cells, self.condition.fit, _BUDGET)}
        usable = {cell: one.stitch for cell, one in fitted.items() if one.fitted.failure is None}
        evidence: list[EvidenceRow] = []
        parts: dict[tuple[str, CellKey], ExampleParts] = {}
        kinds = dict.fromkeys(usable, ("kept",))
        for cell, numbers in measure_cells(pair, usable, kinds, EXAMPLES, {self.receiver: self.examples}):
            rows = evidence_rows(cell, numbers)
            evidence += rows
            by_example = parts_of(numbers)
            if by_example is not None:
                parts[cell.control, rows[0].key] = by_example
        whole = self.receiver.own_scores
        return _Numbers([cell_row(fitted[cell], whole) for cell in cells], evidence, parts, usable)


@final
class Bed:
    """Networks with everything that their cases share.

    Args:
        networks: trained on ``data``; each is stitched into itself.
        data: the examples.
        measures: measures of similarity to take of every case, by name.
        seed: of what is drawn.
    """

    def __init__(
        self,
        networks: Sequence[Network],
        data: Data,
        measures: Mapping[str, BedMeasure] | None = None,
        seed: int = 0,
    ) -> None:
        self.networks, self.data, self.seed = networks, data, seed
        self.measures = dict(measures or {})
        self._plain = Pool(data)
        self._places: dict[tuple[object, ...], _Place] = {}
        self._truths: dict[Case, Mapping[str, float]] = {}

    @property
    def cuts(self) -> tuple[str, ...]:
        """The ends of all blocks of the first network."""
        return tuple(cut.name for cut in self._plain.side(self.networks[0]).cutting.boundaries)

    @property
    def identity(self) -> dict[str, Any]:
        """What must agree for outcomes from before to be taken as they are."""
        return {
            "networks": [digest(network.module) for network in self.networks],
            "data": self.data.digest,
            "evidence": EVIDENCE_VERSION,
            "seed": self.seed,
        }

    def usable(self, known: Mapping[Case, Outcome]) -> dict[Case, Outcome]:
        """Return the outcomes that have every measure that is asked for, and whose condition fits as then."""
        return {
            case: outcome
            for case, outcome in known.items()
            if set(self.measures) <= set(outcome.measures)
            and outcome.fitted == CONDITIONS[case.condition].digest
        }

    def run(
        self,
        cases: Sequence[Case],
        *,
        known: Mapping[Case, Outcome] | None = None,
        on_outcome: Callable[[Outcome], None] | None = None,
    ) -> list[Outcome]:
        """Stitch and measure every case.

        Args:
            cases: what to run.
            known: outcomes from before, which are taken as they are.
            on_outcome: called with each new outcome.
        """
        outcomes = []
        for case in cases:
            outcome = (known or {}).get(case)
            if outcome is None:
                outcome = self.outcome(case)
                if on_outcome is not None:
                    on_outcome(outcome)
            if case.condition == PLAIN:
                self._truths[case] = outcome.places
            outcomes.append(outcome)
        return outcomes

    def outcome(self, case: Case) -> Outcome:
        """Stitch and measure one case."""
        place = self._place(case, CONDITIONS[case.condition])
        sender = self._sender(case, place)
        numbers, own = place.numbers(sender), place.references
        rows = {(row.control, row.key): row for row in (*numbers.cells, *own.cells)}
        parts = {**own.parts, **numbers.parts}
        kept = {(row.control, row.key): row for row in kept_rows(parts)}
        guess = chance(place.receiver.data.heldout.labels)
        facts = facts_of(
            numbers.cells[0], rows, kept, measured_cells([*numbers.evidence, *own.evidence]), guess
        )
        assert facts is not None
        return Outcome(
            case,
            self._truth(case),
            facts,
            _by_place(parts),
            self._measured(place, sender, numbers),
            _recovered(parts, SELF_STITCH),
            place.condition.digest,
        )

    def truth(self, case: Case) -> float:
        """Return the share that comes across of one case, from 0 to 1."""
        return Truth(dict(self._truth(case))).value

    def residuals(self, case: Case, behind: Behind | None = None) -> list[list[Residuals]]:
        """Stitch one case, and return what is left of its representations after class means, by place.

        Args:
            case: what to stitch.
            behind: gives, from the receiver's layout at the cut and the residuals with the stitch alone,
                modules that run between stitch and later layers, each in turn.

        Returns:
            The residuals with the stitch alone, then with each of the modules behind it.
        """
        place = self._place(case, CONDITIONS[case.condition])
        sender = self._sender(case, place)
        (stitch,) = place.numbers(sender).stitches.values()
        within, later = place.examples.residuals, place.receiver.later(case.cut)
        represent = partial(represented, sender, case.cut, within)
        alone = within.beside(case.cut, later, stitch.eval(), represent)
        more = () if behind is None else behind(place.receiver.cut(case.cut).layout, alone)
        changed = (nn.Sequential(stitch, module) for module in more)
        return [alone, *(within.beside(case.cut, later, module, represent) for module in changed)]

    def _place(self, case: Case, condition: Condition) -> _Place:
        family = case.plant_family
        dose = case.dose if family.alters is not None else None
        key = (case.network, condition.name, case.cut, dose and case.family, dose)
        if key not in self._places:
            while len(self._places) >= _PLACES_AT_ONCE:
                self._places.pop(self._spent())
            self._places[key] = self._made(case, condition)
        return self._places[key]

    def _spent(self) -> tuple[object, ...]:
        """Return the place to let go of: one that a single dose altered, before one that cases share."""
        altered = (key for key in self._places if key[-1] is not None)
        return next(altered, next(iter(self._places)))

    def _made(self, case: Case, condition: Condition) -> _Place:
        network = self.networks[case.network]
        pool, side = self._plain, self._plain.side(network)
        if condition.data is not None:
            pool = Pool(condition.data(self.data, side))
            side = pool.side(network)
        ground = Ground(side, case.cut, self.seed + case.network)
        if condition.alters is not None:
            side = condition.alters(ground)
        elif case.plant_family.alters is not None:
            side = case.plant_family.alters(ground, case.dose)
        if side is not ground.side:
            ground = Ground(side, case.cut, ground.seed)
        return _Place(pool, side, ground, case.cut, condition)

    def _sender(self, case: Case, place: _Place) -> Side:
        if not case.plant_family.by_another:
            return place.planted(case)
        other = self.networks[(case.network + 1) % len(self.networks)]
        return place.planted(case, place.pool.side(other))

    def _truth(self, case: Case) -> Mapping[str, float]:
        """Return the truth of a case by place; under a condition that of the plain bed."""
        plain = replace(case, condition=PLAIN)
        if plain not in self._truths:
            place = self._place(plain, CONDITIONS[PLAIN])
            within = place.examples.residuals
            truth = truth_of(self._sender(plain, place), place.receiver, case.cut, within)
            self._truths[plain] = truth.places
        return self._truths[plain]

    def _measured(self, place: _Place, sender: Side, numbers: _Numbers) -> dict[str, float | None]:
        """Return the measures between stitched and expected representation of held-out examples."""
        stitches = list(numbers.stitches.values())
        if not self.measures or not stitches:
            return dict.fromkeys(self.measures, None)
        heldout = place.receiver.data.heldout
        some = torch.arange(len(heldout))[:_MEASURED_ON]
        stitch = stitches[0].eval()
        stitched, expected = [], []
        with torch.inference_mode():
            for batch in score_batches(len(some)):
                (x,) = sender.represent((place.cut,), "held-out", some[batch], torch.float32)
                (y,) = place.receiver.represent((place.cut,), "held-out", some[batch], torch.float32)
                stitched.append(stitch(x).flatten(1))
                expected.append(y.flatten(1))
        both = torch.cat(stitched), torch.cat(expected)
        # Each known measure narrows what is wide; all of them share it.
        narrowed = [narrow(rows.double()) for rows in both] if KNOWN_MEASURES.keys() & self.measures else both
        labels = heldout.labels[some].numpy()
        found: dict[str, float | None] = {}
        for name, measure in self.measures.items():
            x, y = narrowed if name in KNOWN_MEASURES else both
            found[name] = measured(name, measure, x.numpy(), y.numpy(), labels)
        return found


def _by_place(parts: Mapping[tuple[str, CellKey], ExampleParts]) -> dict[str, float]:
    """Return what the planted cell keeps at every place; NaN where there is no range."""
    cell = next((each for (control, _), each in parts.items() if control == TRAINED), None)
    own = next((each for (control, _), each in parts.items() if control == SELF_STITCH), None)
    labels = [each for (control, _), each in parts.items() if control in label_only_controls()]
    if cell is None or own is None or not labels:
        return {}
    kept = kept_at(cell, own, labels)
    return {
        place: float(value)
        for place, value in zip(kept.places, kept.values, strict=True)
        if not math.isnan(value)
    }


def _recovered(parts: Mapping[tuple[str, CellKey], ExampleParts], control: str) -> dict[str, float]:
    """Return the share that a reader recovers from a control's cell, at every place where it is defined."""
    cells = [each for (name, _), each in parts.items() if name == control]
    return {
        place: 1 - float(errors.mean())
        for cell in cells
        for place, errors in cell.errors.items()
        if errors is not None
    }
