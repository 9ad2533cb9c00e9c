"""Average pooling down to the expected resolution, then a 1 x 1 convolution: parameters do not grow with the ratio."""

from __future__ import annotations

from typing import ClassVar, Literal

from modelstitch.stitches.linear import Linear


class Pooled(Linear):
    r"""An affine map of the channels after average pooling.

    .. math:: y_{o,p} = b_o + \sum_i W_{o,i} \, \frac{1}{r^2} \sum_q x_{i, r p + q}

    An affine stitch whose r x r weights are all equal, so it lies within ``affine``; the two are the same where the
    resolution does not go down.

    Example:
        >>> from modelstitch.specs import StitchSpec
        >>> Pooled(StitchSpec(family="pooled"), (4, 8, 8), (6, 4, 4)).n_parameters
        30
    """

    down: ClassVar[Literal["stride", "pool"]] = "pool"
