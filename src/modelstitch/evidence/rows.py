"""One representation of some held-out examples, as centred rows and as residuals after class means, with their Gram matrices."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from modelstitch.evidence.grams import Spectrum, spectrum

_LEAST_OF_A_CLASS = 4
"""The unbiased HSIC needs four examples."""

_ROUNDING = 1e-10
"""Residuals whose share of the mean square is below this are the rounding of float32, not a difference between examples."""


class Rows:
    """Representations as rows, what pairwise measures are computed from.

    Products of float32 rows are taken once, after centring; every sum over them is in float64.

    Args:
        x: representations (n, ...).
        labels: (n,).
    """

    def __init__(self, x: Tensor, labels: Tensor) -> None:
        rows = x.detach().flatten(1).float()
        self.mean = rows.mean(0)
        self._square = float(rows.square().mean(dtype=torch.float64))
        self.centred = self._unless_constant(rows - self.mean)
        self.labels = labels
        self._first: dict[int, Tensor] = {}
        self._spectra: dict[int, Spectrum] = {}
        self.members = [
            found
            for label in labels.unique().tolist()
            if len(found := (labels == label).nonzero().flatten()) >= _LEAST_OF_A_CLASS
        ]

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def class_means(self) -> list[Tensor]:
        """Mean of the centred rows of each class."""
        return [self.centred[found].mean(0) for found in self.members]

    def residuals(self, index: int) -> Tensor:
        """Return the rows of one class less their mean, (n_class, D); exactly zero where all are equal up to rounding."""
        return self._unless_constant(self.centred[self.members[index]] - self.class_means[index])

    def _unless_constant(self, rows: Tensor) -> Tensor:
        constant = float(rows.square().mean(dtype=torch.float64)) <= _ROUNDING * self._square
        return torch.zeros_like(rows) if constant else rows

    @cached_property
    def variance(self) -> float:
        """Sum of squares of the centred rows."""
        return float(self.centred.square().sum(dtype=torch.float64))

    def first(self, n: int) -> Tensor:
        """Inner products of the first ``n`` rows, centred among themselves, in float64; computed once for each n."""
        if n not in self._first:
            rows = self.centred[:n]
            rows = rows - rows.mean(0)
            self._first[n] = (rows @ rows.T).double()
        return self._first[n]

    def spectrum(self, n: int) -> Spectrum:
        """Eigenvalues and eigenvectors of :meth:`first`; computed once for each n."""
        if n not in self._spectra:
            self._spectra[n] = spectrum(self.first(n))
        return self._spectra[n]

    @cached_property
    def class_grams(self) -> list[Tensor]:
        """Inner products of residuals, (n_class, n_class) in float64 for each class."""
        return [(r @ r.T).double() for r in map(self.residuals, range(len(self.members)))]


def class_crosses(one: Rows, other: Rows) -> list[Tensor]:
    """Return inner products of the residuals of two representations of the same examples, (n_class, n_class) for each class."""
    return [(one.residuals(index) @ other.residuals(index).T).double() for index in range(len(one.members))]
