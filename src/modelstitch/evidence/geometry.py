"""Geometry of the provided against the expected representation, without a stitch: what similarity measures alone would say."""

from __future__ import annotations

import statistics

import torch

from modelstitch.evidence import grams
from modelstitch.evidence.material import Definition, Material, Measurement
from modelstitch.evidence.pairing import Pairing

NAME = "geometry"

EXAMPLES = 1000
PROCRUSTES_EXAMPLES = 400
PERMUTATIONS, FEW_PERMUTATIONS = 10, 2
DEFINITIONS = {
    "cka": Definition(
        "debiased linear CKA", "at most 1, about 0 if unrelated", "higher", "Nguyen et al. 2021"
    ),
    "within_cka": Definition("the same within classes", "at most 1", "higher", "Nguyen et al. 2021"),
    "procrustes": Definition(
        "largest cosine after a rotation, on the first 400 examples",
        "0 to 1",
        "higher",
        "Williams et al. 2021",
    ),
    "mutual_knn": Definition(
        "mean share of common nearest neighbours, 10 of 1,000 examples", "0 to 1", "higher", "Huh et al. 2024"
    ),
    "linear_r2": Definition(
        "share of the expected variance that a linear map of the provided representation explains on examples left out, "
        "1,000 examples",
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
    some, few = slice(EXAMPLES), slice(PROCRUSTES_EXAMPLES)
    k, l = pair.one.gram[some, some], pair.other.gram[some, some]  # noqa: E741
    index = torch.arange(len(k))
    measures = {
        "cka": lambda a, b: float(grams.cka([a], [b], [index])[0]),
        "procrustes": lambda a, b: grams.procrustes(a[few, few], b[few, few]),
        "mutual_knn": grams.mutual_knn,
        "linear_r2": grams.linear_r2,
    }
    found: dict[str, tuple[float, float | None, float | None]] = {
        "cka": pair.cka(),
        "within_cka": pair.within_cka(),
    }
    generator = torch.Generator().manual_seed(0)
    orders = [torch.randperm(len(k), generator=generator).to(k.device) for _ in range(PERMUTATIONS)]
    for name, measure_ in measures.items():
        if name != "cka":
            found[name] = (measure_(k, l), None, None)
        # Two permutations tell the level of the dear ones; their spread is small.
        tried = orders if name == "cka" else orders[:FEW_PERMUTATIONS]
        null = statistics.mean(measure_(k, l[order][:, order]) for order in tried)
        found[f"{name}_null"] = (null, None, None)
    return found
