"""Can one representation be read off another by a linear map, and do two agree as they stand?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Float64, Int
from numpy.typing import ArrayLike
from torch import Tensor

from modelstitch.errors import GeometryError
from modelstitch.geometry.inputs import centred_pair, pair

FOLDS = 5
RIDGES = tuple(10 ** (quarter / 4) for quarter in range(-40, 9))
"""Ridges that generalised cross-validation may choose, as shares of the largest eigenvalue."""


def linear_r2(
    x: Float[Tensor, "n d"] | ArrayLike,
    y: Float[Tensor, "n e"] | ArrayLike,
    *,
    folds: int = FOLDS,
    ridge: float | Literal["gcv"] = "gcv",
    rows_per_example: int = 1,
) -> float:
    r"""The share of the variance of y that a linear map of x explains on examples it was not fitted to.

    .. math:: 1 - \frac{\sum_f \sum_{i \in f} \|y_i - \hat y_i^{(-f)}\|^2}
        {\sum_f \sum_{i \in f} \|y_i - \bar y^{(-f)}\|^2}

    The map of a fold f is fitted, and the mean taken, on the other folds. Example i is in fold i mod
    ``folds``; shuffle examples whose order repeats with that period. Where an example gave several rows
    (positions), all of them are in one fold.

    Args:
        x, y: (N, D) and (N, D'); x explains y.
        folds: number of folds.
        ridge: the penalty as a share of the largest eigenvalue of x' x of the training rows; ``gcv`` chooses
            one of :data:`RIDGES` by generalised cross-validation within the training rows; 0 is plain least
            squares, in which directions of x below about 1e-6 of the largest are left out.
        rows_per_example: how many rows in a row belong to one example.

    Returns:
        A number of at most 1; higher is better; 0 is no better than the mean, and below 0 is worse. Not
        symmetric. Invariant to translation, rotation and one scale of each side.

    Raises:
        GeometryError: not two sets of rows, fewer than two examples a fold, a constant side, illegal folds
            or ridge.

    Source: ridge regression, Hoerl & Kennard 1970; its choice, Golub, Heath & Wahba 1979; as a measure of
    similarity ("linear predictivity"), Yamins et al. 2014, and Kornblith et al. 2019, arXiv 1905.00414,
    in-sample.

    Example:
        >>> x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
        >>> round(linear_r2(x, x @ torch.ones(3, 2) + 4), 6)
        1.0
    """
    if folds < 2:
        raise GeometryError(f"expected at least 2 folds, got {folds}")
    if ridge != "gcv" and not (isinstance(ridge, int | float) and 0 <= ridge < float("inf")):
        raise GeometryError(f"expected a ridge of 0 or more, or 'gcv', got {ridge!r}")
    a, b = centred_pair(x, y, 2 * folds * rows_per_example, f"linear R2 in {folds} folds")
    fold = example_of_row(len(a.rows), rows_per_example).to(a.rows.device) % folds
    left, whole = 0.0, 0.0
    for index in range(folds):
        train, held = fold != index, fold == index
        fit = _Fit.of(a.rows[train], b.rows[train])
        chosen = fit.best_ridge() if ridge == "gcv" else float(ridge)
        target = b.rows[held] - fit.mean_y
        left += float((target - fit.predict(a.rows[held], chosen)).square().sum())
        whole += float(target.square().sum())
    return 1 - left / whole


def example_of_row(n: int, rows_per_example: int) -> Int[Tensor, " n"]:
    """The number of the example that each of n rows belongs to.

    Raises:
        GeometryError: the rows are not whole examples.
    """
    if rows_per_example < 1 or n % rows_per_example:
        raise GeometryError(f"expected rows in whole examples of {rows_per_example}, got {n} rows")
    return torch.arange(n) // rows_per_example


@dataclass(frozen=True, eq=False)
class _Fit:
    """Least squares in the eigenvectors of x' x, or of x x' where examples are fewer than features."""

    n: int
    mean_x: Float64[Tensor, " d"]
    mean_y: Float64[Tensor, " e"]
    read: Float64[Tensor, "d r"]  # centred x times it has uncorrelated columns
    values: Float64[Tensor, " r"]  # squared singular values of centred x
    inner: Float64[Tensor, "r e"]  # left singular vectors' products with centred y
    variance: float  # of y, a sum of squares

    @classmethod
    def of(cls, x: Float64[Tensor, "n d"], y: Float64[Tensor, "n e"]) -> _Fit:
        mean_x, mean_y = x.mean(0), y.mean(0)
        x, y = x - mean_x, y - mean_y
        wide = x.shape[1] > len(x)
        values, vectors = torch.linalg.eigh(x @ x.T if wide else x.T @ x)
        kept = resolved(values)
        values, vectors = values[kept], vectors[:, kept]
        left = vectors if wide else x @ vectors / values.sqrt()
        read = x.T @ vectors / values.sqrt() if wide else vectors
        return cls(len(x), mean_x, mean_y, read, values, left.T @ y, float(y.square().sum()))

    def predict(self, x: Float64[Tensor, "n d"], ridge: float) -> Float64[Tensor, "n e"]:
        """Centred y of rows x (n, D)."""
        if not len(self.values):
            return torch.zeros(len(x), len(self.mean_y)).to(x)
        shrunk = self.values.sqrt() / (self.values + ridge * self.values[-1])
        return (x - self.mean_x) @ self.read @ (shrunk[:, None] * self.inner)

    def best_ridge(self) -> float:
        return gcv_ridge(self.values, self.inner.square().sum(1), self.variance, self.n)


def resolved(values: Float64[Tensor, " r"]) -> Bool[Tensor, " r"]:
    """Which eigenvalues (rising) are more than rounding: to divide by the others would be noise."""
    return values > values[-1] * max(len(values), 100) * 10 * torch.finfo(values.dtype).eps


def gcv_ridge(values: Float64[Tensor, " r"], energy: Float64[Tensor, " r"], variance: float, n: int) -> float:
    """The ridge of :data:`RIDGES` with the least (squared residuals) / (n - degrees of freedom) squared.

    Args:
        values: eigenvalues of the training rows' x' x, or x x', above rounding, rising.
        energy: squares of centred y along each eigenvector over the examples, summed over features.
        variance: sum of squares of centred y.
        n: training examples.

    Source: generalised cross-validation, Golub, Heath & Wahba 1979.
    """
    spare = n - 1 - len(values)
    # Where x spans all training rows, nothing is outside, and what subtraction leaves would be rounding.
    outside = max(variance - float(energy.sum()), 0.0) if spare else 0.0

    if not len(values):
        return 0.0
    scores = []
    for ridge in RIDGES:
        lost = ridge * values[-1] / (values + ridge * values[-1])
        freedom = spare + float(lost.sum())
        scores.append((outside + float((energy * lost.square()).sum())) / freedom**2)
    return RIDGES[scores.index(min(scores))]


def cosine(x: Float[Tensor, "n d"] | ArrayLike, y: Float[Tensor, "n d"] | ArrayLike) -> float:
    r"""The mean cosine between the two representations of an example, feature by feature.

    .. math:: \frac{1}{N} \sum_i \frac{\langle x_i, y_i \rangle}{\|x_i\| \|y_i\|}

    Args:
        x, y: (N, D) both; the same feature must mean the same on both sides. Rows are not centred; a row of
            zeros has cosine 0.

    Returns:
        A number in [-1, 1]; higher is more similar. Symmetric. Invariant to the scale of a row, to nothing
        else that is done to one side alone.

    Raises:
        GeometryError: not two sets of rows, or shapes that differ.

    Example:
        >>> cosine([[1.0, 0.0], [0.0, 2.0]], [[3.0, 0.0], [1.0, 0.0]])
        0.5
    """
    a, b = pair(x, y, 1, "cosine")
    if a.shape != b.shape:
        raise GeometryError(
            f"expected as many features in y as in x for cosine, got {b.shape[1]} and {a.shape[1]}"
        )
    a, b = (rows / rows.abs().amax(1, keepdim=True).clamp_min(1e-300) for rows in (a, b))
    return float((F.normalize(a, dim=1) * F.normalize(b, dim=1)).sum(1).mean())
