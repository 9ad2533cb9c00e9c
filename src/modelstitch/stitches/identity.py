"""The identity stitch: no parameters, legal only where the shapes agree."""

from __future__ import annotations

from torch import Tensor

from modelstitch.errors import StitchError
from modelstitch.specs import StitchSpec
from modelstitch.stitches.base import Stitch


class Identity(Stitch):
    """Hand the provided representation to the receiver as it is.

    Raises:
        StitchError: the two shapes differ.

    Example:
        >>> Identity(StitchSpec(family="identity"), (16, 8, 8), (16, 8, 8)).n_parameters
        0
    """

    def __init__(
        self, spec: StitchSpec, provided_shape: tuple[int, ...], expected_shape: tuple[int, ...]
    ) -> None:
        if provided_shape != expected_shape:
            raise StitchError(
                f"an identity stitch needs equal shapes, got {provided_shape} -> {expected_shape}; "
                "choose the family affine, or other cuts"
            )
        super().__init__(spec, provided_shape, expected_shape)

    def transform(self, x: Tensor) -> Tensor:
        return x
