"""Geometry of the provided against the expected representation, without a stitch: what similarity measures alone would say."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import torch
from torch import Tensor

from modelstitch.evidence import grams
from modelstitch.evidence.material import Definition, Material, Measurement
from modelstitch.evidence.pairing import Pairing
from modelstitch.evidence.rows import Rows

NAME = "geometry"

EXAMPLES, PROBE_EXAMPLES, FEW_EXAMPLES = 1000, 500, 400
PERMUTATIONS, FEW_PERMUTATIONS = 5, 2
DEFINITIONS = {
    "cka": Definition(
        "debiased linear CKA, 1,000 examples",
        "at most 1, about 0 if unrelated",
        "higher",
        "Nguyen et al. 2021",
    ),
    "within_cka": Definition("the same within classes", "at most 1", "higher", "Nguyen et al. 2021"),
    "procrustes": Definition(
        "largest cosine after a rotation, 400 examples",
        "0 to 1",
        "higher",
        "Williams et al. 2021",
    ),
    "mutual_knn": Definition(
        "mean share of common nearest neighbours, 10 of 1,000 examples", "0 to 1", "higher", "Huh et al. 2024"
    ),
    "linear_r2": Definition(
        "share of the expected variance that a linear map of the provided representation explains on examples left out, "
        "500 examples",
        "at most 1",
        "higher",
        "Kornblith et al. 2019, section 3",
    ),
    **{
        f"{name}_null": Definition(
            f"mean of the same over {PERMUTATIONS if name == 'cka' else FEW_PERMUTATIONS} permutations of the rows: what "
            "unrelated rows of these shapes give",
            "",
            "",
            "",
        )
        for name in ("cka", "procrustes", "mutual_knn", "linear_r2")
    },
}


def measure(material: Material) -> list[Measurement]:
    """Measure the provided against the expected representation, every value flattened (channels and positions alike)."""
    return [
        Measurement(kind=NAME, name=name, where=material.cut, value=value, low=low, high=high, n=material.n)
        for name, (value, low, high) in compare(material.given).items()
    ]


def compare(pair: Pairing) -> dict[str, tuple[float, float | None, float | None]]:
    """Return every measure of two representations by name, with its interval where it has one."""
    found: dict[str, tuple[float, float | None, float | None]] = {
        "cka": pair.cka(),
        "within_cka": pair.within_cka(),
    }
    generator = torch.Generator().manual_seed(0)
    for name, (n, n_null, measure_) in _MEASURES.items():
        l = pair.other.first(n)  # noqa: E741
        if name != "cka":
            found[name] = (measure_(pair.one, l, n), None, None)
        orders = [torch.randperm(len(l), generator=generator).to(l.device) for _ in range(n_null)]
        null = statistics.mean(measure_(pair.one, l[order][:, order], n) for order in orders)
        found[f"{name}_null"] = (null, None, None)
    return found


def _cka(one: Rows, l: Tensor, n: int) -> float:  # noqa: E741
    k = one.first(n)
    return float(grams.cka([k], [l], [torch.arange(len(k), device=k.device)])[0])


_MEASURES: dict[str, tuple[int, int, Callable[[Rows, Tensor, int], float]]] = {
    "cka": (EXAMPLES, PERMUTATIONS, _cka),
    "procrustes": (
        FEW_EXAMPLES,
        FEW_PERMUTATIONS,
        lambda one, other, n: grams.procrustes(one.first(n), other),
    ),
    "mutual_knn": (EXAMPLES, FEW_PERMUTATIONS, lambda one, other, n: grams.mutual_knn(one.first(n), other)),
    "linear_r2": (
        PROBE_EXAMPLES,
        FEW_PERMUTATIONS,
        lambda one, other, n: grams.linear_r2(one.spectrum(n), other),
    ),
}
"""Of each measure: examples, permutations for its null, and the function of the first side's rows and the second's Gram matrix."""
