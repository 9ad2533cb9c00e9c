"""A convolution that sees beyond its patch: the affine stitch with a larger kernel."""

from __future__ import annotations

from modelstitch.stitches.bridges import AxisSizes
from modelstitch.stitches.linear import Linear


class Conv(Linear):
    r"""A k x k convolution; going down by r, a kernel of the r x r patch and (k - 1) / 2 positions around it.

    .. math:: y_{o,p} = b_o + \sum_{i,q} W_{o,i,q} \, x_{i, r p + q},
        \quad q \in \{-m..r-1+m\}^2, \; m = (k - 1) / 2

    The map is zero-padded. With zero weights outside the patch it is an affine stitch, so ``affine`` lies
    within it.

    Example:
        >>> from modelstitch.specs import StitchSpec
        >>> tuple(Conv(StitchSpec(family="conv", size=3), (4, 8, 8), (6, 4, 4)).weight.shape)
        (6, 4, 4, 4)
    """

    @property
    def reach(self) -> AxisSizes:
        assert self.spec.size is not None
        beyond = (self.spec.size - 1) // 2
        # Along an axis of one position a kernel would see zeros alone.
        return tuple(beyond if had > 1 else 0 for had in self.provided[1:])
