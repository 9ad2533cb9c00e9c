"""Does what is kept fall with the dose?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from modelstitch.known_answers.calibration import rank_correlation
from modelstitch.known_answers.conditions import PLAIN
from modelstitch.known_answers.outcome import Outcome

MONOTONE = 0.95
"""Least rank correlation of truth and kept in a series."""

_SAME = 0.02
"""Truths that differ by less than this are one dose."""


@dataclass(frozen=True)
class DoseSeries:
    """The doses of one family at one cut of one network.

    Attributes:
        family, network, cut: of the series.
        truths, kept: by dose, from the one that keeps most.
        correlation: Spearman's, of truth and kept; None where the truths do not differ.
    """

    family: str
    network: int
    cut: str
    truths: tuple[float, ...]
    kept: tuple[float, ...]
    correlation: float | None

    @property
    def monotone(self) -> bool:
        return self.correlation is None or self.correlation >= MONOTONE

    def to_plain(self) -> dict[str, Any]:
        return {**asdict(self), "monotone": self.monotone}


def series(outcomes: Sequence[Outcome]) -> list[DoseSeries]:
    """Return the dose series of the plain bed that have at least three doses."""
    grouped: dict[tuple[str, int, str], list[Outcome]] = {}
    for o in outcomes:
        if o.case.condition == PLAIN and o.case.plant_family.is_series:
            grouped.setdefault((o.case.family, o.case.network, o.case.cut), []).append(o)
    return [_series(*at, some) for at, some in grouped.items() if len(some) > 2]


def _series(family: str, network: int, cut: str, some: Sequence[Outcome]) -> DoseSeries:
    doses = list(some[0].case.plant_family.doses)
    ordered = sorted(some, key=lambda o: doses.index(o.case.dose))
    truths = tuple(o.truth_value for o in ordered)
    kept = tuple(o.facts.kept[0] for o in ordered)
    return DoseSeries(family, network, cut, truths, kept, correlation_of(truths, kept))


def correlation_of(truths: Sequence[float], kept: Sequence[float]) -> float | None:
    """Return Spearman's correlation of truth and kept; None where the truths are one dose.

    Neighbours in the order of the truth that differ by less than .02 share the mean of what they keep, so
    that chance does not order them.

    Example:
        >>> correlation_of([0.9, 0.5, 0.1], [0.8, 0.4, 0.2])
        1.0
    """
    order = sorted(range(len(truths)), key=lambda i: truths[i])
    groups: list[list[int]] = []
    for i in order:
        if groups and truths[i] - truths[groups[-1][0]] < _SAME:
            groups[-1].append(i)
        else:
            groups.append([i])
    if len(groups) < 2:
        return None
    means = [sum(kept[i] for i in group) / len(group) for group in groups]
    found = rank_correlation(range(len(groups)), means)
    return 0.0 if found is None else found
