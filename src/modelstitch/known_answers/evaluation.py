"""Run the cases through the engine, the evidence and the verdict, and count right and wrong verdicts."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, final

from modelstitch.data.parts import Data
from modelstitch.evidence.measure import measure_cells
from modelstitch.evidence.verdict import Facts, Thresholds, Verdict, decide
from modelstitch.grid.grid import Budget, fit_grid
from modelstitch.grid.planted import planted
from modelstitch.grid.pool import GivesSides, Pair
from modelstitch.grid.side import Side
from modelstitch.known_answers.cases import Case
from modelstitch.known_answers.plants import Ground
from modelstitch.models.network import Network
from modelstitch.results.from_cells import cell_row, evidence_rows, parts_of
from modelstitch.results.kept import ExampleParts, kept_rows
from modelstitch.results.rows import CellKey, CellRow, EvidenceRow
from modelstitch.results.verdicts import facts_of, measured_cells
from modelstitch.specs import VERDICT_CONTROLS, CellSpec, FitSpec
from modelstitch.specs.verdicts import VerdictName
from modelstitch.tasks.classification import chance

FIT = FitSpec(max_epochs=2)
"""As every fit, but shorter: without the label the loss falls slowly for long, to no use."""

_BUDGET = Budget(bytes=2 * 10**9)
TRUTHS = (VerdictName.INTERCHANGEABLE, VerdictName.DECODABLE_ONLY, VerdictName.INCOMPATIBLE)


@dataclass(frozen=True)
class Outcome:
    """A case with what was measured, and its verdict."""

    case: Case
    facts: Facts
    verdict: Verdict

    @property
    def correct(self) -> bool:
        return self.verdict.name == self.case.truth


@final
class _PlantedPair:
    """A network stitched into itself, whose sender is planted by a case."""

    def __init__(self, itself: Pair, case: Case, seed: int) -> None:
        self.pool, self.receiver = itself.pool, itself.receiver
        self.sender = planted(self.receiver, case.plant(Ground(self.receiver, case.cut, seed)))

    def sides(self, control: str, seed: int, draw: int = 0) -> tuple[Side, Side]:
        return self.sender, self.receiver


def run(
    networks: Sequence[Network],
    data: Data,
    cases: Sequence[Case],
    *,
    fit: FitSpec = FIT,
    on_outcome: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """Fit, measure and judge every case.

    Args:
        networks: trained on ``data``; each is stitched into itself.
        data: the examples.
        cases: what to run.
        fit: how stitches are fitted.
        on_outcome: called with each outcome.
    """
    outcomes = []
    pairs = [Pair(network, network, data) for network in networks]
    references: dict[tuple[int, str], _Measured] = {}
    for case in cases:
        pair = pairs[case.network]
        at = CellSpec(sender_cut=case.cut, receiver_cut=case.cut)
        if (case.network, case.cut) not in references:
            controls = [replace(at, control=control) for control in VERDICT_CONTROLS]
            references[case.network, case.cut] = _measured(pair, controls, fit)
        cells, evidence, parts = _measured(_PlantedPair(pair, case, seed=case.network), [at], fit)
        own = references[case.network, case.cut]
        rows = {(row.control, row.key): row for row in (*cells, *own[0])}
        guess = chance(data.heldout.labels)
        kept = {(row.control, row.key): row for row in kept_rows({**own[2], **parts})}
        facts = facts_of(cells[0], rows, kept, measured_cells([*evidence, *own[1]]), guess)
        assert facts is not None
        outcomes.append(Outcome(case, facts, decide(facts)))
        if on_outcome is not None:
            on_outcome(outcomes[-1])
    return outcomes


_Measured = tuple[list[CellRow], list[EvidenceRow], dict[tuple[str, CellKey], ExampleParts]]
"""Rows of some cells, of their evidence, and what was measured of them by example."""


def _measured(pair: GivesSides, cells: list[CellSpec], fit: FitSpec) -> _Measured:
    fitted = {one.spec: one for one in fit_grid(pair, cells, fit, _BUDGET)}
    usable = {cell: one.stitch for cell, one in fitted.items() if one.fitted.failure is None}
    evidence: list[EvidenceRow] = []
    parts: dict[tuple[str, CellKey], ExampleParts] = {}
    for cell, numbers in measure_cells(pair, usable, dict.fromkeys(usable, ("kept",)), n_examples=2000):
        rows = evidence_rows(cell, numbers)
        evidence += rows
        by_example = parts_of(numbers)
        if by_example is not None:
            parts[cell.control, rows[0].key] = by_example
    return [cell_row(fitted[cell]) for cell in cells], evidence, parts


def derive(outcomes: Sequence[Outcome]) -> Thresholds:
    """Place the thresholds in the gaps between the known classes.

    *kept*: at a half and at four fifths of the way from the highest *decodable only* to the lowest
    *interchangeable* case. Share of the score: at a quarter of the way from the highest *incompatible* case
    to the lowest of all others.
    """
    kept = {truth: [_kept(o) for o in outcomes if o.case.truth == truth] for truth in TRUTHS}
    share = {truth: [_share(o) for o in outcomes if o.case.truth == truth] for truth in TRUTHS}
    floor, ceiling = max(kept[VerdictName.DECODABLE_ONLY]), min(kept[VerdictName.INTERCHANGEABLE])
    low = max(share[VerdictName.INCOMPATIBLE])
    high = min(share[VerdictName.DECODABLE_ONLY] + share[VerdictName.INTERCHANGEABLE])
    return replace(
        Thresholds(),
        kept_low=floor + 0.5 * (ceiling - floor),
        kept_high=floor + 0.8 * (ceiling - floor),
        score_low=low + 0.25 * (high - low),
    )


def _kept(outcome: Outcome) -> float:
    return 0.0 if math.isnan(outcome.verdict.kept) else outcome.verdict.kept


def _share(outcome: Outcome) -> float:
    return 0.0 if math.isnan(outcome.verdict.score_share) else outcome.verdict.score_share


def leave_one_family_out(outcomes: Sequence[Outcome]) -> list[Verdict]:
    """Judge every case by thresholds that were derived without its family."""
    thresholds = {
        family: derive([o for o in outcomes if o.case.family != family])
        for family in dict.fromkeys(o.case.family for o in outcomes)
    }
    return [decide(o.facts, thresholds[o.case.family]) for o in outcomes]


def report(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return counts, the confusion of truth (rows) and verdict, and every case as plain values."""
    left_out = leave_one_family_out(outcomes)

    def confusion(verdicts: Sequence[Verdict]) -> dict[str, dict[str, int]]:
        return {
            truth: {
                name: sum(
                    o.case.truth == truth and v.name == name for o, v in zip(outcomes, verdicts, strict=True)
                )
                for name in (*TRUTHS, VerdictName.CANNOT_TELL)
            }
            for truth in TRUTHS
        }

    own = confusion([o.verdict for o in outcomes])
    without = confusion(left_out)
    n = len(outcomes)

    def wrong(table: dict[str, dict[str, int]], name: str) -> int:
        return sum(row[name] for truth, row in table.items() if truth != name)

    correct = {truth: row[truth] / max(1, sum(row.values())) for truth, row in without.items()}
    return {
        "n_cases": n,
        "wrong_interchangeable": wrong(without, VerdictName.INTERCHANGEABLE),
        "wrong_incompatible": wrong(without, VerdictName.INCOMPATIBLE),
        "cannot_tell_share": sum(row[VerdictName.CANNOT_TELL] for row in without.values()) / n,
        "correct_share": correct,
        "confusion": without,
        "confusion_with_the_package_lines": own,
        "derived_lines": asdict(derive(outcomes)),
        "passed": wrong(without, VerdictName.INTERCHANGEABLE) == 0
        and wrong(own, VerdictName.INTERCHANGEABLE) == 0
        and wrong(without, VerdictName.INCOMPATIBLE) <= 0.01 * n
        and min(correct.values()) >= 0.8
        and sum(row[VerdictName.CANNOT_TELL] for row in without.values()) <= 0.2 * n,
        "mean_kept": {
            truth: statistics.mean(_kept(o) for o in outcomes if o.case.truth == truth) for truth in TRUTHS
        },
        "cases": [
            {
                "family": o.case.family,
                "network": o.case.network,
                "cut": o.case.cut,
                "truth": o.case.truth,
                "verdict": o.verdict.name,
                "verdict_left_out": v.name,
                "reason": o.verdict.sentence,
                "score_share": None if math.isnan(o.verdict.score_share) else o.verdict.score_share,
                "kept": None if math.isnan(o.verdict.kept) else o.verdict.kept,
            }
            for o, v in zip(outcomes, left_out, strict=True)
        ],
    }
