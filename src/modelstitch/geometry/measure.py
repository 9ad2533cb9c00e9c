"""All measures in one table, and several of them at once, each beside its null, its error and its warning."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Literal

import torch
from jaxtyping import Float, Float64, Num
from numpy.typing import ArrayLike
from torch import Tensor

from modelstitch.errors import GeometryError, expect_one_of
from modelstitch.geometry.cca import components, pwcca, svcca
from modelstitch.geometry.cka import cka
from modelstitch.geometry.information import mutual_information
from modelstitch.geometry.inputs import Array, Centred, centre, narrow, numbers, pair_as_given
from modelstitch.geometry.maps import Reading, as_rows
from modelstitch.geometry.neighbours import mutual_knn
from modelstitch.geometry.null import jackknife, permutation_null
from modelstitch.geometry.procrustes import procrustes_distance, procrustes_similarity
from modelstitch.geometry.regression import cosine, linear_r2
from modelstitch.geometry.rsa import rsa

STANDARD = ("cka", "procrustes_similarity", "mutual_knn", "linear_r2")
_ENOUGH = 10  # examples for each dimension, from which a measure that overfits is read without a warning
_GROUPS = 10

Better = Literal["higher", "lower"]


@dataclass(frozen=True)
class Measure:
    """One measure of similarity and what one must know to read it.

    Attributes:
        name: its name in :data:`MEASURES`.
        function: of x (N, D) and y (N, D'), with the defaults that the name stands for.
        range: lowest and highest value.
        better: whether more similar is higher or lower.
        source: where it was proposed.
        invariances: what may be done to one side, whichever, without a change: ``translation`` (one vector
            added to all rows), ``scaling`` (one positive factor), ``permutation`` of features,
            ``orthogonal`` (rotations; includes permutation), ``linear`` (any invertible map; includes both).
        symmetric: whether x and y may change places.
        least: fewest examples.
        dimensions: how many dimensions of a side it fits; it means little unless examples are many times
            more.
        counts_ranks: whether it counts directions against the rounding of the number type as given.
        folds: whether it divides rows into folds, and must be told which rows belong to one example.
    """

    name: str
    function: Callable[..., float]
    range: tuple[float, float]
    better: Better
    source: str
    invariances: tuple[str, ...]
    symmetric: bool = True
    least: int = 3
    dimensions: Callable[[Centred], int] | None = None
    counts_ranks: bool = False
    folds: bool = False


def _rank(side: Centred) -> int:
    return side.rank


_EUCLIDEAN = ("translation", "scaling", "permutation", "orthogonal")
_MEASURES = (
    Measure("cka", cka, (-1.0, 1.0), "higher", "Nguyen et al. 2021, arXiv 2010.15327", _EUCLIDEAN, least=4),
    Measure(
        "biased_cka",
        partial(cka, debiased=False),
        (0.0, 1.0),
        "higher",
        "Kornblith et al. 2019, arXiv 1905.00414",
        _EUCLIDEAN,
        least=2,
        dimensions=_rank,
    ),
    Measure(
        "procrustes_similarity",
        procrustes_similarity,
        (0.0, 1.0),
        "higher",
        "Williams et al. 2021, arXiv 2110.14739",
        _EUCLIDEAN,
        least=2,
    ),
    Measure(
        "procrustes_distance",
        procrustes_distance,
        (0.0, math.sqrt(2)),
        "lower",
        "Williams et al. 2021, arXiv 2110.14739; Ding et al. 2021, arXiv 2108.01661",
        _EUCLIDEAN,
        least=2,
    ),
    Measure(
        "rsa",
        rsa,
        (-1.0, 1.0),
        "higher",
        "Kriegeskorte et al. 2008, doi 10.3389/neuro.06.004.2008",
        _EUCLIDEAN,
    ),
    Measure(
        "rsa_correlation",
        partial(rsa, distance="correlation"),
        (-1.0, 1.0),
        "higher",
        "Kriegeskorte et al. 2008, doi 10.3389/neuro.06.004.2008",
        ("scaling", "permutation"),
    ),
    Measure(
        "mutual_knn",
        mutual_knn,
        (0.0, 1.0),
        "higher",
        "Huh et al. 2024, arXiv 2405.07987",
        ("scaling", "permutation", "orthogonal"),
        least=11,
    ),
    Measure(
        "mutual_knn_euclidean",
        partial(mutual_knn, distance="euclidean"),
        (0.0, 1.0),
        "higher",
        "Huh et al. 2024, arXiv 2405.07987, with another distance",
        _EUCLIDEAN,
        least=11,
    ),
    Measure(
        "linear_r2",
        linear_r2,
        (-math.inf, 1.0),
        "higher",
        "Yamins et al. 2014, doi 10.1073/pnas.1403112111; ridge by Golub et al. 1979",
        _EUCLIDEAN,
        symmetric=False,
        least=10,
        folds=True,
    ),
    Measure(
        "linear_r2_unridged",
        partial(linear_r2, ridge=0.0),
        (-math.inf, 1.0),
        "higher",
        "Yamins et al. 2014, doi 10.1073/pnas.1403112111",
        _EUCLIDEAN,
        symmetric=False,
        least=10,
        dimensions=_rank,
        folds=True,
    ),
    Measure(
        "svcca",
        svcca,
        (0.0, 1.0),
        "higher",
        "Raghu et al. 2017, arXiv 1706.05806",
        _EUCLIDEAN,
        dimensions=components,
        counts_ranks=True,
    ),
    Measure(
        "pwcca",
        pwcca,
        (0.0, 1.0),
        "higher",
        "Morcos et al. 2018, arXiv 1806.05759",
        ("translation", "scaling", "permutation"),
        symmetric=False,
        dimensions=_rank,
        counts_ranks=True,
    ),
    Measure(
        "mutual_information",
        mutual_information,
        (-math.inf, math.inf),
        "higher",
        "Kraskov et al. 2004, doi 10.1103/PhysRevE.69.066138",
        _EUCLIDEAN,
        least=5,
        counts_ranks=True,
    ),
    Measure(
        "cosine",
        cosine,
        (-1.0, 1.0),
        "higher",
        "none: the mean over examples of the cosine of two vectors",
        ("scaling",),
        least=1,
    ),
)
MEASURES = {measure.name: measure for measure in _MEASURES}


@dataclass(frozen=True)
class Measured:
    """One measure of one pair of representations, with all it takes to read it.

    Attributes:
        name: of the measure in :data:`MEASURES`.
        value: of the rows as given; nan where a side is constant.
        null_mean, null_sd: with the examples of y in random order; nan where no permutations were asked for.
        standard_error: over examples, by a jackknife in 10 groups; nan where they are too few.
        n: rows.
        p_x, p_y: features.
        rank_x, rank_y: dimensions in which the rows differ by more than rounding.
        reading: how the representations became rows.
        warning: why the value means little, in plain words; empty where nothing speaks against it.
    """

    name: str
    value: float
    null_mean: float
    null_sd: float
    standard_error: float
    n: int
    p_x: int
    p_y: int
    rank_x: int
    rank_y: int
    reading: str
    warning: str


def compare(
    x: Num[Tensor, "n ..."] | ArrayLike,
    y: Num[Tensor, "n ..."] | ArrayLike,
    names: Iterable[str] = STANDARD,
    *,
    reading: Reading = "flatten",
    layouts: tuple[str | None, str | None] = (None, None),
    null: int = 20,
    generator: torch.Generator,
) -> list[Measured]:
    """Measure x against y in several ways.

    Args:
        x, y: representations of the same examples, as for :func:`as_rows`; (N, D) are rows already.
        names: of measures in :data:`MEASURES`.
        reading: how representations become rows; it is recorded in what is returned. With ``positions``, all
            positions of an example are permuted, held out and left out together.
        layouts: of x and y, where :func:`as_rows` needs them.
        null: number of permutations for the null; 0 for none.
        generator: where the permutations come from; every measure sees the same ones.

    Returns:
        One :class:`Measured` a name, in order.

    Raises:
        GeometryError: an unknown name, not two sets of rows, fewer examples than a measure needs, shapes
            that differ for ``cosine``, ``null`` below 0.

    Example:
        >>> x = torch.randn(60, 8, generator=torch.Generator().manual_seed(0))
        >>> generator = torch.Generator().manual_seed(1)
        >>> measured = compare(x, x @ x.T[:8, :8], ["cka", "linear_r2"], generator=generator)
        >>> [(result.name, result.value > result.null_mean + 5 * result.null_sd) for result in measured]
        [('cka', True), ('linear_r2', True)]
    """
    chosen = []
    for name in names:
        expect_one_of("measure", name, MEASURES, GeometryError)
        chosen.append(MEASURES[name])
    if null < 0:
        raise GeometryError(f"expected 0 or more permutations, got {null}")
    rows = _rows(x, y, reading, layouts)
    seed = int(torch.randint(2**62, (1,), generator=generator, device=generator.device))
    return [_measured(measure, rows, reading, null, seed) for measure in chosen]


@dataclass(frozen=True, eq=False)
class _Rows:
    """Both sides as rows; ``short`` has the same inner products in at most N coordinates."""

    given: tuple[Float[Tensor, "n d"], Float[Tensor, "n e"]]
    centred: tuple[Centred, Centred]
    rows_per_example: int

    @cached_property
    def short(self) -> tuple[Float64[Tensor, "n d"], Float64[Tensor, "n e"]]:
        x, y = (narrow(rows.to(torch.float64)) for rows in self.given)
        return x, y


def _rows(x: Array, y: Array, reading: Reading, layouts: tuple[str | None, str | None]) -> _Rows:
    sides, examples = [], []
    for given, layout, name in zip((x, y), layouts, ("x", "y"), strict=True):
        representation = numbers(given, name)
        sides.append(as_rows(representation, reading, layout=layout))
        examples.append(len(representation))
    if examples[0] != examples[1]:
        raise GeometryError(f"expected as many examples in y as in x, got {examples[1]} and {examples[0]}")
    if len(sides[0]) != len(sides[1]):
        one, other = (len(side) // examples[0] for side in sides)
        raise GeometryError(f"expected as many positions in y as in x, got {other} and {one}")
    a, b = pair_as_given(sides[0], sides[1], 2, "a comparison")
    return _Rows((a, b), (centre(a), centre(b)), len(a) // examples[0])


def _measured(measure: Measure, rows: _Rows, reading: str, null: int, seed: int) -> Measured:
    (p_x, p_y), (rank_x, rank_y) = (
        (side.shape[1] for side in rows.given),
        (side.rank for side in rows.centred),
    )
    result = Measured(
        measure.name,
        math.nan,
        math.nan,
        math.nan,
        math.nan,
        len(rows.given[0]),
        p_x,
        p_y,
        rank_x,
        rank_y,
        reading,
        "",
    )
    constant = [name for name, side in zip(("x", "y"), rows.centred, strict=True) if side.constant]
    if constant:
        warning = f"{' and '.join(constant)} constant: all rows are equal, and no measure is defined"
        return replace(result, warning=warning)
    turned = "orthogonal" in measure.invariances and not measure.counts_ranks
    x, y = rows.short if turned else rows.given
    per_example = rows.rows_per_example
    function = partial(measure.function, rows_per_example=per_example) if measure.folds else measure.function
    result = replace(result, value=function(x, y))
    if null:
        order = torch.Generator().manual_seed(seed)
        chance = permutation_null(function, x, y, n=null, generator=order, rows_per_example=per_example)
        result = replace(result, null_mean=chance.mean, null_sd=chance.standard_deviation)
    warnings = [_thin(measure, rows.centred)]
    try:
        estimate = jackknife(function, x, y, _GROUPS, rows_per_example=per_example)
        result = replace(result, standard_error=estimate.standard_error)
    except GeometryError as complaint:
        warnings.append(f"no standard error: {complaint}")
    return replace(result, warning="; ".join(filter(None, warnings)))


def _thin(measure: Measure, sides: tuple[Centred, Centred]) -> str:
    """The warning where examples are not many times more than the dimensions that a measure fits."""
    if measure.dimensions is None:
        return ""
    n = len(sides[0].rows)
    counts = [measure.dimensions(side) for side in (sides[:1] if measure.folds else sides)]
    if n >= _ENOUGH * max(counts):
        return ""
    shown = " and ".join(f"{count:,} of {name}" for count, name in zip(counts, "xy", strict=False))
    return (
        f"{n:,} examples are not well above the dimensions ({shown}): {measure.name} then says more "
        f"of these numbers than of the representations; expected {_ENOUGH * max(counts):,} examples or more, "
        "or read it beside its null"
    )
