"""The paper's stitch: a strided convolution down, a 1 x 1 convolution otherwise, with bias."""

from __future__ import annotations

from modelstitch.stitches.linear import Linear


class Affine(Linear):
    r"""An affine map of the channels of each (patch of) position(s).

    .. math:: y_{o,p} = b_o + \sum_{i,q} W_{o,i,q} \, x_{i, r p + q}, \quad q \in \{0..r-1\}^2

    ``W`` is (C_expected, C_provided, r, r) with r the ratio of the resolutions going down, 1 otherwise.

    Source: Hernandez et al. 2022, section 3.

    Example:
        >>> from modelstitch.specs import StitchSpec
        >>> Affine(StitchSpec(), (4, 8, 8), (6, 4, 4)).n_parameters
        102
    """
