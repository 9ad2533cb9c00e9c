"""How often one map of 25 cells says something wrong: simulated maps, judged by the package's own code.

    python benchmarks/error_rates.py [--maps 1000] [--only NAME] [--json]

Each map has five senders, five receiver cuts, and 300 held-out examples of three classes. Wrong is:

- *nothing*: no sender holds more than the label and noise, and one cell is said to hold more. The self-stitch
  recovers a fifth, so that little noise is enough. Made of representations: readers are fitted.
- *below*: every sender keeps .78 at its cut, .02 below the line, and one cell is called interchangeable. Made
  of representations (all of the receiver's with noise, half of which the cells of one sender share), and once
  more of errors by example, with heavier tails.
- *at the line*: the same with .80, the hardest case.
- *lead*: every sender keeps .05 more than untrained ones do in the mean, which is the line, and one cell is
  called learnt, or not learnt. Three senders are drawn, and two more where three leave it unclear, as a run
  does. Draws differ alike in all cells, or in some more than in others, and a draw is good or bad in all.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from options import show
from torch import Tensor

from modelstitch.evidence.kinds.kept import of_residuals
from modelstitch.evidence.material import Residuals
from modelstitch.evidence.verdict import Verdict
from modelstitch.geometry.intervals import wilson
from modelstitch.geometry.recovery import residuals
from modelstitch.results.kept import ExampleParts, kept_rows
from modelstitch.results.rows import CellKey, CellRow, EvidenceRow
from modelstitch.results.verdicts import asks_for_draws, verdicts
from modelstitch.specs import SELF_STITCH, TRAINED
from modelstitch.specs.verdicts import Learnt, VerdictName

_LABEL, _OUTPUT = "one-hot", "output"
_SIDE, _N, _CLASSES, _FEATURES = 5, 300, 3, 6
_SHARED = 0.5
"""Share of the noise that the cells of one sender have in common, and of the errors that all cells have."""

Parts = dict[tuple[str, CellKey], ExampleParts]
Judged = dict[CellKey, Verdict]
Wrong = Callable[[Judged], bool]


def key(sender: int, receiver: int) -> CellKey:
    """Return the key of a cell."""
    return CellKey(f"a{sender}", f"b{receiver}", "affine", 0)


def own_key(receiver: int) -> CellKey:
    """Return the key of a self-stitch."""
    return CellKey(f"b{receiver}", f"b{receiver}", "affine", 0)


_CELLS = [(sender, receiver) for sender in range(_SIDE) for receiver in range(_SIDE)]


# --- maps made of representations


def _measured(x: Mapping[str, Tensor], y: Mapping[str, Tensor], labels: Tensor) -> ExampleParts:
    """Fit readers on the first half of the rows (2 n, 1, C) and measure on the second, as evidence does."""
    n = len(labels)
    at = [
        Residuals(
            place=place,
            x_train=residuals(x[place][:n], labels),
            y_train=residuals(y[place][:n], labels),
            x=residuals(x[place][n:], labels),
            y=residuals(y[place][n:], labels),
            labels=labels,
            examples=torch.arange(n),
        )
        for place in y
    ]
    found = of_residuals(at)
    parts = {each.where: None if each.parts is None else each.parts.numpy() for each in found}
    return ExampleParts({place: parts[place] for place in y}, parts["all"])


def map_of_representations(seed: int, share: float | None) -> Parts:
    """Return what is measured of a map whose cells keep a share, or where it is None the label alone."""
    draw = partial(torch.randn, generator=torch.Generator().manual_seed(seed))
    labels = torch.arange(_N) * _CLASSES // _N
    classes = 3 * draw(_CLASSES, 1, _FEATURES)[torch.cat([labels, labels])]
    rows = (2 * _N, 1, _FEATURES)
    noise_of_sender = [draw(*rows) for _ in range(_SIDE)]
    parts: Parts = {}
    for receiver in range(_SIDE):
        expected = draw(*rows)
        output = expected @ draw(_FEATURES, 4)
        y = {f"b{receiver}": classes + expected, _OUTPUT: classes[:, :, :4] + output}
        if share is None:  # the self-stitch itself is hardly better than the label: four parts of noise
            own = {place: each + 2 * each.std() * draw(*each.shape) for place, each in y.items()}
        else:
            own = y
        parts[SELF_STITCH, own_key(receiver)] = _measured(own, y, labels)
        only_label = {place: torch.zeros_like(each) for place, each in y.items()}
        label = _measured(only_label, y, labels)
        for sender in range(_SIDE):
            noise = math.sqrt(_SHARED) * noise_of_sender[sender] + math.sqrt(1 - _SHARED) * draw(*rows)
            if share is None:
                at_cut = classes + noise
                x = {f"b{receiver}": at_cut, _OUTPUT: torch.relu(at_cut) @ draw(_FEATURES, 4)}
            else:
                # The best linear reader of y + noise recovers 1 / (1 + variance of the noise).
                x = {
                    f"b{receiver}": classes + expected + math.sqrt(1 / share - 1) * noise,
                    _OUTPUT: y[_OUTPUT],
                }
            parts[TRAINED, key(sender, receiver)] = _measured(x, y, labels)
            parts[_LABEL, key(sender, receiver)] = label
    return parts


# --- maps made of errors by example


@dataclass(frozen=True)
class Errors:
    """Draws errors by example: some examples are harder than others, for all alike and for each cell.

    Attributes:
        random: draws.
        shared: (n,) how hard each example is for all.
    """

    random: np.random.Generator
    shared: np.ndarray

    @classmethod
    def of(cls, seed: int) -> Errors:
        random = np.random.default_rng(seed)
        return cls(random, _hardness(random))

    def keeping(self, share: float) -> np.ndarray:
        """Return errors (n,) of a cell that keeps a share, beside references of 1 and .05."""
        mean = 1 - 0.95 * share
        return mean * (_SHARED * self.shared + (1 - _SHARED) * _hardness(self.random))

    def references(self) -> Parts:
        """Return the self-stitches and the label-only senders."""
        parts: Parts = {}
        for receiver in range(_SIDE):
            own, label = 0.05 * self.shared, _SHARED * self.shared + (1 - _SHARED) * _hardness(self.random)
            parts[SELF_STITCH, own_key(receiver)] = _of(own, receiver, own)
            for sender in range(_SIDE):
                parts[_LABEL, key(sender, receiver)] = _of(label, receiver, label)
        return parts


def _hardness(random: np.random.Generator) -> np.ndarray:
    return random.chisquare(4, _N) / 4


def _of(at_cut: np.ndarray, receiver: int, output: np.ndarray | None = None) -> ExampleParts:
    places = {f"b{receiver}": at_cut.astype(np.float32)}
    return ExampleParts(places if output is None else {**places, _OUTPUT: output.astype(np.float32)})


def map_of_errors(seed: int, share: float) -> Parts:
    """Return a map whose cells keep a share at the cut, and all in the output."""
    errors = Errors.of(seed)
    parts = errors.references()
    for sender, receiver in _CELLS:
        own = parts[SELF_STITCH, own_key(receiver)].errors[_OUTPUT]
        parts[TRAINED, key(sender, receiver)] = _of(errors.keeping(share), receiver, own)
    return parts


# --- verdicts


def judged(parts: Parts, draws: Mapping[CellKey, Sequence[ExampleParts]] | None = None) -> Judged:
    """Return the package's verdicts on a map whose cells all do the task."""
    cells = [_cell(control, at) for control, at in parts]
    evidence = [_evidence(control, at) for control, at in parts]
    return verdicts(cells, evidence, kept_rows(parts, draws), chance=1 / _CLASSES)


def _cell(control: str, at: CellKey) -> CellRow:
    return CellRow(
        **at._asdict(),
        family="affine",
        size=None,
        norm="none",
        objective="task",
        control=control,
        score=0.9,
        standard_error=math.sqrt(0.09 / _N),
        loss=0.3,
        n_parameters=1,
        bridge="same",
        steps=1,
        seconds=1.0,
        n_heldout=_N,
        failure=None,
        converged=True,
    )


def _evidence(control: str, at: CellKey) -> EvidenceRow:
    return EvidenceRow(
        **at._asdict(),
        control=control,
        kind="kept",
        name="recovered",
        where=_OUTPUT,
        value=None,
        low=None,
        high=None,
        n=_N,
    )


def more_than_label(found: Judged) -> bool:
    """Tell whether any cell is said to hold more than the label."""
    return any(each.because.p_label <= 0.05 for each in found.values())


def more_by_verdict(found: Judged) -> bool:
    """Tell whether the verdict on any cell says more than the label."""
    return any(each.name in (VerdictName.PARTLY, VerdictName.INTERCHANGEABLE) for each in found.values())


def interchangeable(found: Judged) -> bool:
    """Tell whether any cell is called interchangeable."""
    return any(each.name is VerdictName.INTERCHANGEABLE for each in found.values())


def learnt(found: Judged) -> bool:
    """Tell whether any cell is called learnt."""
    return any(each.learnt is Learnt.LEARNT for each in found.values())


def not_learnt(found: Judged) -> bool:
    """Tell whether any cell is called not learnt."""
    return any(each.learnt is Learnt.NOT_LEARNT for each in found.values())


def leading(seed: int, *, unequal: bool, lead: float = 0.05) -> Judged:
    """Return the verdicts on a map whose true leads are all the same, after draws as a run asks for them."""
    errors = Errors.of(seed)
    random, parts = errors.random, errors.references()
    mean, spread = 0.45, 0.02 * np.ones(len(_CELLS))
    good = np.zeros(5)
    if unequal:  # as measured on digits: from .006 to .055, and the same draw good or bad in most cells
        spread = 0.02 * np.exp(0.7 * random.standard_normal(len(_CELLS)))
        good = random.standard_normal(5)
    draws: dict[CellKey, list[ExampleParts]] = {}
    for (sender, receiver), apart in zip(_CELLS, spread, strict=True):
        parts[TRAINED, key(sender, receiver)] = _of(errors.keeping(mean + lead), receiver)
        own = random.standard_normal(5)
        luck = math.sqrt(0.7) * good + math.sqrt(0.3) * own if unequal else own
        draws[key(sender, receiver)] = [_of(errors.keeping(mean + apart * each), receiver) for each in luck]
    parts = {
        at: ExampleParts({place: each for place, each in part.errors.items() if place != _OUTPUT})
        for at, part in parts.items()
    }
    first = judged(parts, {at: each[:3] for at, each in draws.items()})
    more = {at for at, verdict in first.items() if asks_for_draws(verdict, first=False)}
    return judged(parts, {at: each if at in more else each[:3] for at, each in draws.items()})


@dataclass(frozen=True)
class Case:
    """Maps of one kind, and what would be wrong to say of any of their cells."""

    make: Callable[[int], Judged]
    wrong: Mapping[str, Wrong]


CASES = {
    "nothing": Case(
        lambda seed: judged(map_of_representations(seed, None)),
        {"p at most .05": more_than_label, "partly or interchangeable": more_by_verdict},
    ),
    "below, representations": Case(
        lambda seed: judged(map_of_representations(seed, 0.78)), {"interchangeable": interchangeable}
    ),
    "below, errors": Case(
        lambda seed: judged(map_of_errors(seed, 0.78)), {"interchangeable": interchangeable}
    ),
    "at the line, errors": Case(
        lambda seed: judged(map_of_errors(seed, 0.8)), {"interchangeable": interchangeable}
    ),
    "lead, draws differ alike": Case(
        partial(leading, unequal=False), {"learnt": learnt, "not learnt": not_learnt}
    ),
    "lead, draws differ unequally": Case(
        partial(leading, unequal=True), {"learnt": learnt, "not learnt": not_learnt}
    ),
}


def rates(case: Case, n_maps: int) -> dict[str, Any]:
    """Return how many of the maps have a wrong cell, with the 95 % interval of the rate."""
    found = [case.make(seed) for seed in range(n_maps)]
    counts = {name: sum(map(wrong, found)) for name, wrong in case.wrong.items()}
    return {
        name: {
            "maps": count,
            "rate": count / n_maps,
            "interval": [round(end, 4) for end in wilson(count, n_maps)],
        }
        for name, count in counts.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--maps", type=int, default=1000)
    parser.add_argument("--only", choices=CASES)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)  # the tensors are small
    chosen = CASES if options.only is None else {options.only: CASES[options.only]}
    show({name: rates(case, options.maps) for name, case in chosen.items()}, options.json)


if __name__ == "__main__":
    main()
