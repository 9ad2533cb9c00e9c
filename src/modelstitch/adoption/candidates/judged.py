"""What is shown of the three conditions: of a named candidate, and of every other cell of a run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from torch import Tensor

from modelstitch.adoption.candidates.candidate import Candidate, Whole, standing
from modelstitch.adoption.candidates.constraints import Constraints
from modelstitch.adoption.division import Division, groups_of
from modelstitch.adoption.score_intervals import LEVEL, difference_interval
from modelstitch.adoption.work import Load
from modelstitch.evidence.verdict import Verdict
from modelstitch.geometry.intervals import ValueWithInterval
from modelstitch.grid.side import Side
from modelstitch.results.comparison import Comparison
from modelstitch.results.decision import CandidateConditions, ConditionState, at_least_partly
from modelstitch.results.reuse_table import ELSEWHERE

_OF_STANDING = {
    "no worse": ConditionState.HOLDS,
    "worse": ConditionState.FAILS,
    "undecided": ConditionState.OPEN,
}


def conditions_of(
    row: Candidate, verdict: Verdict | None, constraints: Constraints, whole: Whole
) -> CandidateConditions:
    """Return what is shown of the three conditions of a named candidate.

    Args:
        row: the candidate, which costs less than the network that it would replace.
        verdict: on its cell; None where the run has none.
        constraints: what was asked for. A least score that is missed is open where the interval holds it.
        whole: the network that it would replace.
    """
    saves = ConditionState.HOLDS
    if replace(constraints, score=None).misses(row, whole):
        saves = ConditionState.FAILS
    elif constraints.score is not None and row.score[0] < constraints.score:
        saves = ConditionState.FAILS if row.score[2] < constraints.score else ConditionState.OPEN
    return CandidateConditions(
        no_worse=_OF_STANDING[row.standing], saves=saves, partly=at_least_partly(verdict)
    )


def known_kept(verdict: Verdict | None) -> ValueWithInterval | None:
    """Return what a cell keeps with its interval; None where it is not known."""
    if verdict is None or not all(map(math.isfinite, (verdict.kept, verdict.kept_low, verdict.kept_high))):
        return None
    return verdict.kept, verdict.kept_low, verdict.kept_high


@dataclass(frozen=True)
class Elsewhere:
    """Judges the cells that are not named: by their cost, and by the choosing examples.

    Attributes:
        comparison: the run.
        sides: the two networks.
        wholes: the whole networks by role.
        division: of the held-out examples.
        constraints: what was asked for.
        margin: points of score that may be lost.
    """

    comparison: Comparison
    sides: tuple[Side, Side]
    wholes: Mapping[str, Whole]
    division: Division
    constraints: Constraints
    margin: float

    def counts(
        self,
        loads: Mapping[tuple[str, str, str], Load],
        replaced: Mapping[tuple[str, str, str], str | None],
        scores: Mapping[tuple[str, str, str], Tensor],
    ) -> dict[str, int]:
        """Return how many cells fail which condition by its bound, each counted at the first that it fails.

        The intervals of points lost hold for all these cells at once with 95 %.

        Args:
            loads: of the joined network, by sender cut, receiver cut and stitch.
            replaced: the network that each would replace; None where it saves nothing.
            scores: (n_heldout,) of each held-out example, of the cells that were fitted.
        """
        measured = [place for place in loads if replaced[place] is not None and place in scores]
        level = 1 - (1 - LEVEL) / max(1, len(measured))
        verdicts = self.comparison.cell_verdicts()
        found = Counter(
            self._fails(loads[place], replaced[place], scores.get(place), verdicts.get(place), level)
            for place in loads
        )
        return {name: found[name] for name in ELSEWHERE}

    def _fails(
        self, load: Load, role: str | None, scores: Tensor | None, verdict: Verdict | None, level: float
    ) -> str:
        if role is None or self._too_dear(load, self.wholes[role]):
            return "dear"
        if scores is not None and standing(self._lost(role, scores, level), self.margin) == "worse":
            return "worse"
        return "label" if at_least_partly(verdict) is ConditionState.FAILS else "open"

    def _too_dear(self, load: Load, whole: Whole) -> bool:
        bounds = ((name, getattr(self.constraints, name)) for name in ("multiply_adds", "parameters"))
        return any(
            bound is not None and getattr(load, name) > bound.of(getattr(whole.load, name))
            for name, bound in bounds
        )

    def _lost(self, role: str, scores: Tensor, level: float) -> ValueWithInterval | None:
        own = self.sides[role == "receiver"].own_scores
        if own is None:
            return None
        whole, mine = own.cpu()[self.division.choose], scores[self.division.choose]
        if whole.dtype != mine.dtype:
            whole, mine = whole.double(), mine.double()
        groups = groups_of(self.sides[0].data, self.division.choose)
        return difference_interval(whole, mine, level, groups)
