"""What a matrix of scores shows beside those of its controls, as typed facts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from modelstitch.specs import (
    TRAINED,
    label_only_controls,
    random_controls,
)


@dataclass(frozen=True)
class Means:
    """Mean scores of a matrix on both sides of its diagonal.

    Attributes:
        overall: over all cells; NaN without cells.
        lower: over cells whose receiver cut is no deeper than the sender cut; NaN without such cells.
        upper: over the other cells; NaN without such cells.
    """

    overall: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Lead:
    """The cell in which the trained pair is furthest ahead of the best random control."""

    sender_cut: str
    receiver_cut: str
    score: float
    best: float
    control: str


@dataclass(frozen=True)
class AgainstRandom:
    """The trained pair beside the random controls.

    Attributes:
        n_cells: cells with a score of the pair and of a control.
        n_reached: cells in which a control does as well, within sampling error.
        by_control: the same for each control.
        lead: the largest lead of the pair.
    """

    n_cells: int
    n_reached: int
    by_control: Mapping[str, int]
    lead: Lead

    @property
    def everywhere(self) -> bool:
        """Whether a random control does as well in every cell."""
        return self.n_reached == self.n_cells


@dataclass(frozen=True)
class AgainstLabels:
    """The trained pair beside the label-only senders: all cells, and cells in which one does as well."""

    controls: tuple[str, ...]
    n_cells: int
    n_reached: int


def margin(n_heldout: int, score: float) -> float:
    r"""Return the difference of two scores that held-out sampling alone explains, at two standard errors.

    .. math:: \max\bigl(2 \sqrt{2\, p (1 - p) / n},\, 4 / n\bigr)

    The formula is for independent examples. Both scores are of the same examples, so it is too wide. Where
    all answers are right, another score may still miss some: Wilson's interval reaches about 4 / n down then.

    Example:
        >>> round(margin(599, 0.95), 3)
        0.025
    """
    return max(2 * math.sqrt(2 * score * (1 - score) / n_heldout), 4 / n_heldout)


def lower_triangle(shape: tuple[int, int]) -> np.ndarray:
    """Return for each cell whether the receiver cut is no deeper than the sender cut: j / J <= i / I.

    Source: Hernandez et al. 2022, section 4.

    Example:
        >>> lower_triangle((2, 3)).astype(int).tolist()
        [[1, 0, 0], [1, 1, 1]]
    """
    rows, columns = shape
    i = np.arange(rows)[:, None] / max(1, rows - 1)
    j = np.arange(columns)[None, :] / max(1, columns - 1)
    return np.asarray(j <= i + 1e-9)


def means(real: xr.DataArray) -> Means:
    """Return the mean scores of a matrix, over all cells and on both sides of its diagonal."""
    values = real.to_numpy()
    lower, known = lower_triangle((values.shape[0], values.shape[1])), ~np.isnan(values)

    def mean(cells: np.ndarray) -> float:
        return float(values[cells].mean()) if cells.any() else math.nan

    return Means(overall=mean(known), lower=mean(lower & known), upper=mean(~lower & known))


def against_random(matrices: Mapping[str, xr.DataArray], n_heldout: int) -> AgainstRandom | None:
    """Return how the trained pair stands beside the random controls; None without a cell of both.

    Args:
        matrices: scores by control.
        n_heldout: number of held-out examples.
    """
    controls = _on_cells_of_the_pair(matrices, random_controls())
    if not controls:
        return None
    real = matrices[TRAINED]
    values, best = real.to_numpy(), _best_of(list(controls.values()))
    usable = ~np.isnan(values) & ~np.isnan(best)
    if not usable.any():
        return None
    gap = np.where(usable, values - best, -np.inf)
    row, column = (int(index) for index in np.unravel_index(int(gap.argmax()), gap.shape))
    names = list(controls)
    strongest = names[int(np.nanargmax([controls[name][row, column] for name in names]))]
    return AgainstRandom(
        n_cells=int(usable.sum()),
        n_reached=_n_reached(values, best, n_heldout),
        by_control={
            name: _n_reached(values, np.where(usable, controls[name], np.nan), n_heldout) for name in names
        },
        lead=Lead(
            sender_cut=str(real["sender_cut"].to_numpy()[row]),
            receiver_cut=str(real["receiver_cut"].to_numpy()[column]),
            score=float(values[row, column]),
            best=float(best[row, column]),
            control=strongest,
        ),
    )


def against_labels(matrices: Mapping[str, xr.DataArray], n_heldout: int) -> AgainstLabels | None:
    """Return how the trained pair stands beside the label-only senders; None without a cell of both.

    Args:
        matrices: scores by control.
        n_heldout: number of held-out examples.
    """
    controls = _on_cells_of_the_pair(matrices, label_only_controls())
    if not controls:
        return None
    values, best = matrices[TRAINED].to_numpy(), _best_of(list(controls.values()))
    n_cells = int((~np.isnan(values) & ~np.isnan(best)).sum())
    return AgainstLabels(tuple(controls), n_cells, _n_reached(values, best, n_heldout)) if n_cells else None


def _on_cells_of_the_pair(
    matrices: Mapping[str, xr.DataArray], names: Sequence[str]
) -> dict[str, np.ndarray]:
    """Return the matrices of some controls on the cells of the trained grid; NaN for a cell not run."""
    if TRAINED not in matrices:
        return {}
    real = matrices[TRAINED]
    return {name: matrices[name].reindex_like(real).to_numpy() for name in names if name in matrices}


def _best_of(controls: Sequence[np.ndarray]) -> np.ndarray:
    """Return the best of several matrices in each cell; NaN where all are NaN."""
    stacked = np.stack(controls)
    best = np.where(np.isnan(stacked), -np.inf, stacked).max(0)
    return np.where(np.isinf(best), np.nan, best)


def _n_reached(real: np.ndarray, control: np.ndarray, n_heldout: int) -> int:
    """Return in how many cells a control scores as well as the trained pair, within sampling error."""
    usable = ~np.isnan(real) & ~np.isnan(control)
    slack = np.asarray([margin(n_heldout, float(score)) for score in real[usable]])
    return int((control[usable] >= real[usable] - slack).sum())
