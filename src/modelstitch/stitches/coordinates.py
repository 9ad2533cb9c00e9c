"""Coordinates in which fitting a stitch is easy: its input white, its output in units of what is expected."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SHRINKAGE = 0.3
"""Share of the average variance added to every direction before whitening.

Directions that hardly vary are not blown up: that would fit noise. Of 1e-3, 0.01, 0.1, 0.3 and 1, the last three gave the
best held-out accuracy at equal steps (docs/measurements.md)."""


@dataclass(frozen=True)
class Coordinates:
    r"""An affine change of a stitch's input and output.

    .. math:: y = \mu_y + \sigma_y \odot g(A (x - \mu_x))

    where g is the stitch in these coordinates.

    Attributes:
        mean_in: mu_x, (F,).
        white: A, (F, F).
        colour: the inverse of A.
        mean_out: mu_y, (D,).
        scale_out: sigma_y, (D,).
    """

    mean_in: Tensor
    white: Tensor
    colour: Tensor
    mean_out: Tensor
    scale_out: Tensor

    def input_weight(self, weight: Tensor) -> Tensor:
        """Fold A into the first weight (O, ...) of a stitch, whose columns are F features in all."""
        return (weight.flatten(1) @ self.white).view_as(weight)

    def input_weight_back(self, weight: Tensor) -> Tensor:
        """Undo :meth:`input_weight`."""
        return (weight.flatten(1) @ self.colour).view_as(weight)

    def shift(self, weight: Tensor) -> Tensor:
        """Return what a folded weight (O, ...) makes of the mean input, (O,)."""
        return weight.flatten(1) @ self.mean_in

    def output_weight(self, weight: Tensor) -> Tensor:
        """Fold sigma_y into the last weight (D, ...)."""
        return weight * self.scale_out.view(-1, *[1] * (weight.ndim - 1))

    def output_weight_back(self, weight: Tensor) -> Tensor:
        """Undo :meth:`output_weight`."""
        return weight / self.scale_out.view(-1, *[1] * (weight.ndim - 1))


def whitening(spectrum: tuple[Tensor, Tensor], shrinkage: float = SHRINKAGE) -> tuple[Tensor, Tensor]:
    r"""Return the symmetric whitening matrix of a covariance, shrunk towards its average variance, and its inverse.

    .. math:: A = (C + s\, \bar\lambda I)^{-1/2}, \quad \bar\lambda = \mathrm{tr}\,C / F

    Args:
        spectrum: eigenvalues (F,), none below 0, and eigenvectors (F, F) of C; constant features are allowed.
        shrinkage: s.

    Returns:
        A and its inverse, (F, F) each.

    Example:
        >>> a, back = whitening((torch.tensor([4.0, 4.0]), torch.eye(2)), shrinkage=0.0)
        >>> a.diagonal().tolist(), back.diagonal().tolist()
        ([0.5, 0.5], [2.0, 2.0])
    """
    values, vectors = spectrum
    average = values.mean()
    floor = 1e-12 * average if average > 0 else torch.ones_like(average)
    shrunk = (values + shrinkage * average).clamp_min(floor)
    return (vectors * shrunk.rsqrt()) @ vectors.T, (vectors * shrunk.sqrt()) @ vectors.T


def output_scale(variance: Tensor) -> Tensor:
    """Return a scale for each expected channel: its standard deviation, never below a hundredth of the average.

    Where no channel varies, all scales are 1.

    Example:
        >>> [round(each, 3) for each in output_scale(torch.tensor([4.0, 0.0])).tolist()]
        [2.0, 0.01]
    """
    std = variance.clamp_min(0).sqrt()
    average = std.mean()
    return std.clamp_min(0.01 * average) if average > 0 else torch.ones_like(std)
