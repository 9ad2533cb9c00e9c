"""Provided against expected representation, without a stitch: what similarity measures alone would say."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import torch
from torch import Tensor

from modelstitch.evidence.material import LEAST, Definition, Material, Measurement
from modelstitch.evidence.pairing import EXAMPLES, Pairing
from modelstitch.evidence.residuals import Rows
from modelstitch.geometry import grams

NAME = "geometry"

PERMUTATIONS, FEW_PERMUTATIONS = 3, 1
_NEIGHBOURS = 10
DEFINITIONS = {
    "cka": Definition(
        "debiased linear CKA, 500 examples",
        "at most 1, about 0 if unrelated",
        "higher",
        "Nguyen et al. 2021",
    ),
    "within_cka": Definition(
        "the same within classes", "at most 1", "higher", "Nguyen et al. 2021", within=True
    ),
    "procrustes": Definition(
        "largest cosine after a rotation, 500 examples",
        "0 to 1",
        "higher",
        "Williams et al. 2021",
    ),
    "mutual_knn": Definition(
        "mean share of common nearest neighbours by cosine, 10 of 500 examples; ties share their places",
        "0 to 1",
        "higher",
        "Huh et al. 2024",
        least=_NEIGHBOURS + 1,
    ),
    "linear_r2": Definition(
        "share of the expected variance that a linear map of the provided representation explains on "
        "examples "
        "that it was not fitted to (5 folds; ridge by generalised cross-validation within the training "
        "folds), "
        "500 examples",
        "at most 1",
        "higher",
        "Yamins et al. 2014; Golub, Heath & Wahba 1979",
    ),
    **{
        f"{name}_null": Definition(
            f"mean of the same over {PERMUTATIONS if name == 'cka' else FEW_PERMUTATIONS} permutations "
            "of the "
            "rows: what unrelated rows of these shapes give",
            "",
            "",
            "",
            least=_NEIGHBOURS + 1 if name == "mutual_knn" else LEAST,
        )
        for name in ("cka", "procrustes", "mutual_knn", "linear_r2")
    },
}


def measure(material: Material) -> list[Measurement]:
    """Measure provided against expected representation; a feature is a channel at a position."""
    return [
        Measurement(
            kind=NAME,
            name=name,
            where=material.cut,
            value=value,
            low=low,
            high=high,
            n=material.n_for(DEFINITIONS[name]),
        )
        for name, (value, low, high) in compare(material.given).items()
    ]


def compare(pair: Pairing) -> dict[str, tuple[float, float | None, float | None]]:
    """Return every measure of two representations by name, with its interval where it has one."""
    values: dict[str, tuple[float, float | None, float | None]] = {
        "cka": pair.cka(),
        "within_cka": pair.within_cka(),
    }
    generator = torch.Generator().manual_seed(0)
    n = len(pair.other.first(EXAMPLES))
    for name, (n_null, function) in _MEASURES.items():
        if name != "cka":
            values[name] = (function(pair.one, pair.other, None), None, None)
        orders = [torch.randperm(n, generator=generator) for _ in range(n_null)]
        null = statistics.mean(function(pair.one, pair.other, order) for order in orders)
        values[f"{name}_null"] = (null, None, None)
    return values


def _reordered(gram: Tensor, order: Tensor | None) -> Tensor:
    return gram if order is None else gram[order][:, order]


def _cka(one: Rows, other: Rows, order: Tensor | None) -> float:
    return float(grams.cka(one.first(EXAMPLES), _reordered(other.first(EXAMPLES), order))[0])


def _procrustes(one: Rows, other: Rows, order: Tensor | None) -> float:
    return grams.procrustes_similarity(one.spectrum(EXAMPLES), other.spectrum(EXAMPLES), order)


def _mutual_knn(one: Rows, other: Rows, order: Tensor | None) -> float:
    return grams.mutual_knn(
        one.uncentred(EXAMPLES), _reordered(other.uncentred(EXAMPLES), order), _NEIGHBOURS
    )


def _linear_r2(one: Rows, other: Rows, order: Tensor | None) -> float:
    return grams.linear_r2(one.folds(EXAMPLES), _reordered(other.first(EXAMPLES), order))


_MEASURES: dict[str, tuple[int, Callable[[Rows, Rows, Tensor | None], float]]] = {
    "cka": (PERMUTATIONS, _cka),
    "procrustes": (FEW_PERMUTATIONS, _procrustes),
    "mutual_knn": (FEW_PERMUTATIONS, _mutual_knn),
    "linear_r2": (FEW_PERMUTATIONS, _linear_r2),
}
"""Each measure: the number of permutations for its null, and its function of x, y and an order of y."""
