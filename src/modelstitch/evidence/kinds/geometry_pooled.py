"""The further measures of geometry, on the mean over positions of each channel: the CCA family, RSA, mutual information, cosine.

They fit or count dimensions, so they are read on channels, of which there are fewer than examples; values of :mod:`modelstitch.geometry`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from modelstitch.errors import GeometryError
from modelstitch.evidence.material import Definition, Material, Measurement
from modelstitch.geometry import MEASURES, compare

NAME = "geometry-pooled"

EXAMPLES = 1000
PERMUTATIONS = 3
NAMES = ("svcca", "pwcca", "rsa", "rsa_correlation", "mutual_information", "cosine")
_T_OF_TEN_GROUPS = 2.26


def _range(name: str) -> str:
    low, high = MEASURES[name].range
    return f"{low:g} to {high:g}"


DEFINITIONS = {
    **{
        name: Definition(
            f"{name} of provided and expected representation, each channel averaged over positions, 1,000 examples",
            _range(name),
            MEASURES[name].better,
            MEASURES[name].source,
        )
        for name in NAMES
    },
    **{
        f"{name}_null": Definition(
            f"mean of the same over {PERMUTATIONS} permutations of the rows", "", "", ""
        )
        for name in NAMES
    },
    **{
        f"{name}_thin": Definition(
            "1 where the measure warns of its own value: fewer than 10 examples for each dimension that it fits, or a constant side",
            "0 or 1",
            "",
            "",
        )
        for name in NAMES
    },
    "features_provided": Definition("channels of the provided representation", "1 and up", "", ""),
    "features_expected": Definition("channels of the expected representation", "1 and up", "", ""),
    "rank_provided": Definition(
        "dimensions in which its rows differ by more than rounding", "0 and up", "", ""
    ),
    "rank_expected": Definition("the same of the expected representation", "0 and up", "", ""),
}


def pooled(x: Tensor) -> Tensor:
    """Return the mean over positions of each channel, (n, C)."""
    return x.float().flatten(2).mean(2) if x.ndim > 2 else x.float()


def measure(material: Material) -> list[Measurement]:
    """Measure the provided against the expected representation; the cosine only where both have as many channels."""
    some = slice(None, None, -(-material.n // EXAMPLES))  # evenly over the classes
    x, y = pooled(material.raw_provided[some]), pooled(material.raw_expected()[some])
    names = [name for name in NAMES if name != "cosine" or x.shape[1] == y.shape[1]]
    generator = torch.Generator().manual_seed(0)
    try:
        measured = compare(x, y, names, null=PERMUTATIONS, generator=generator)
    except (
        GeometryError
    ):  # of values that repeat, as those of first positions with one token do, not every measure can be taken
        distinct = [name for name in names if name != "mutual_information"]
        measured = compare(x, y, distinct, null=PERMUTATIONS, generator=generator)
    found: list[Measurement] = []

    def add(name: str, value: float, half: float | None = None) -> None:
        low, high = (None, None) if half is None else (value - half, value + half)
        found.append(
            Measurement(kind=NAME, name=name, where=material.cut, value=value, low=low, high=high, n=len(x))
        )

    for each in measured:
        add(each.name, each.value, _T_OF_TEN_GROUPS * each.standard_error)
        add(f"{each.name}_null", each.null_mean)
        add(f"{each.name}_thin", float(bool(each.warning)))
    add("features_provided", measured[0].p_x)
    add("features_expected", measured[0].p_y)
    add("rank_provided", measured[0].rank_x)
    add("rank_expected", measured[0].rank_y)
    return found
