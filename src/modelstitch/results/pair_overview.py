"""What a page says of many pairs, gathered in one pass: similarities, verdicts, accuracy gap and penalty."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from modelstitch.results.comparison import Comparison
from modelstitch.results.pair_similarity import SimilaritySquare
from modelstitch.results.triangle import corresponding, shape

if TYPE_CHECKING:
    from modelstitch.results.pairs import Comparisons

VALUES = ("kept", "score")


@dataclass(frozen=True)
class PairRow:
    """What is said of one pair.

    Attributes:
        sender, receiver: names.
        verdicts: number of cells by verdict, of the main stitch.
        gap: score of the whole receiver less that of the whole sender; None where either has none.
        penalty: mean over cells of corresponding depth; None where the receiver has no score.
        triangle: share of the variance of the scores that the paper's triangle explains; NaN without any.
        n_cells, n_failed: of all grids.
    """

    sender: str
    receiver: str
    verdicts: Mapping[str, int]
    gap: float | None
    penalty: float | None
    triangle: float
    n_cells: int
    n_failed: int


@dataclass(frozen=True)
class Overview:
    """What is said of many pairs.

    Attributes:
        data: their name.
        tables: similarities by value; those that some pair has.
        rows: one for each pair.
    """

    data: str
    tables: Mapping[str, xr.DataArray]
    rows: Sequence[PairRow]

    @property
    def points(self) -> list[tuple[float, float]]:
        """Gap and penalty of each pair of different models that has both."""
        return [
            (row.gap, row.penalty)
            for row in self.rows
            if row.sender != row.receiver and row.gap is not None and row.penalty is not None
        ]

    def gap_correlation(self) -> float:
        """Return the rank correlation of accuracy gap and penalty; NaN for fewer than three pairs."""
        return rank_correlation(*map(list, zip(*self.points, strict=True))) if self.points else math.nan


def overview(pairs: Comparisons, resamples: int = 1000) -> Overview:
    """Return what is said of many pairs; each is read once."""
    models = pairs.models
    squares: dict[str, SimilaritySquare] = {}
    rows, data = [], ""
    for pair, each in pairs.items():
        stitch = each.main_stitch
        for value in VALUES:
            if value not in squares:
                squares[value] = SimilaritySquare(
                    models, value, "diagonal", stitch=stitch, resamples=resamples
                )
            squares[value].add(pair, each)
        rows.append(pair_row(pair, each))
        data = data or each.data
    return Overview(
        data, {value: square.table() for value, square in squares.items() if not square.is_empty}, rows
    )


def pair_row(pair: tuple[str, str], each: Comparison) -> PairRow:
    """Return what is said of one pair."""
    stitch = each.main_stitch
    verdicts = Counter(verdict.name for verdict in each.cell_verdicts(stitch).values())
    sender, receiver = each.baseline("sender"), each.baseline("receiver")
    scores = each.matrix(stitch=stitch)
    diagonal = scores.to_numpy()[corresponding(*scores.shape)]
    known = diagonal[~np.isnan(diagonal)]
    return PairRow(
        *pair,
        verdicts=dict(verdicts.most_common()),
        gap=None if sender is None or receiver is None else receiver - sender,
        penalty=None if receiver is None or not len(known) else receiver - float(known.mean()),
        triangle=shape(scores).triangle,
        n_cells=len(each.cells),
        n_failed=len(each.failed),
    )


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Return Spearman's rank correlation; NaN for fewer than three values, or where all are alike.

    Source: Spearman 1904.

    Example:
        >>> round(rank_correlation([1, 2, 3, 4], [1, 4, 9, 16]), 6)
        1.0
    """
    from scipy.stats import rankdata

    if len(one) < 3 or len(set(one)) < 2 or len(set(other)) < 2:
        return math.nan
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])
