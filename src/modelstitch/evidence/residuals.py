"""One representation of some held-out examples: class means, residuals, and Gram matrices of both.

A residual is a row less the mean of its class. Examples are kept class after class, so that a class is a
slice.
"""

from __future__ import annotations

from functools import cached_property

import torch
from jaxtyping import Float64
from torch import Tensor

from modelstitch.geometry.grams import Fold, Spectrum, folds, spectrum

_LEAST_OF_A_CLASS = 4
"""The unbiased HSIC needs four examples."""

_MOST = 500
"""Examples whose inner products across classes are ever asked for."""

_ROUNDING = 1e-10
"""Share of the mean square below which a variance is rounding of float32."""


class Rows:
    """Representations as rows, from which pairwise measures are computed.

    Products of float32 rows are taken once, of residuals; every sum over them is in float64.

    Args:
        x: representations (n, ...).
        labels: (n,).
        own: whether x may be overwritten, which saves a copy; labels must rise then.
    """

    # Outputs of a half that ran in inference mode may be written to in that mode alone.
    @torch.inference_mode()
    def __init__(self, x: Tensor, labels: Tensor, *, own: bool = False) -> None:
        rows = x.detach().flatten(1)
        order = labels.argsort(stable=True)
        if not torch.equal(labels[order], labels):
            rows, labels, own = rows[order], labels[order], True
        if rows.dtype != torch.float32:
            rows, own = rows.float(), True
        self.labels = labels
        self.counts = labels.unique(return_counts=True)[1]
        ends = self.counts.cumsum(0).tolist()
        self.slices = [slice(a, b) for a, b in zip([0, *ends[:-1]], ends, strict=True)]
        self.means = torch.stack([rows[part].mean(0) for part in self.slices])
        self.mean = (self.means * self.counts[:, None]).sum(0) / len(rows)
        self.residuals = rows if own else rows.clone()
        for part, mean in zip(self.slices, self.means, strict=True):
            self.residuals[part] -= mean
        self.large = [index for index, n in enumerate(self.counts.tolist()) if n >= _LEAST_OF_A_CLASS]
        self._first: dict[int, Tensor] = {}
        self._uncentred: dict[int, Tensor] = {}
        self._spectra: dict[int, Spectrum] = {}
        self._folds: dict[int, list[Fold]] = {}

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def members(self) -> list[Tensor]:
        """Numbers of the examples of each class that has at least four."""
        everything = torch.arange(len(self), device=self.labels.device)
        return [everything[self.slices[index]] for index in self.large]

    @cached_property
    def grams(self) -> list[Tensor]:
        """Inner products of residuals by class, in float64; 0 where all are equal up to rounding."""
        products = []
        for part, mean in zip(self.slices, self.means, strict=True):
            rows = self.residuals[part]
            gram = (rows @ rows.T).double()
            square = float(gram.trace()) + len(rows) * float(mean.double().square().sum())
            products.append(gram if float(gram.trace()) > _ROUNDING * square else torch.zeros_like(gram))
        return products

    @property
    def class_grams(self) -> list[Tensor]:
        """Those of the classes with at least four examples."""
        return [self.grams[index] for index in self.large]

    @cached_property
    def within(self) -> float:
        """Sum of squares of the residuals."""
        return sum(float(gram.trace()) for gram in self.grams)

    @cached_property
    def variance(self) -> float:
        """Sum of squares of the rows less their mean; zero where all are equal up to rounding."""
        weights = self.counts.double()
        between = float((weights * (self.means - self.mean).double().square().sum(1)).sum())
        square = self.within + float((weights * self.means.double().square().sum(1)).sum())
        return self.within + between if self.within + between > _ROUNDING * square else 0.0

    def first(self, n: int) -> Float64[Tensor, "m m"]:
        """Inner products of ``n`` rows (at most 500) drawn with a fixed seed, centred among themselves."""
        if n not in self._first:
            gram = self._drawn[0][:n, :n]
            means = gram.mean(0)
            self._first[n] = gram - means - means[:, None] + means.mean()
        return self._first[n]

    def uncentred(self, n: int) -> Float64[Tensor, "m m"]:
        """Inner products of the same rows as they are, not centred; zero where :meth:`first` is."""
        if n not in self._uncentred:
            # The mean joins in float64, after the products: a large one would cost the digits of float32.
            gram, across = self._drawn[0][:n, :n], self._drawn[1][:n]
            square = self.mean.double().square().sum() if self.variance > 0 else 0.0
            self._uncentred[n] = gram + across + across[:, None] + square
        return self._uncentred[n]

    @cached_property
    def _drawn(self) -> tuple[Float64[Tensor, "m m"], Float64[Tensor, " m"]]:
        """Inner products of at most 500 rows less their mean, and theirs with it; drawn with a fixed seed."""
        drawn = torch.randperm(len(self), generator=torch.Generator().manual_seed(0))[:_MOST]
        some = drawn.to(self.labels.device)
        of_class = torch.repeat_interleave(torch.arange(len(self.counts), device=some.device), self.counts)
        rows = self.residuals[some]
        rows += (self.means - self.mean)[of_class[some]]
        gram, across = (rows @ rows.T).double(), (rows @ self.mean).double()
        return (gram, across) if self.variance > 0 else (torch.zeros_like(gram), torch.zeros_like(across))

    def spectrum(self, n: int) -> Spectrum:
        """Eigenvalues and eigenvectors of :meth:`first`; computed once for each n."""
        if n not in self._spectra:
            self._spectra[n] = spectrum(self.first(n))
        return self._spectra[n]

    def folds(self, n: int) -> list[Fold]:
        """What a linear map from the rows of :meth:`first` needs; computed once for each n."""
        if n not in self._folds:
            self._folds[n] = folds(self.first(n))
        return self._folds[n]

    def raw(self, shape: tuple[int, ...]) -> Tensor:
        """Return the representations (n, *shape) again, class after class."""
        rows = self.residuals + torch.repeat_interleave(self.means, self.counts, 0)
        return rows.reshape(len(self), *shape)


def crosses(one: Rows, other: Rows) -> list[Tensor]:
    """Return inner products of the residuals of two representations of the same examples, by class."""
    return [(one.residuals[part] @ other.residuals[part].T).double() for part in one.slices]
