"""Two representations of the same examples, compared whole and within classes; a product is computed once."""

from __future__ import annotations

import math
from functools import cached_property

from torch import Tensor

from modelstitch.evidence.residuals import Rows, crosses
from modelstitch.geometry import grams
from modelstitch.geometry.intervals import GROUPS, ValueWithInterval, jackknife_interval, wilson

EXAMPLES = 500
"""Examples on which measures across classes are taken, at most."""


class Pairing:
    """A representation (usually stitched) beside another (usually expected).

    Args:
        one, other: rows of the same examples.
    """

    def __init__(self, one: Rows, other: Rows) -> None:
        self.one, self.other = one, other

    @cached_property
    def crosses(self) -> list[Tensor]:
        """Inner products of the residuals of both, for every class."""
        return crosses(self.one, self.other)

    def within_cka(self) -> ValueWithInterval:
        """Debiased linear CKA within classes."""
        one, other = self.one.class_grams, self.other.class_grams
        return jackknife_interval(grams.within_cka(one, other, self.one.members, GROUPS))

    def retrieved(self) -> Tensor:
        """Whether the nearest row of the other, in its class, is that of the same example, (n,)."""
        large = [self.crosses[index] for index in self.one.large]
        return grams.retrieval(large, self.one.class_grams, self.other.class_grams)

    def retrieval(self) -> ValueWithInterval:
        """Share of examples retrieved within their class."""
        hits = self.retrieved()
        if not len(hits):
            return math.nan, math.nan, math.nan
        n_hits = int(hits.sum())
        return (n_hits / len(hits), *wilson(n_hits, len(hits)))

    @property
    def retrieval_chance(self) -> float:
        """Share that a guess retrieves: one example of each class."""
        sizes = [len(members) for members in self.one.members]
        return len(sizes) / sum(sizes) if sizes else math.nan

    def cka(self) -> ValueWithInterval:
        """Debiased linear CKA of 500 examples."""
        return jackknife_interval(grams.cka(self.one.first(EXAMPLES), self.other.first(EXAMPLES), GROUPS))

    def error(self) -> float:
        """Mean squared error between the two over the other's variance; offsets of the mean count."""
        return _share(self.apart(), self.other.variance)

    def apart(self) -> float:
        """Sum of squares of the difference."""
        offsets = (self.one.means - self.other.means).double().square().sum(1)
        return self._apart + float((self.one.counts * offsets).sum())

    def within_error(self) -> float:
        """Mean squared error of the residuals over the other's variance within classes."""
        return _share(self._apart, self.other.within)

    @cached_property
    def _apart(self) -> float:
        """Sum of squares of the difference of residuals."""
        joint = sum(float(cross.trace()) for cross in self.crosses)
        return max(0.0, self.one.within + self.other.within - 2 * joint)


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.nan
