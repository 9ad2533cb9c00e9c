"""Second moments of canonical features and targets, from one pass over the examples."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from modelstitch.geometry.products import sum_of_products


@dataclass(frozen=True, eq=False)
class Gram:
    """Centred second moments of features: ``n`` rows, ``mean`` (F,), ``covariance`` (F, F), in float64."""

    n: int
    mean: Tensor
    covariance: Tensor

    @cached_property
    def spectrum(self) -> tuple[Tensor, Tensor]:
        """Eigenvalues (F,), none below 0, and eigenvectors (F, F) of the covariance."""
        values, vectors = torch.linalg.eigh(self.covariance)
        return values.clamp_min(0), vectors


@dataclass(frozen=True)
class Cross:
    """Moments of targets: ``mean`` (D,), ``covariance`` (F, D) with the features, ``variance`` (D,)."""

    mean: Tensor
    covariance: Tensor
    variance: Tensor


@dataclass(frozen=True)
class Moments:
    """The sufficient statistics of least squares for one stitch: moments of the features, cross moments."""

    gram: Gram
    cross: Cross

    @property
    def finite(self) -> bool:
        """Whether all rows were finite numbers: one that is not spoils every moment that it enters."""
        cross = (self.cross.mean, self.cross.covariance)
        return all(bool(part.isfinite().all()) for part in (self.gram.covariance, *cross))


class Accumulator:
    r"""Sums moments of features and targets, batch by batch.

    .. math:: C_{xy} = \frac{1}{n} \sum_i (x_i - \bar x)(y_i - \bar y)^\top

    Rows are centred on the means of the first batch before products are taken, so that a large offset costs
    no digits. Products have the rows' own precision (at least float32), sums over blocks of rows and over
    batches float64.

    Args:
        pairs: names of features and of targets whose cross moments to gather.
        known: moments of features over the same rows that were gathered before; they are not gathered again.
    """

    def __init__(
        self, pairs: Iterable[tuple[Hashable, Hashable]], known: Mapping[Hashable, Gram] | None = None
    ) -> None:
        self._pairs = tuple(dict.fromkeys(pairs))
        self._known = dict(known or {})
        self._rows: dict[Hashable, int] = {}
        self._shift: dict[tuple[str, Hashable], Tensor] = {}
        self._sum: dict[tuple[str, Hashable], Tensor] = {}
        self._square: dict[Hashable, Tensor] = {}
        self._product: dict[tuple[Hashable, Hashable], Tensor] = {}
        self._variance: dict[Hashable, Tensor] = {}

    def add(self, features: Mapping[Hashable, Tensor], targets: Mapping[Hashable, Tensor]) -> None:
        """Add one batch: features (rows, F) and targets (rows, D) by name, with the same rows for a pair."""
        centred_x = {name: self._centre("x", name, x) for name, x in features.items()}
        centred_y = {name: self._centre("y", name, y) for name, y in targets.items()}
        for name, x in centred_x.items():
            self._rows[name] = self._rows.get(name, 0) + len(x)
            if name not in self._known:
                _add(self._square, name, sum_of_products(x, x))
        for name, y in centred_y.items():
            _add(self._variance, name, y.square().sum(0).double())
        for pair in self._pairs:
            _add(self._product, pair, sum_of_products(centred_x[pair[0]], centred_y[pair[1]]))

    def _centre(self, kind: str, name: Hashable, rows: Tensor) -> Tensor:
        rows = rows if rows.dtype == torch.float64 else rows.float()
        key = (kind, name)
        if key not in self._shift:
            self._shift[key] = rows.mean(0)
        rows = rows - self._shift[key]
        _add(self._sum, key, rows.sum(0).double())
        return rows

    def moments(self) -> dict[tuple[Hashable, Hashable], Moments]:
        """Return the moments of every pair; pairs of the same features share one Gram object."""
        offset = {}
        grams: dict[Hashable, Gram] = {}
        for name, n in self._rows.items():
            offset["x", name] = self._sum["x", name] / n
            if name in self._known:
                grams[name] = self._known[name]
                continue
            covariance = self._square[name] / n - torch.outer(offset["x", name], offset["x", name])
            grams[name] = Gram(n, self._shift["x", name].double() + offset["x", name], covariance)
        moments: dict[tuple[Hashable, Hashable], Moments] = {}
        for x, y in self._pairs:
            n = grams[x].n
            mean = self._sum["y", y] / n
            cross = Cross(
                self._shift["y", y].double() + mean,
                self._product[x, y] / n - torch.outer(offset["x", x], mean),
                (self._variance[y] / n - mean.square()).clamp_min(0),
            )
            moments[x, y] = Moments(grams[x], cross)
        return moments


def _add(sums: dict, name: Hashable, value: Tensor) -> None:  # type: ignore[type-arg]
    if name in sums:
        sums[name] += value
    else:
        sums[name] = value


def merge(one: Moments, other: Moments) -> Moments:
    r"""Return the moments of the union of two sets of rows.

    Example:
        >>> both = Accumulator([("x", "y")])
        >>> both.add({"x": torch.tensor([[0.0], [2.0]])}, {"y": torch.tensor([[1.0], [3.0]])})
        >>> (moments,) = both.moments().values()
        >>> merge(moments, moments).gram.covariance.item()
        1.0
    """
    n = one.gram.n + other.gram.n
    a, b = one.gram.n / n, other.gram.n / n
    dx, dy = other.gram.mean - one.gram.mean, other.cross.mean - one.cross.mean
    gram = Gram(
        n,
        one.gram.mean + b * dx,
        a * one.gram.covariance + b * other.gram.covariance + a * b * torch.outer(dx, dx),
    )
    cross = Cross(
        one.cross.mean + b * dy,
        a * one.cross.covariance + b * other.cross.covariance + a * b * torch.outer(dx, dy),
        a * one.cross.variance + b * other.cross.variance + a * b * dy.square(),
    )
    return Moments(gram, cross)


def of_rows(x: Tensor, y: Tensor) -> Moments:
    """Return the moments of features (n, F) and targets (n, D)."""
    accumulator = Accumulator([("x", "y")])
    accumulator.add({"x": x}, {"y": y})
    return accumulator.moments()["x", "y"]
