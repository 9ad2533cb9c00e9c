"""The orthogonal stitch: a rotation of the channels with one common scale, which cannot select channels."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from modelstitch.cutting.layouts import Shaped
from modelstitch.errors import StitchError
from modelstitch.specs import StitchSpec
from modelstitch.stitches.coordinates import Coordinates
from modelstitch.stitches.fittable import Values
from modelstitch.stitches.linear import Linear


def polar(weight: Float[Tensor, " o *features"]) -> Float[Tensor, " o *features"]:
    r"""Return the nearest matrix whose singular values are equal.

    .. math:: \bar s\, U V^\top \text{ for } U S V^\top

    Args:
        weight: read as a matrix of O rows.

    Example:
        >>> polar(torch.diag(torch.tensor([1.0, 3.0]))).tolist()
        [[2.0, 0.0], [0.0, 2.0]]
    """
    u, s, v = torch.linalg.svd(weight.flatten(1), full_matrices=False)
    nearest: Tensor = s.mean() * (u @ v)
    return nearest.view_as(weight)


class Orthogonal(Linear):
    r"""A (semi-)orthogonal map of the features of each patch, with one scale and an offset for each channel.

    .. math:: y_p = b + s \, Q \, x_p, \quad Q Q^\top = I \text{ or } Q^\top Q = I

    Q has orthonormal rows where there are more features than expected channels, orthonormal columns
    otherwise. ``weight`` holds s Q, a plain convolution.

    Source: Procrustes with a scale, Schoenemann & Carroll 1970.

    Example:
        >>> Orthogonal(StitchSpec(family="orthogonal"), (4, 8, 8), (4, 8, 8)).n_parameters
        11
    """

    def __init__(self, spec: StitchSpec, provided_layout: Shaped, expected_layout: Shaped) -> None:
        if spec.norm != "none":
            raise StitchError("an orthogonal stitch has no batch norms, which would change what it preserves")
        super().__init__(spec, provided_layout, expected_layout)

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the nearest semi-orthogonal matrix of a normal one; the offset is 0."""
        normal = torch.randn(self.weight.shape, generator=generator)
        self.weight.data = polar(normal)
        self.weight.data /= torch.linalg.matrix_norm(self.weight.data.flatten(1), 2)
        assert self.bias is not None
        self.bias.data = torch.zeros_like(self.bias)

    @property
    def n_parameters(self) -> int:
        """Degrees of freedom of a semi-orthogonal matrix, plus the scale and the offsets."""
        rows, columns = sorted((self.expected[0], self.n_features))
        return rows * columns - rows * (rows + 1) // 2 + 1 + self.expected[0]

    def to_plain(self, values: Values, coordinates: Coordinates) -> Values:
        # Whitening would break the constraint, so only the means and one common scale change.
        weight = values["weight"] * _common(coordinates)
        bias = coordinates.mean_out + coordinates.output_weight(values["bias"]) - coordinates.shift(weight)
        return {"weight": weight, "bias": bias}

    def from_plain(self, values: Values, coordinates: Coordinates) -> Values:
        weight = values["weight"]
        offset = values["bias"] - coordinates.mean_out + coordinates.shift(weight)
        return {
            "weight": weight / _common(coordinates),
            "bias": coordinates.output_weight_back(offset),
        }

    def random_start(self, generator: torch.Generator) -> Values:
        weight = polar(torch.randn(self.weight.shape, generator=generator))
        weight /= torch.linalg.matrix_norm(weight.flatten(1), 2)
        assert self.bias is not None
        return {"weight": weight, "bias": torch.zeros_like(self.bias)}

    def project(self, values: Values) -> Values:
        return {**values, "weight": polar(values["weight"])}


def _common(coordinates: Coordinates) -> Tensor:
    white = coordinates.white.diagonal().mean()
    return coordinates.scale_out.mean() * white
