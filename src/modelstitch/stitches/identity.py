"""The identity stitch: no parameters, legal only for equal layouts."""

from __future__ import annotations

from torch import Tensor

from modelstitch.cutting.layouts import Shaped, as_layout
from modelstitch.errors import StitchError
from modelstitch.specs import StitchSpec
from modelstitch.stitches.base import Stitch


class Identity(Stitch):
    """Pass the provided representation to the receiver unchanged.

    Raises:
        StitchError: the two layouts differ.

    Example:
        >>> Identity(StitchSpec(family="identity"), (16, 8, 8), (16, 8, 8)).n_parameters
        0
    """

    def __init__(self, spec: StitchSpec, provided_layout: Shaped, expected_layout: Shaped) -> None:
        provided, expected = as_layout(provided_layout), as_layout(expected_layout)
        if provided != expected:
            same = provided.shape == expected.shape
            raise StitchError(
                "an identity stitch needs equal shapes, got "
                + (f"layout {provided} -> {expected}" if same else f"{provided.shape} -> {expected.shape}")
                + "; choose the family affine, or other cuts"
            )
        super().__init__(spec, provided_layout, expected_layout)

    def transform(self, x: Tensor) -> Tensor:
        return x
