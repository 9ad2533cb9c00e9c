"""From a line on the truth to a line on a measure, by ranks; and the upper bound of a rate."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy import stats


def line_between(truths: Sequence[float], values: Sequence[float], line: float) -> float:
    """Return the value of a measure that has as many cases below it as a line has on the truth.

    It lies half-way between two neighbouring values. Ranks alone count, so that one case far off moves it
    by one rank and no more.

    Args:
        truths: of the cases.
        values: of the measure, in the same order.
        line: on the truth.

    Example:
        >>> line_between([0.0, 0.1, 0.9, 1.0], [3.0, 5.0, 9.0, 8.0], 0.8)
        6.5
    """
    below, ordered = sum(truth < line for truth in truths), sorted(values)
    if not ordered:
        return math.nan
    if below == 0 or below == len(ordered):
        return ordered[0] if below == 0 else math.nextafter(ordered[-1], math.inf)
    return (ordered[below - 1] + ordered[below]) / 2


def rank_correlation(values: Sequence[float], truths: Sequence[float]) -> float | None:
    """Return Spearman's correlation; None where one of the two is constant.

    Example:
        >>> rank_correlation([1.0, 5.0, 9.0], [0.1, 0.2, 0.3]), rank_correlation([1.0, 1.0], [0.1, 0.2])
        (1.0, None)
    """
    if len(set(values)) < 2 or len(set(truths)) < 2:
        return None
    return float(stats.spearmanr(values, truths).statistic)


def upper_bound(successes: int, n: int, level: float = 0.95) -> float:
    """Return the one-sided upper bound of a rate; 1 without cases.

    Source: Clopper & Pearson 1934.

    Example:
        >>> round(upper_bound(0, 300), 4)
        0.0099
    """
    if successes >= n:
        return 1.0
    return float(stats.beta.ppf(level, successes + 1, n - successes))
