"""From a finished run to its table of candidates: chosen on some held-out examples, confirmed on others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from modelstitch.adoption.candidates.candidate import (
    RANKS,
    Candidate,
    Candidates,
    Whole,
    examples_needed,
    front,
    ranked,
    standing,
)
from modelstitch.adoption.candidates.constraints import Constraints
from modelstitch.adoption.candidates.judged import Elsewhere, conditions_of, known_kept
from modelstitch.adoption.candidates.labels import labels_needed
from modelstitch.adoption.candidates.memory import module_bytes
from modelstitch.adoption.candidates.timed import timed
from modelstitch.adoption.division import Division, divide_heldout, groups_of
from modelstitch.adoption.score_intervals import (
    difference_interval,
    interval_over_seeds,
    mean_interval,
    variance_of_examples,
)
from modelstitch.adoption.work import Load, load_before, load_of, whole_load
from modelstitch.errors import DataError, RunError, SpecError, expect_one_of
from modelstitch.geometry.intervals import ValueWithInterval
from modelstitch.grid.side import Side
from modelstitch.results.comparison import Comparison
from modelstitch.results.content import content_of
from modelstitch.results.decision import CandidateConditions, ConditionState, at_least_partly
from modelstitch.results.from_cells import cell_key, cell_spec
from modelstitch.results.rows import CellKey, CellRow
from modelstitch.results.stitched import cell_of
from modelstitch.specs import SELF_STITCH, TRAINED, StitchSpec
from modelstitch.stitches import build
from modelstitch.util.progress import SILENT, Progress

MARGIN = 0.02
BATCHES = (1, 64)
MOST_NAMED = 8
"""Most candidates that are named: each one more makes the intervals of all wider."""

_FEWEST_CONFIRMING = 30

ReusePlace = tuple[str, str, str]
"""Sender cut, receiver cut and label of the stitch: a candidate, whatever the seed of its fit."""


@dataclass(frozen=True)
class ReuseSpec:
    """What candidates are asked for: margin, constraints, order, and what to measure.

    Attributes:
        margin: points of score up to which a candidate counts as no worse.
        constraints: what they have to meet.
        rank_by: one of :data:`modelstitch.adoption.candidates.candidate.RANKS`.
        batches: sizes at which latency is measured; empty for no latency.
        labels: whether to find how many labelled examples each candidate needs, which fits it several times.

    Raises:
        SpecError: a margin that is not between 0 and 1, or an unknown order.
    """

    margin: float = MARGIN
    constraints: Constraints = field(default_factory=Constraints)
    rank_by: str = "multiply-adds"
    batches: tuple[int, ...] = BATCHES
    labels: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.margin < 1:
            raise SpecError(
                f"expected a margin between 0 and 1, such as 0.02 for two points, got {self.margin}"
            )
        expect_one_of("order of candidates", self.rank_by, RANKS, SpecError)
        if self.constraints.latency is not None and not self.batches:
            raise SpecError(
                "expected a measured latency for its bound, got none: measure it, or leave the bound out"
            )
        if self.rank_by == "latency" and not self.batches:
            raise SpecError(
                "expected a measured latency to order by, got none: measure it, or order by score"
            )


def candidates(
    comparison: Comparison, options: ReuseSpec | None = None, progress: Progress = SILENT
) -> Candidates:
    """Return the candidates of a run, each with its cost and what it loses.

    Cells that cost no less than a network that they could replace are left out. Of the rest, the Pareto front
    of score against multiply-adds on the choosing examples is named, at most eight. All numbers of a named
    candidate are of the confirming examples, the intervals corrected for the number of the named.

    Args:
        comparison: a run with its networks.
        options: margin, constraints and order.
        progress: receives news.

    Raises:
        RunError: numbers alone, or networks that cannot be loaded again.
        DataError: too few held-out examples to choose and to confirm.
        SpecError: the receiver has no score, so that nothing can be lost against it.
    """
    options = options or ReuseSpec()
    if comparison.networks is None:
        raise RunError(
            "expected a comparison with its stitches to look for candidates, got numbers alone: take that of "
            "compare(), or load the run folder"
        )
    sides: tuple[Side, Side] = comparison.networks.sides(comparison)
    sender, receiver = sides
    division = expect_choosable(sender, receiver)
    groups = groups_of(sender.data, division.confirm)
    scores = {
        key: torch.from_numpy(np.array(each))
        for (control, key), each in comparison.networks.answers().items()
        if control == TRAINED
    }
    own = {
        key: torch.from_numpy(np.array(each))
        for (control, key), each in comparison.networks.answers().items()
        if control == SELF_STITCH
    }
    rows = {row.key: row for row in comparison.cells if row.control == TRAINED and row.key in scores}
    places = _places(rows, comparison.spec.seeds)
    wholes = {"sender": _whole(sender, division), "receiver": _whole(receiver, division)}
    loads = {place: joined_load(sender, receiver, rows[keys[0]]) for place, keys in places.items()}
    replaced = {place: replaces(load, wholes) for place, load in loads.items()}
    cheap = [place for place in places if replaced[place] is not None]
    options.constraints.expect_possible(
        [(loads[place], wholes[str(replaced[place])].load) for place in cheap]
    )
    shared = _shared_seeds([places[place] for place in cheap])
    chosen = _named(
        cheap, loads, {place: _choosing(scores, places[place], shared, division) for place in cheap}
    )
    level = 1 - 0.05 / max(1, len(chosen))
    progress.start(len(chosen), 0, "measuring candidates")
    found = []
    for place in chosen:
        one = _Measured(comparison, (sender, receiver), division, wholes, options, level)
        candidate = one.of(
            rows[places[place][0]],
            [scores[key] for key in places[place]],
            loads[place],
            str(replaced[place]),
            own,
        )
        found.append(candidate)
        progress.measured(" -> ".join(place[:2]))
    if options.labels:
        progress.stage("fitting candidates on fewer labelled examples")
        found = _labelled(comparison, sides, found, division, options.margin)
    found, wholes = timed(comparison, (sender, receiver), found, wholes, options.batches)
    verdicts = comparison.cell_verdicts()
    found = [
        replace(
            row,
            misses=options.constraints.misses(row, wholes[row.replaces]),
            conditions=conditions_of(
                row,
                verdicts.get((row.sender_cut, row.receiver_cut, row.stitch)),
                options.constraints,
                wholes[row.replaces],
            ),
        )
        for row in found
    ]
    unnamed = {
        place: load for place, load in _all_loads(comparison, sides, loads).items() if place not in chosen
    }
    elsewhere = Elsewhere(comparison, sides, wholes, division, options.constraints, options.margin).counts(
        unnamed,
        {place: replaces(load, wholes) for place, load in unnamed.items()},
        {place: scores[keys[0]] for place, keys in places.items()},
    )
    return Candidates(
        rows=ranked(found, options.rank_by),
        sender=wholes["sender"],
        receiver=wholes["receiver"],
        data=comparison.data,
        score_name=comparison.score_name,
        margin=options.margin,
        level=level,
        classes=tuple(sender.data.classes),
        n_cells=len(places),
        n_cheaper=len(cheap),
        n_choose=len(division.choose),
        n_confirm=len(division.confirm),
        n_calibrate=len(division.calibrate),
        n_groups=None if groups is None else len(groups.unique()),
        chance=comparison.facts.chance,
        n_missing=max(0, (comparison.facts.n_cells or 0) - len(comparison.cells)),
        n_failed=sum(row.control == TRAINED and row.failed for row in comparison.cells),
        elsewhere=elsewhere,
        rank_by=options.rank_by,
        content=content_of(comparison),
    )


def _all_loads(
    comparison: Comparison, sides: tuple[Side, Side], known: Mapping[ReusePlace, Load]
) -> dict[ReusePlace, Load]:
    """Return the costs of all cells of the run's cuts and stitches, also of those that were not fitted."""
    spec = comparison.spec
    asked = {
        (sender_cut, receiver_cut, stitch.label): stitch
        for sender_cut in spec.sender_cuts
        for receiver_cut in spec.receiver_cuts
        for stitch in spec.stitches
    }
    others = {
        place: load_at(*sides, *place[:2], stitch) for place, stitch in asked.items() if place not in known
    }
    return {**known, **others}


def expect_choosable(sender: Side, receiver: Side) -> Division:
    """Return the division of the held-out examples, if candidates can be chosen and confirmed on them.

    Raises:
        DataError: too few held-out examples to choose and to confirm.
        SpecError: a task that scores examples against each other, or a receiver without a score.
    """
    if sender.data.task.together:
        raise SpecError(
            "expected a task that scores each example by itself, to choose on some and confirm on others, "
            f"got {sender.data.task.name}"
        )
    if receiver.own_scores is None:
        raise SpecError(
            f"expected a receiver with a score of its own, got {receiver.network.name}, which has no output "
            "for some class: nothing can be lost against it"
        )
    n_heldout = len(sender.data.heldout)
    division = divide_heldout(sender.data)
    if len(division.confirm) < _FEWEST_CONFIRMING:
        raise DataError(
            f"expected at least {_FEWEST_CONFIRMING} held-out examples to confirm candidates on, got "
            f"{len(division.confirm)} (30 % of {n_heldout}): give more held-out examples"
        )
    return division


def joined_load(sender: Side, receiver: Side, row: CellRow) -> Load:
    """Return what the joined network of a cell costs."""
    return load_at(sender, receiver, row.sender_cut, row.receiver_cut, StitchSpec.parse(row.stitch))


def load_at(sender: Side, receiver: Side, sender_cut: str, receiver_cut: str, stitch: StitchSpec) -> Load:
    """Return what a joined network costs, before anything is fitted."""
    before, after = sender.cut(sender_cut), receiver.cut(receiver_cut)
    built = build(stitch, before.layout, after.layout)
    return (
        load_before(sender, sender_cut)
        + load_of(built, torch.zeros(2, *before.shape))
        + Load(after.after.parameters, after.after.multiply_adds)
    )


def replaces(load: Load, wholes: Mapping[str, Whole]) -> str | None:
    """Return the network that a joined one would replace: one that costs more; the receiver comes first.

    It costs less where it has fewer multiply-adds or fewer parameters.
    """
    for role in ("receiver", "sender"):
        whole = wholes[role]
        if whole.score is None:
            continue
        if load.multiply_adds < whole.load.multiply_adds or load.parameters < whole.load.parameters:
            return role
    return None


def _places(rows: Iterable[CellKey], seeds: Sequence[int]) -> dict[ReusePlace, list[CellKey]]:
    """Return the cells of each place, in the order of the run's seeds, which does not change as it grows."""
    places: dict[ReusePlace, list[CellKey]] = {}
    for key in sorted(rows, key=lambda each: seeds.index(each.seed)):
        places.setdefault((key.sender_cut, key.receiver_cut, key.stitch), []).append(key)
    return places


def _shared_seeds(by_place: Sequence[Sequence[CellKey]]) -> set[int]:
    """Return the seeds that every place has: a search gives further ones to its front alone.

    A score that won among many falls when it is measured again. So no place is chosen by more seeds than
    another, unless they share none.
    """
    seeds = [{key.seed for key in keys} for keys in by_place]
    return set.intersection(*seeds) if seeds else set()


def _choosing(
    scores: Mapping[CellKey, Tensor], keys: Sequence[CellKey], shared: set[int], division: Division
) -> float:
    counted = [key for key in keys if key.seed in shared] or keys
    return float(np.mean([float(scores[key][division.choose].double().mean()) for key in counted]))


def _named(
    cheap: Sequence[ReusePlace], loads: Mapping[ReusePlace, Load], chosen: Mapping[ReusePlace, float]
) -> list[ReusePlace]:
    """Return the places of the Pareto front of score against multiply-adds; the highest scores of many."""
    points = [(loads[place].multiply_adds, chosen[place]) for place in cheap]
    return [cheap[at] for at in front(points)][-MOST_NAMED:]


def _whole(side: Side, division: Division) -> Whole:
    own = side.own_scores
    return Whole(
        name=side.network.name,
        score=None
        if own is None
        else mean_interval(own.cpu()[division.confirm], groups=groups_of(side.data, division.confirm)),
        load=whole_load(side),
        size_bytes=module_bytes(side.network.module),
        latency={},
        memory={},
    )


@dataclass(frozen=True)
class _Measured:
    """Measures one candidate after the other, against the same whole networks."""

    comparison: Comparison
    sides: tuple[Side, Side]
    division: Division
    wholes: Mapping[str, Whole]
    options: ReuseSpec
    level: float

    @property
    def groups(self) -> Tensor | None:
        """The group of each confirming example; None where each is independent of the others."""
        return groups_of(self.sides[0].data, self.division.confirm)

    def of(
        self,
        row: CellRow,
        scores: Sequence[Tensor],
        load: Load,
        role: str,
        own: Mapping[CellKey, Tensor],
    ) -> Candidate:
        confirm = self.division.confirm
        module = self.comparison.stitched(row.sender_cut, row.receiver_cut, stitch=row.stitch, seed=row.seed)
        mine = scores[0][confirm]
        lost = {
            name: self._lost(side, mine)
            for name, side in zip(("sender", "receiver"), self.sides, strict=True)
        }
        against = lost[role]
        whole = self._own(self.sides[role == "receiver"])
        assert whole is not None
        verdict = self.comparison.cell_verdicts().get((row.sender_cut, row.receiver_cut, row.stitch))
        self_stitch = own.get(row.key._replace(sender_cut=row.receiver_cut))
        stands = standing(against, self.options.margin)
        wrong, right = self._flips(whole, mine)
        return Candidate(
            sender_cut=row.sender_cut,
            receiver_cut=row.receiver_cut,
            stitch=row.stitch,
            seed=row.seed,
            replaces=role,
            load=load,
            trained_parameters=row.n_parameters,
            size_bytes=module_bytes(module),
            score=mean_interval(mine, self.level, self.groups),
            lost_to_receiver=lost["receiver"],
            lost_to_sender=lost["sender"],
            standing=stands,
            examples_needed=self._needed(whole, mine, stands),
            seeds=tuple(float(each[confirm].double().mean()) for each in scores),
            over_seeds=self._over_seeds([each[confirm] for each in scores]),
            self_stitch=None if self_stitch is None else float(self_stitch[confirm].double().mean()),
            comes_across=None if verdict is None else verdict.name.value,
            learnt=None if verdict is None else verdict.learnt.value,
            kept=known_kept(verdict),
            conditions=CandidateConditions(
                no_worse=ConditionState.OPEN, saves=ConditionState.OPEN, partly=at_least_partly(verdict)
            ),
            became_wrong=wrong,
            became_right=right,
            converged=row.converged,
            latency={},
            memory={},
            labels_needed=None,
            misses=(),
        )

    def _over_seeds(self, scores: Sequence[Tensor]) -> ValueWithInterval | None:
        if len(scores) < 2:
            return None
        return interval_over_seeds(torch.stack([each.double() for each in scores]), self.level, self.groups)

    def _own(self, side: Side) -> Tensor | None:
        return None if side.own_scores is None else side.own_scores.cpu()[self.division.confirm]

    def _lost(self, side: Side, mine: Tensor) -> ValueWithInterval | None:
        own = self._own(side)
        if own is None:
            return None
        if own.dtype != mine.dtype:
            own, mine = own.double(), mine.double()
        return difference_interval(own, mine, self.level, self.groups)

    def _needed(self, whole: Tensor, mine: Tensor, stands: str) -> int | None:
        if stands != "undecided":
            return None
        difference = whole.double() - mine.double()
        variance = variance_of_examples(difference, self.groups)
        mean = float(difference.mean())
        return examples_needed(mean, variance, len(difference), self.options.margin, self.level)

    def _flips(self, whole: Tensor, mine: Tensor) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return by class how many right answers became wrong, and how many wrong ones right."""
        data = self.sides[0].data
        if whole.dtype != torch.bool or mine.dtype != torch.bool or data.task.by_position:
            return (), ()
        labels = data.heldout.labels.cpu()[self.division.confirm]

        def by_class(which: Tensor) -> tuple[int, ...]:
            counted: list[int] = torch.bincount(labels[which], minlength=len(data.classes)).tolist()
            return tuple(counted)

        return by_class(whole & ~mine), by_class(mine & ~whole)


def _labelled(
    comparison: Comparison,
    sides: tuple[Side, Side],
    rows: list[Candidate],
    division: Division,
    margin: float,
) -> list[Candidate]:
    """Return candidates with the labelled examples that they need."""
    assert comparison.networks is not None
    scores = comparison.networks.answers()
    cells = [
        cell_spec(cell_of(comparison, row.sender_cut, row.receiver_cut, row.stitch, row.seed)) for row in rows
    ]
    full = {
        cell: float(scores[TRAINED, cell_key(cell)][division.choose.numpy()].astype(float).mean())
        for cell in cells
    }
    needed = labels_needed(sides, full, comparison.spec.fit, division.choose, margin)
    return [replace(row, labels_needed=needed.get(cell)) for row, cell in zip(rows, cells, strict=True)]
