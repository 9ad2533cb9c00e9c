"""The difference of two networks' scores on the same examples, with an interval that is never of width 0."""

from __future__ import annotations

import math
import statistics

from torch import Tensor

from modelstitch.errors import SpecError
from modelstitch.geometry.intervals import ValueWithInterval


def paired(one: Tensor, other: Tensor, level: float = 0.95) -> ValueWithInterval:
    r"""Return the mean of ``one - other`` over the same examples, and its interval.

    .. math:: \tilde d \pm z \sqrt{\widetilde{\mathrm{var}} / (n + 2)}

    with one difference of +1 and one of -1 added to the n others, so that n equal answers leave a width.

    Args:
        one, other: (N,) scores of the same examples, from 0 to 1.
        level: share of intervals that hold the true difference.

    Raises:
        SpecError: fewer than two examples, or another number of them.

    Source: Agresti & Min 2005 (Statistics in Medicine 24), pseudo-frequencies for matched pairs; here one of
    each sign.

    Example:
        >>> import torch
        >>> right = torch.ones(98, dtype=torch.bool)
        >>> [round(value, 3) for value in paired(right, right)]
        [0.0, -0.028, 0.028]
    """
    if len(one) != len(other) or len(one) < 2:
        raise SpecError(f"expected two scores for each of several examples, got {len(one)} and {len(other)}")
    difference = one.double() - other.double()
    n = len(difference) + 2
    middle = float(difference.sum()) / n
    square = (float(difference.square().sum()) + 2) / n
    z = statistics.NormalDist().inv_cdf((1 + level) / 2)
    half = z * math.sqrt(max(0.0, square - middle * middle) / n)
    return float(difference.mean()), max(-1.0, middle - half), min(1.0, middle + half)
