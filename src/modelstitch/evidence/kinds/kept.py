"""What a linear reader recovers of the receiver's variance within classes from the stitched network."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from modelstitch.evidence.material import Definition, Material, Measurement, Residuals
from modelstitch.geometry.intervals import mean_interval
from modelstitch.geometry.recovery import fit_reader, orders_within, permuted_products

NAME = "kept"

ORDERS = 500
"""The order as it is, and 499 permutations."""

DEFINITIONS = {
    "recovered": Definition(
        "share of the expected variance within classes that a ridge reader recovers from the stitched "
        "representation; one linear map of the features for all positions, fitted to 2,000 training examples",
        "at most 1, 0 if nothing comes across",
        "higher",
        "Yamins et al. 2014, linear predictivity; here of residuals after class means",
        within=True,
    ),
    "more_than_label": Definition(
        "p-value of the products of recovered and expected residuals, among 499 permutations of the examples "
        "within their classes; each place counts alike",
        "0 to 1",
        "lower",
        "permutation test",
        within=True,
    ),
}


def measure(material: Material) -> list[Measurement]:
    """Fit a reader at every place, and measure what it recovers of held-out examples."""
    return of_residuals(material.residuals)


def of_residuals(residuals: Sequence[Residuals]) -> list[Measurement]:
    """Return the measurements from the residuals at every place."""
    measurements, statistics = [], []
    orders = orders_within(residuals[0].labels, ORDERS)
    for at in residuals:
        share, read = recovered(at)
        measurements.append(share)
        if share.parts is not None:
            products = permuted_products(read, at.y, at.labels, orders)
            statistics.append((products - products.mean()) / products.std().clamp_min(1e-30))
    return [*measurements, _more_than_label(statistics, len(orders[0]))]


def recovered(at: Residuals) -> tuple[Measurement, Tensor]:
    """Return the share that is recovered at one place, and what the reader makes of the held-out examples.

    What is left is added up over the positions of one example: examples are independent, positions are not.
    """
    n = len(at.labels)
    nothing = Measurement(kind=NAME, name="recovered", where=at.place, value=math.nan, n=n)
    square = _by_example(at.y, at.examples)
    finite = all(_is_finite(rows) for rows in (at.x_train, at.y_train, at.x, at.y))
    if not (bool(square.any()) and finite and bool(at.y_train.any())):
        return nothing, at.y
    read = fit_reader(at.x_train, at.y_train).read(at.x)
    errors = _by_example(at.y - read, at.examples) / square.mean()
    ratio = float(errors.mean())
    # A ratio of two means over the examples: its error is that of its linear part.
    linear = errors - ratio * (square / square.mean() - 1)
    _, low, high = mean_interval(1 - linear)
    share = Measurement(
        kind=NAME,
        name="recovered",
        where=at.place,
        value=1 - ratio,
        low=low,
        high=high,
        n=n,
        parts=errors.float().cpu(),
    )
    return share, read


def _is_finite(rows: Tensor) -> bool:
    # One pass without a mask; what is not a number is the least and the greatest of all.
    return not rows.numel() or all(bool(end.isfinite()) for end in rows.aminmax())


def _by_example(rows: Tensor, examples: Tensor) -> Tensor:
    """Return the sum of squares of each example, from rows (n, P, C) of its units."""
    number = examples.unique(return_inverse=True)[1]
    squares = rows.double().square().sum((1, 2))
    return squares.new_zeros(int(number.max()) + 1 if len(number) else 0).index_add_(0, number, squares)


def _more_than_label(statistics: list[Tensor], n: int) -> Measurement:
    if not statistics:
        return Measurement(kind=NAME, name="more_than_label", where="all", value=math.nan, n=n)
    mean = torch.stack(statistics).mean(0)
    return Measurement(
        kind=NAME,
        name="more_than_label",
        where="all",
        value=float((mean >= mean[0]).double().mean()),
        n=n,
        parts=mean.float().cpu(),
    )
