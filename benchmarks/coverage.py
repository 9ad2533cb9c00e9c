"""How often the 95 % intervals of score and kept cover what all held-out examples say.

    python benchmarks/coverage.py SENDER RECEIVER --data FOLDER [--limit 10000] [--resamples 2000] [--json]

Fits a few cells and the self-stitches of their receiver cuts once, and a reader at every place. What these
leave of all held-out examples is the population. Then it draws samples without replacement: 500 of all, 500
of a population whose classes shrink by 30 % one after another, and 100 of all. Each sample gets its own class
means, scores and intervals from the package's own code, as a run with so few held-out examples would; the
stitches and readers stay. An interval covers if the population's value lies within.

A sample of n among N misses the population's value by less than one of an endless population, by the factor
sqrt(1 - n / N). "narrowed" counts the intervals after they are narrowed by it; that is the fair count.

The label-only sender is one-hot: its residuals are 0 at every place, so it needs no fit. It takes about 5 GB.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from options import parser_of_pair, show
from torch import Tensor

from modelstitch.data.parts import PartName
from modelstitch.evidence.material import Residuals
from modelstitch.evidence.units import Units
from modelstitch.evidence.within import PartUnits, ReceiverResiduals
from modelstitch.geometry.intervals import wilson
from modelstitch.geometry.recovery import fit_reader
from modelstitch.grid.cell import FittedCell
from modelstitch.grid.grid import Budget, fit_grid
from modelstitch.grid.side import Side
from modelstitch.results.kept import ExampleParts, PartsByCell, kept_rows
from modelstitch.results.rows import CellKey
from modelstitch.runs.prepare import prepare
from modelstitch.runs.session import Session
from modelstitch.specs import SELF_STITCH, TRAINED, CellSpec, DataSpec, FitSpec

_LABEL = "one-hot"
_FEWEST_OF_A_CLASS = 4  # as the package has it: smaller classes are left out
_SHRINK = 0.7


@dataclass(frozen=True)
class Design:
    """How samples are drawn.

    Attributes:
        name: of the design.
        population: (N,) bool, which of all examples belong to it.
        samples: (R, n) numbers of examples, each row ascending.
    """

    name: str
    population: np.ndarray
    samples: np.ndarray

    @property
    def narrowing(self) -> float:
        """What a finite population takes from a standard error."""
        return math.sqrt(1 - self.samples.shape[1] / int(self.population.sum()))


def designs(labels: np.ndarray, n_samples: int) -> list[Design]:
    """Return the designs for examples with these labels."""
    random = np.random.default_rng(0)
    everyone = np.ones(len(labels), dtype=bool)
    fewer = np.zeros(len(labels), dtype=bool)
    for number, label in enumerate(np.unique(labels)):
        members = np.flatnonzero(labels == label)
        fewer[members[: round(len(members) * _SHRINK**number)]] = True
    return [
        Design(name, population, _drawn(np.flatnonzero(population), n_samples, n, random))
        for name, population, n in (
            ("balanced", everyone, 500),
            ("unbalanced", fewer, 500),
            ("small", everyone, 100),
        )
    ]


def _drawn(members: np.ndarray, n_samples: int, n: int, random: np.random.Generator) -> np.ndarray:
    n = min(n, len(members) // 2)
    return np.stack([np.sort(random.choice(members, n, replace=False)) for _ in range(n_samples)])


def left_in_samples(left: Tensor, labels: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Return what is left of each example (R, n), after the class means of its own sample; NaN if alone.

    Args:
        left: (N, P, C) what a reader leaves of expected residuals.
        labels: (N,).
        samples: (R, n).
    """
    found = np.full(samples.shape, np.nan, dtype=np.float32)
    place = np.full(len(labels), -1)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        rows = left[members].flatten(1)
        gram = rows @ rows.T
        place[members] = np.arange(len(members))
        inside = labels[samples] == label
        chosen = torch.zeros(len(samples), len(members))
        which, where = inside.nonzero()
        at = torch.from_numpy(place[samples[which, where]])
        chosen[torch.from_numpy(which), at] = 1
        counts = chosen.sum(1).clamp_min(1)
        means = (chosen @ gram) / counts[:, None]
        whole = (means * chosen).sum(1) / counts
        squares = gram.diagonal() - 2 * means + whole[:, None]
        few = chosen.sum(1) < _FEWEST_OF_A_CLASS
        squares[few] = torch.nan
        found[which, where] = squares[torch.from_numpy(which), at].numpy()
    return found


def fitted_cells(session: Session, pairs: Sequence[tuple[str, str]]) -> list[FittedCell]:
    """Fit the cells and the self-stitches of their receiver cuts."""
    cells = [CellSpec(sender_cut=sender, receiver_cut=receiver) for sender, receiver in pairs]
    own = [
        CellSpec(sender_cut=cut, receiver_cut=cut, control=SELF_STITCH)
        for cut in dict.fromkeys(cell.receiver_cut for cell in cells)
    ]
    return list(fit_grid(session.pair, [*cells, *own], FitSpec(), Budget(bytes=4 * 10**9)))


def residuals_of(
    session: Session, cells: Sequence[FittedCell], heldout: Units
) -> Iterator[tuple[CellSpec, Residuals]]:
    """Yield the residuals of each cell at each place, of all held-out examples."""
    receiver = session.pair.receiver
    own = ReceiverResiduals(receiver, PartUnits("held-out", heldout))
    for cell in cells:
        sender = session.pair.sides(cell.spec.control, 0)[0]

        def represent(
            part: PartName, places: Tensor, side: Side = sender, cut: str = cell.spec.sender_cut
        ) -> Tensor:
            units = own.training.units if part == "train" else heldout
            return side.represent((cut,), part, units.indices[places], torch.float32)[0].clone()

        later = tuple(receiver.later(cell.spec.receiver_cut))
        for at in own.beside(cell.spec.receiver_cut, later, cell.stitch.eval(), represent):
            yield cell.spec, at


Errors = dict[tuple[str, CellKey, str], dict[str, np.ndarray]]
"""What is left by example in each sample (R, n), by control, cell and place, then by design."""


@dataclass(frozen=True)
class Measured:
    """What the cells are judged by.

    Attributes:
        labels: (N,) of all held-out examples.
        correct: (N,) which of them each trained cell gets right.
        errors: in every sample.
    """

    labels: np.ndarray
    correct: dict[CellKey, np.ndarray]
    errors: Errors


def collected(
    session: Session, cells: Sequence[FittedCell], plans: Sequence[Design], heldout: Units
) -> Errors:
    """Return what is left of each example in each sample; the last row is the whole population."""
    labels = heldout.labels.numpy()

    def by_design(left: Tensor) -> dict[str, np.ndarray]:
        found = {}
        for plan in plans:
            found[plan.name] = left_in_samples(left, labels, plan.samples)
            whole = np.flatnonzero(plan.population)[None]
            found[f"all {plan.name}"] = left_in_samples(left, labels, whole)
        return found

    errors: Errors = {}
    alone: dict[str, dict[str, np.ndarray]] = {}
    for spec, at in residuals_of(session, cells, heldout):
        read = fit_reader(at.x_train, at.y_train).read(at.x)
        errors[spec.control, _key(spec), at.place] = by_design(at.y - read)
        if at.place not in alone:
            alone[at.place] = by_design(at.y)
    for control, key, place in list(errors):
        if control == TRAINED:
            errors[_LABEL, key, place] = alone[place]
    return errors


def _key(spec: CellSpec) -> CellKey:
    return CellKey(spec.sender_cut, spec.receiver_cut, spec.stitch.label, spec.seed)


def parts_of(errors: Errors, design: str, sample: int) -> PartsByCell:
    """Return what a run on one sample would have measured by example."""
    scale = {
        place: np.nanmean(each[design][sample])
        for (control, _, place), each in errors.items()
        if control == _LABEL
    }
    found: dict[tuple[str, CellKey], dict[str, np.ndarray | None]] = {}
    for (control, key, place), each in errors.items():
        rows = each[design][sample]
        found.setdefault((control, key), {})[place] = rows[~np.isnan(rows)] / scale[place]
    return {at: ExampleParts(by_place) for at, by_place in found.items()}


def kept_intervals(parts: PartsByCell) -> dict[CellKey, tuple[float, float, float]]:
    """Return kept with its interval for every trained cell; NaN where it is not known."""

    def number(end: float | None) -> float:
        return math.nan if end is None else end

    rows = [row for row in kept_rows(parts) if row.control == TRAINED]
    return {row.key: (number(row.kept), number(row.low), number(row.high)) for row in rows}


def only(parts: PartsByCell, key: CellKey) -> PartsByCell:
    """Return the parts of a map with one cell alone."""
    return {at: each for at, each in parts.items() if at[0] == SELF_STITCH or at[1] == key}


def coverage_of_kept(errors: Errors, plan: Design, alone: CellKey) -> dict[str, Any]:
    """Return how often the intervals of kept cover: cell by cell, all at once, and one cell alone."""
    truth = kept_intervals(parts_of(errors, f"all {plan.name}", 0))
    covered: dict[str, list[dict[CellKey, bool]]] = {"as they are": [], "narrowed": []}
    single: dict[str, list[bool]] = {"as they are": [], "narrowed": []}
    found, halves, unknown = [], [], 0
    for sample in range(len(plan.samples)):
        parts = parts_of(errors, plan.name, sample)
        intervals = kept_intervals(parts)
        by_itself = kept_intervals(only(parts, alone))[alone]
        if any(math.isnan(each[0]) for each in intervals.values()):
            unknown += 1
            continue
        for name, by in (("as they are", 1.0), ("narrowed", plan.narrowing)):
            covered[name].append({key: _inside(truth[key][0], each, by) for key, each in intervals.items()})
            single[name].append(_inside(truth[alone][0], by_itself, by))
        found.append([each[0] for each in intervals.values()])
        halves.append([(each[2] - each[1]) / 2 for each in intervals.values()])
    names = [f"{key.sender_cut} -> {key.receiver_cut}" for key in truth]
    return {
        "n": plan.samples.shape[1],
        "N": int(plan.population.sum()),
        "unknown": unknown / len(plan.samples),
        "truth": dict(zip(names, (round(each[0], 4) for each in truth.values()), strict=True)),
        "bias": dict(
            zip(
                names,
                (np.mean(found, 0) - [each[0] for each in truth.values()]).round(4).tolist(),
                strict=True,
            )
        ),
        "half_width": dict(zip(names, np.mean(halves, 0).round(4).tolist(), strict=True)),
        **{
            name: {
                **{
                    f"{key.sender_cut} -> {key.receiver_cut}": _share([each[key] for each in some])
                    for key in truth
                },
                "all at once": _share([all(each.values()) for each in some]),
                f"{alone.sender_cut} -> {alone.receiver_cut} in a map of its own": _share(single[name]),
            }
            for name, some in covered.items()
        },
    }


def coverage_of_score(correct: Mapping[CellKey, np.ndarray], plan: Design) -> dict[str, Any]:
    """Return how often the intervals of the score cover, by cell."""
    found: dict[str, Any] = {"as they are": {}, "narrowed": {}}
    for key, right in correct.items():
        truth = float(right[plan.population].mean())
        counts = right[plan.samples].sum(1).astype(int)
        n = plan.samples.shape[1]
        intervals = [(count / n, *wilson(int(count), n)) for count in counts]
        for name, by in (("as they are", 1.0), ("narrowed", plan.narrowing)):
            cell = f"{key.sender_cut} -> {key.receiver_cut}"
            found[name][cell] = _share([_inside(truth, each, by) for each in intervals])
    return found


def _inside(truth: float, interval: tuple[float, float, float], narrowing: float) -> bool:
    value, low, high = interval
    return value - narrowing * (value - low) <= truth <= value + narrowing * (high - value)


def _share(covered: Sequence[bool]) -> float:
    return round(float(np.mean(covered)), 4)


def main() -> None:
    parser = parser_of_pair(__doc__)
    parser.add_argument("--resamples", type=int, default=2000)
    parser.add_argument(
        "--keep", type=Path, help="file (.npz) for what was measured; an existing one is read"
    )
    options = parser.parse_args()
    measured = _read(options.keep) if options.keep and options.keep.exists() else _measure(options)
    if options.keep and not options.keep.exists():
        _write(options.keep, measured)
    keys = list(measured.correct)
    outcome = {
        plan.name: {
            "kept": coverage_of_kept(measured.errors, plan, keys[1]),
            "score": coverage_of_score(measured.correct, plan),
        }
        for plan in designs(measured.labels, options.resamples)
    }
    show(outcome, options.json)


def _measure(options: argparse.Namespace) -> Measured:
    source = DataSpec(source=options.data, limit=options.limit)
    session = prepare(options.sender, options.receiver, source, controls=(SELF_STITCH,))
    cuts = session.spec.receiver_cuts
    first, middle, last = cuts[0], cuts[len(cuts) // 2], cuts[-1]
    pairs = [(first, first), (middle, middle), (last, last), (cuts[-2], middle), (last, first)]
    cells = fitted_cells(session, pairs)
    heldout = session.pair.data.heldout
    units = Units(heldout, torch.arange(len(heldout)), session.pair.data.task, len(heldout))
    labels = units.labels.numpy()
    trained = [cell for cell in cells if cell.spec.control == TRAINED]
    correct = {_key(cell.spec): cell.correct[units.indices].numpy().astype(float) for cell in trained}
    return Measured(labels, correct, collected(session, cells, designs(labels, options.resamples), units))


def _write(path: Path, measured: Measured) -> None:
    errors = {
        json.dumps([control, *key, place, design]): rows
        for (control, key, place), each in measured.errors.items()
        for design, rows in each.items()
    }
    correct = {json.dumps(["correct", *key]): rows for key, rows in measured.correct.items()}
    np.savez(path, allow_pickle=False, labels=measured.labels, **errors, **correct)


def _read(path: Path) -> Measured:
    with np.load(path) as file:
        errors: Errors = {}
        correct = {}
        for name in file.files:
            control, *rest = json.loads(name) if name != "labels" else [name]
            if control == "correct":
                correct[CellKey(*rest)] = file[name]
            elif control != "labels":
                *key, place, design = rest
                errors.setdefault((control, CellKey(*key), place), {})[design] = file[name]
        return Measured(file["labels"], correct, errors)


if __name__ == "__main__":
    main()
