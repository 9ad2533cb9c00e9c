"""What a measure says of rows that do not belong together, and how far it would move with other examples."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from jaxtyping import Float
from numpy.typing import ArrayLike
from torch import Tensor

from modelstitch.errors import GeometryError
from modelstitch.geometry.inputs import pair_as_given
from modelstitch.geometry.intervals import standard_error
from modelstitch.geometry.regression import example_of_row

MeasureFunction: TypeAlias = Callable[[Tensor, Tensor], float]


@dataclass(frozen=True)
class Null:
    """A measure beside its own chance level.

    Attributes:
        value: of the rows as they were given.
        mean, standard_deviation: of ``n`` permutations; the deviation is nan for fewer than 2.
        minimum, maximum: the extremes of the permutations. A value beyond all n of them has p = 1 / (n + 1).
        n: number of permutations.
    """

    value: float
    mean: float
    standard_deviation: float
    minimum: float
    maximum: float
    n: int


@dataclass(frozen=True)
class Estimate:
    """A measure and its standard error over examples."""

    value: float
    standard_error: float


def permutation_null(
    measure: MeasureFunction,
    x: Float[Tensor, "n d"] | ArrayLike,
    y: Float[Tensor, "n e"] | ArrayLike,
    *,
    n: int = 20,
    generator: torch.Generator,
    rows_per_example: int = 1,
) -> Null:
    """Measure x against y, and against y with its examples in random order.

    The permuted y has all that y has, its spectrum and its clusters, except that its examples are others:
    whatever a measure says there owes nothing to the examples that x and y have in common.

    Args:
        measure: a function of (N, D) and (N, D').
        x, y: rows.
        n: number of permutations.
        generator: where the orders come from.
        rows_per_example: how many rows in a row belong to one example; they stay together and in order.

    Raises:
        GeometryError: not two sets of rows, n below 1, and what ``measure`` raises.

    Example:
        >>> from modelstitch.geometry.cka import cka
        >>> x = torch.randn(50, 5, generator=torch.Generator().manual_seed(0))
        >>> null = permutation_null(cka, x, x, generator=torch.Generator().manual_seed(1))
        >>> round(null.value, 6), null.maximum < 0.2
        (1.0, True)
    """
    if n < 1:
        raise GeometryError(f"expected at least 1 permutation, got {n}")
    a, b = pair_as_given(x, y, 2, "a permutation")
    examples = int(example_of_row(len(a), rows_per_example)[-1]) + 1
    value = measure(a, b)
    values = []
    for _ in range(n):
        order = torch.randperm(examples, generator=generator, device=generator.device)
        rows = order[:, None] * rows_per_example + torch.arange(rows_per_example, device=order.device)
        values.append(measure(a, b[rows.flatten().to(b.device)]))
    deviation = statistics.stdev(values) if n > 1 else math.nan
    return Null(value, statistics.fmean(values), deviation, min(values), max(values), n)


def jackknife(
    measure: MeasureFunction,
    x: Float[Tensor, "n d"] | ArrayLike,
    y: Float[Tensor, "n e"] | ArrayLike,
    groups: int = 10,
    *,
    rows_per_example: int = 1,
) -> Estimate:
    r"""The standard error of a measure over examples, by leaving out one group of them after the other.

    .. math:: \sqrt{\frac{G - 1}{G} \sum_g (\theta_{(-g)} - \bar\theta)^2}

    :math:`\theta_{(-g)}` is the measure without group g, and :math:`\bar\theta` their mean. Example i is in
    group i mod G. No row is ever there twice, as in a bootstrap: copies are nearest neighbours and perfect
    matches of each other, and push mutual kNN and CKA up.

    Args:
        measure: a function of (N, D) and (N, D').
        x, y: rows; examples must be independent draws.
        groups: G; the standard error itself is known to about 1 in the root of 2 (G - 1).
        rows_per_example: how many rows in a row belong to one example; they are left out together.

    Raises:
        GeometryError: not two sets of rows, fewer than 2 groups or more groups than examples, and what
            ``measure`` raises.

    Source: delete-a-group jackknife, Kott 2001 (Journal of Official Statistics 17); Shao & Tu 1995, chapter
    2.

    Example:
        >>> x = torch.tensor([[1.0], [4.0], [2.0], [9.0]])
        >>> estimate = jackknife(lambda x, y: float((x - y).mean()), x, torch.zeros(4, 1), groups=4)
        >>> estimate.value, round(estimate.standard_error, 6) == round(float(x.std()) / 4**0.5, 6)
        (4.0, True)
    """
    a, b = pair_as_given(x, y, 2, "a jackknife")
    example = example_of_row(len(a), rows_per_example).to(a.device)
    if not 2 <= groups <= int(example[-1]) + 1:
        raise GeometryError(
            f"expected from 2 groups to one an example, {int(example[-1]) + 1:,}, got {groups}"
        )
    value = measure(a, b)
    left = [measure(a[kept], b[kept]) for kept in (example % groups != group for group in range(groups))]
    return Estimate(value, standard_error(left))
