"""Coordinates that precondition a fit: whitened input, output channels of unit variance."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

SHRINKAGE = 0.3
"""Share of the average variance added to every direction before whitening.

It keeps directions of almost no variance from being blown up, which would fit noise. Of 1e-3, 0.01, 0.1, 0.3
and 1,
the last three had the best held-out accuracy at equal steps (docs/measurements.md)."""


@dataclass(frozen=True)
class Coordinates:
    r"""An affine change of a stitch's input and output.

    .. math:: y = \mu_y + \sigma_y \odot g(A (x - \mu_x))

    with g the stitch in these coordinates.

    Attributes:
        mean_in: mu_x.
        white: A.
        colour: the inverse of A.
        mean_out: mu_y.
        scale_out: sigma_y.
    """

    mean_in: Float[Tensor, " f"]
    white: Float[Tensor, "f f"]
    colour: Float[Tensor, "f f"]
    mean_out: Float[Tensor, " d"]
    scale_out: Float[Tensor, " d"]

    def input_weight(self, weight: Float[Tensor, " o *features"]) -> Float[Tensor, " o *features"]:
        """Fold A into the first weight of a stitch; ``features`` multiply to F."""
        return (weight.flatten(1) @ self.white).view_as(weight)

    def input_weight_back(self, weight: Float[Tensor, " o *features"]) -> Float[Tensor, " o *features"]:
        """Undo :meth:`input_weight`."""
        return (weight.flatten(1) @ self.colour).view_as(weight)

    def shift(self, weight: Float[Tensor, " o *features"]) -> Float[Tensor, " o"]:
        """Return the output of a folded weight for the mean input."""
        return weight.flatten(1) @ self.mean_in

    def output_weight(self, weight: Float[Tensor, " d *columns"]) -> Float[Tensor, " d *columns"]:
        """Fold sigma_y into the last weight of a stitch."""
        return weight * self.scale_out.view(-1, *[1] * (weight.ndim - 1))

    def output_weight_back(self, weight: Float[Tensor, " d *columns"]) -> Float[Tensor, " d *columns"]:
        """Undo :meth:`output_weight`."""
        return weight / self.scale_out.view(-1, *[1] * (weight.ndim - 1))


def whitening(
    spectrum: tuple[Float[Tensor, " f"], Float[Tensor, "f f"]], shrinkage: float = SHRINKAGE
) -> tuple[Float[Tensor, "f f"], Float[Tensor, "f f"]]:
    r"""Return the symmetric whitening matrix of a covariance shrunk to its average variance, and the inverse.

    .. math:: A = (C + s\, \bar\lambda I)^{-1/2}, \quad \bar\lambda = \mathrm{tr}\,C / F

    Args:
        spectrum: eigenvalues, none below 0, and eigenvectors of C; constant features are allowed.
        shrinkage: s.

    Returns:
        A and its inverse.

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


def output_scale(variance: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
    """Return the standard deviation of each expected channel, at least a hundredth of their average.

    All scales are 1 where no channel varies.

    Example:
        >>> [round(scale, 3) for scale in output_scale(torch.tensor([4.0, 0.0])).tolist()]
        [2.0, 0.01]
    """
    std = variance.clamp_min(0).sqrt()
    average = std.mean()
    return std.clamp_min(0.01 * average) if average > 0 else torch.ones_like(std)
