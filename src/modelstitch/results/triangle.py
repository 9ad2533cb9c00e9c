"""The shape of a whole matrix: the paper's triangle, corresponding against distant layers, direction."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr

from modelstitch.results.matrix_facts import lower_triangle


@dataclass(frozen=True)
class MatrixShape:
    """The shape of a matrix as a whole.

    Attributes:
        triangle: share of the variance of the scores that :math:`j/J \\le i/I` alone explains, from 0 to 1.
        below, above: mean score inside and outside of the triangle.
        corresponding: mean score of cells whose relative depths differ by less than half a step.
        distant: mean score of cells whose relative depths differ by more than half of the depth.
        asymmetry: mean of score(i -> j) - score(j -> i) over i > j, where both networks have equally many
            cuts; above 0 where going to an earlier cut is easier.
    """

    triangle: float
    below: float
    above: float
    corresponding: float
    distant: float
    asymmetry: float


def shape(matrix: xr.DataArray) -> MatrixShape:
    """Return the shape of a matrix of scores; failed cells are left out, a part without cells is NaN.

    Example:
        >>> values = [[0.9, 0.1, 0.1], [0.9, 0.9, 0.1], [0.9, 0.9, 0.9]]
        >>> triangle = shape(xr.DataArray(values, dims=("sender_cut", "receiver_cut")))
        >>> round(triangle.triangle, 6), round(triangle.asymmetry, 6)
        (1.0, 0.8)
    """
    values = matrix.transpose("sender_cut", "receiver_cut").to_numpy()
    known = ~np.isnan(values)
    lower = lower_triangle(values.shape)
    rows, columns = values.shape
    return MatrixShape(
        triangle=_explained(values, lower, known),
        below=_mean(values, lower & known),
        above=_mean(values, ~lower & known),
        corresponding=_mean(values, corresponding(rows, columns) & known),
        distant=_mean(values, (_gap(rows, columns) > 0.5) & known),
        asymmetry=_asymmetry(values),
    )


def corresponding(rows: int, columns: int) -> np.ndarray:
    """Tell for each cell whether the relative depths of its cuts differ by at most half a step.

    Example:
        >>> corresponding(2, 3).astype(int).tolist()
        [[1, 0, 0], [0, 0, 1]]
    """
    return np.asarray(_gap(rows, columns) <= 0.5 / max(1, max(rows, columns) - 1))


def _gap(rows: int, columns: int) -> np.ndarray:
    """Return the difference (rows, columns) of the relative depths of both cuts of each cell."""
    i = np.arange(rows)[:, None] / max(1, rows - 1)
    j = np.arange(columns)[None, :] / max(1, columns - 1)
    return np.asarray(np.abs(i - j))


def _explained(values: np.ndarray, lower: np.ndarray, known: np.ndarray) -> float:
    total = float(((values[known] - values[known].mean()) ** 2).sum()) if known.any() else 0.0
    if total == 0:
        return math.nan
    left = sum(
        float(((values[part] - values[part].mean()) ** 2).sum())
        for part in (lower & known, ~lower & known)
        if part.any()
    )
    return 1 - left / total


def _mean(values: np.ndarray, part: np.ndarray) -> float:
    return float(values[part].mean()) if part.any() else math.nan


def _asymmetry(values: np.ndarray) -> float:
    rows, columns = values.shape
    if rows != columns or rows < 2:
        return math.nan
    below = np.tril_indices(rows, -1)
    differences = (values - values.T)[below]
    return float(np.nanmean(differences)) if not np.isnan(differences).all() else math.nan
