"""Count right and wrong verdicts on the cases of the bed, and say whether the rule passes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelstitch.evidence.verdict import Thresholds, Verdict, decide
from modelstitch.known_answers.calibration import line_between, upper_bound
from modelstitch.known_answers.conditions import CONDITIONS, PLAIN
from modelstitch.known_answers.outcome import Outcome
from modelstitch.known_answers.series import series
from modelstitch.specs.verdicts import Confidence, VerdictName

WORDS = (
    VerdictName.INTERCHANGEABLE,
    VerdictName.PARTLY,
    VerdictName.DECODABLE_ONLY,
    VerdictName.INCOMPATIBLE,
)

RIGHT, CANNOT_TELL, WRONG_INCOMPATIBLE = 0.9, 0.1, 0.01
"""Bars: least share that is right in each true class; most that is *cannot tell*, wrongly *incompatible*."""


@dataclass(frozen=True)
class Counts:
    """How many cases of each truth got each verdict.

    Attributes:
        table: by truth and verdict, *cannot tell* included.
    """

    table: dict[str, dict[str, int]]

    @classmethod
    def of(cls, outcomes: Sequence[Outcome], verdicts: Sequence[Verdict]) -> Counts:
        pairs = [(o.truth, v.name) for o, v in zip(outcomes, verdicts, strict=True)]
        return cls(
            {
                truth.value: {
                    name.value: pairs.count((truth, name)) for name in (*WORDS, VerdictName.CANNOT_TELL)
                }
                for truth in WORDS
            }
        )

    @property
    def n(self) -> int:
        return sum(sum(row.values()) for row in self.table.values())

    @property
    def right(self) -> dict[str, float]:
        """Share of right verdicts in each true class that has cases."""
        return {
            truth: row[truth] / sum(row.values()) for truth, row in self.table.items() if sum(row.values())
        }

    @property
    def cannot_tell(self) -> float:
        return sum(row[VerdictName.CANNOT_TELL] for row in self.table.values()) / max(1, self.n)

    def wrong(self, name: VerdictName) -> tuple[int, int]:
        """Return how many cases were called ``name`` that are not, and how many are not."""
        others = {truth: row for truth, row in self.table.items() if truth != name}
        return sum(row[name] for row in others.values()), sum(sum(row.values()) for row in others.values())

    @property
    def passes(self) -> bool:
        """Whether the bars are met."""
        wrong, others = self.wrong(VerdictName.INCOMPATIBLE)
        return (
            self.wrong(VerdictName.INTERCHANGEABLE)[0] == 0
            and wrong <= WRONG_INCOMPATIBLE * others
            and min(self.right.values(), default=0.0) >= RIGHT
            and self.cannot_tell <= CANNOT_TELL
        )

    def to_plain(self) -> dict[str, Any]:
        wrong, others = self.wrong(VerdictName.INTERCHANGEABLE)
        return {
            "confusion": self.table,
            "wrong_interchangeable": wrong,
            "not_interchangeable": others,
            "wrong_interchangeable_upper_95": upper_bound(wrong, others),
            "wrong_incompatible": self.wrong(VerdictName.INCOMPATIBLE)[0],
            "right_share": self.right,
            "cannot_tell_share": self.cannot_tell,
            "passed": self.passes,
        }


def scored(outcomes: Sequence[Outcome], condition: str = PLAIN) -> list[Outcome]:
    """Return the outcomes under a condition whose truth lies in a scored band."""
    return [o for o in outcomes if o.case.condition == condition and o.truth is not None]


def derive(outcomes: Sequence[Outcome]) -> Thresholds:
    """Return the package's lines on the truth, moved to the measure: see :func:`line_between`.

    Args:
        outcomes: of which the map from truth to measure is made.
    """
    known = [o for o in outcomes if not math.isnan(o.verdict.kept) and not math.isnan(o.truth_value)]
    own = Thresholds()
    truths, values = [o.truth_value for o in known], [o.verdict.kept for o in known]
    return replace(
        own,
        kept_high=line_between(truths, values, own.kept_high),
        kept_low=line_between(truths, values, own.kept_low),
    )


def leave_one_family_out(outcomes: Sequence[Outcome]) -> list[Verdict]:
    """Judge every case by lines that were moved without its family."""
    return [
        decide(o.facts, lines) for o, lines in zip(outcomes, without_family(outcomes, derive), strict=True)
    ]


def without_family(outcomes: Sequence[Outcome], derived: Callable[[Sequence[Outcome]], Any]) -> list[Any]:
    """Return for each case what ``derived`` makes of the plain cases of all other families."""
    by_family = {
        family: derived([o for o in outcomes if o.case.family != family and o.case.condition == PLAIN])
        for family in dict.fromkeys(o.case.family for o in outcomes)
    }
    return [by_family[o.case.family] for o in outcomes]


def report(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return everything that the bed says, as plain values.

    It passes where the package's own lines meet the bars in the plain bed, no case is wrongly called
    interchangeable under any condition, nor with lines that the other families set.
    """
    plain = scored(outcomes)
    own = Counts.of(plain, [o.verdict for o in plain])
    left_out = leave_one_family_out(outcomes)
    verdict_of = {id(o): v for o, v in zip(outcomes, left_out, strict=True)}
    without = Counts.of(plain, [verdict_of[id(o)] for o in plain])
    conditions = {
        name: _condition(outcomes, name)
        for name in CONDITIONS
        if name != PLAIN and any(o.case.condition == name for o in outcomes)
    }
    doses = series(outcomes)
    lines = derive([o for o in outcomes if o.case.condition == PLAIN])
    low = [o for o in plain if o.verdict.confidence is Confidence.LOW]
    return {
        "n_cases": len(outcomes),
        "n_scored": own.n,
        **own.to_plain(),
        "low_or_cannot_tell_share": len(low) / max(1, own.n),
        "families_left_out": without.to_plain(),
        "lines_of_all_families": {"kept_low": lines.kept_low, "kept_high": lines.kept_high},
        "conditions": conditions,
        "series": [one.to_plain() for one in doses],
        "passed": own.passes
        and without.wrong(VerdictName.INTERCHANGEABLE)[0] == 0
        and not any(one["wrong_interchangeable"] for one in conditions.values()),
        "cases": [_case(o, verdict_of[id(o)]) for o in outcomes],
    }


def _condition(outcomes: Sequence[Outcome], name: str) -> dict[str, Any]:
    some = scored(outcomes, name)
    said = [o.verdict.name for o in some]
    return {
        "n": len(some),
        "right": sum(o.verdict.name == o.truth for o in some),
        "cannot_tell": said.count(VerdictName.CANNOT_TELL),
        "wrong_interchangeable": sum(o.verdict.name == VerdictName.INTERCHANGEABLE != o.truth for o in some),
        "wrong_incompatible": sum(o.verdict.name == VerdictName.INCOMPATIBLE != o.truth for o in some),
    }


def _case(outcome: Outcome, left_out: Verdict) -> dict[str, Any]:
    case, verdict = outcome.case, outcome.verdict
    return {
        "family": case.family,
        "dose": case.dose,
        "network": case.network,
        "cut": case.cut,
        "condition": case.condition,
        "truth": None if outcome.truth is None else outcome.truth.value,
        "truth_value": _finite(outcome.truth_value),
        "verdict": verdict.name.value,
        "verdict_left_out": left_out.name.value,
        "confidence": verdict.confidence.value,
        "reason": str(verdict.sentence),
        "score_share": _finite(verdict.score_share),
        "kept": _finite(verdict.kept),
        "kept_low": _finite(verdict.kept_low),
        "kept_high": _finite(verdict.kept_high),
        "where": verdict.because.where,
        "measures": dict(outcome.measures),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
