"""A case with its truth, what was measured, and what the rule says of it; and the same as plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from modelstitch.evidence.verdict import Facts, Verdict, decide
from modelstitch.known_answers.cases import Case
from modelstitch.known_answers.conditions import CONDITIONS
from modelstitch.specs.verdicts import KeptScale, VerdictName

INTERCHANGEABLE_FROM, PARTLY, DECODABLE_TO = 0.85, (0.25, 0.75), 0.10
"""Truth that is scored; what lies between is drawn and shown, and not scored."""


def word_of(truth: float) -> VerdictName | None:
    """Return the verdict that is right for a computed truth; None in a gap between the scored bands.

    Example:
        >>> word_of(0.9).value, word_of(0.3).value, word_of(0.8)
        ('interchangeable', 'partly', None)
    """
    if truth >= INTERCHANGEABLE_FROM:
        return VerdictName.INTERCHANGEABLE
    if PARTLY[0] <= truth <= PARTLY[1]:
        return VerdictName.PARTLY
    return VerdictName.DECODABLE_ONLY if truth <= DECODABLE_TO else None


@dataclass(frozen=True)
class Outcome:
    """One case after it was stitched and measured.

    Attributes:
        case: what it is.
        places: its truth at the cut, at every later cut and in the output.
        facts: what the rule reads.
        kept: what is kept at every place.
        measures: value of each measure of similarity that was asked for; None where it is not defined.
        own: share that a reader recovers from the self-stitch at every place.
        fitted: hash of what was fitted, and how.
    """

    case: Case
    places: Mapping[str, float]
    facts: Facts
    kept: Mapping[str, float] = field(default_factory=dict)
    measures: Mapping[str, float | None] = field(default_factory=dict)
    own: Mapping[str, float] = field(default_factory=dict)
    fitted: str = ""

    @cached_property
    def verdict(self) -> Verdict:
        """What the package says."""
        return decide(self.facts)

    @property
    def truth_value(self) -> float:
        """The share that comes across, from 0 to 1; NaN where it has none."""
        values = list(self.places.values())
        return math.nan if any(map(math.isnan, values)) else min(1.0, max(0.0, min(values)))

    @property
    def truth(self) -> VerdictName | None:
        """The right verdict; None for a case that is not scored."""
        if CONDITIONS[self.case.condition].truth is not None:
            return CONDITIONS[self.case.condition].truth
        if self.case.plant_family.by_another:
            return None
        return self.case.plant_family.truth or word_of(self.truth_value)

    def to_plain(self) -> dict[str, Any]:
        """Return the outcome as plain values that JSON can hold, NaN included."""
        return asdict(self)

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Outcome:
        """Return the outcome that :meth:`to_plain` gave, also read back from JSON."""
        facts: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values["facts"].items()
        }
        facts["scaled_by"] = KeptScale(facts.get("scaled_by", KeptScale.SELF_STITCH))
        return cls(**{**values, "case": Case(**values["case"]), "facts": Facts(**facts)})
