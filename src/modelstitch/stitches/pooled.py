"""The pooled stitch: average pooling to the expected resolution, then a 1 x 1 convolution."""

from __future__ import annotations

from typing import ClassVar, Literal

from modelstitch.stitches.linear import Linear


class Pooled(Linear):
    r"""An affine map of the channels after average pooling.

    .. math:: y_{o,p} = b_o + \sum_i W_{o,i} \, \frac{1}{r^2} \sum_q x_{i, r p + q}

    An affine stitch with equal weights within each r x r patch, so it lies within ``affine``; the same as
    ``affine`` where the resolution does not go down. The number of parameters does not grow with r.

    Example:
        >>> from modelstitch.specs import StitchSpec
        >>> Pooled(StitchSpec(family="pooled"), (4, 8, 8), (6, 4, 4)).n_parameters
        30
    """

    down: ClassVar[Literal["stride", "pool"]] = "pool"
