"""Fit an affine stitch in standardised coordinates, and fold them back into plain weights."""

from __future__ import annotations

from torch import Tensor

from modelstitch.fitting.moments import ChannelMoments


def fold(
    weight: Tensor, bias: Tensor, provided: ChannelMoments, expected: ChannelMoments
) -> tuple[Tensor, Tensor]:
    r"""Turn weights between standardised channels into weights between the channels themselves.

    .. math::
        y = \mu_e + \sigma_e \left(W \frac{x - \mu_p}{\sigma_p} + b\right)
          = W' x + b', \quad
        W'_{o,i} = \sigma_{e,o} W_{o,i} / \sigma_{p,i}, \quad
        b'_o = \mu_{e,o} + \sigma_{e,o} b_o - \sum_{i,q} W'_{o,i,q}\, \mu_{p,i}

    Differentiable, so that the optimiser can work on ``weight`` and ``bias`` while the network sees the folded ones.

    Args:
        weight: (C_expected, C_provided, kh, kw).
        bias: (C_expected,).
        provided, expected: moments of the two representations.

    Returns:
        The folded weight and bias, of the same shapes.
    """
    folded = weight * expected.std[:, None, None, None] / provided.std[None, :, None, None]
    offset = (folded.sum((2, 3)) * provided.mean).sum(1)
    return folded, expected.mean + expected.std * bias - offset
