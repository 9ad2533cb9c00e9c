"""Further measures of provided against expected representation, on channels averaged over positions.

They fit or count dimensions, so they are taken on channels, of which there are fewer than examples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from modelstitch.errors import GeometryError
from modelstitch.evidence.material import LEAST, Definition, Material, Measurement
from modelstitch.geometry import MEASURES, Measured, compare
from modelstitch.geometry.inputs import centre
from modelstitch.geometry.intervals import half_width

NAME = "geometry-pooled"

EXAMPLES = 1000
PERMUTATIONS = 3
NAMES = ("svcca", "pwcca", "rsa", "rsa_correlation", "mutual_information", "cosine")


def _range(name: str) -> str:
    low, high = MEASURES[name].range
    return f"{low:g} to {high:g}"


DEFINITIONS = {
    **{
        name: Definition(
            f"{name} of provided and expected representation, each channel averaged over positions, "
            "1,000 examples",
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
            "1 where the measure warns of its own value: fewer than 10 examples for each dimension "
            "that it fits, "
            "or a constant side",
            "0 or 1",
            "",
            "",
        )
        for name in NAMES
    },
    "features_provided": Definition("channels of the provided representation", "1 and up", "", "", least=0),
    "features_expected": Definition("channels of the expected representation", "1 and up", "", "", least=0),
    "rank_provided": Definition(
        "dimensions in which its rows differ by more than rounding", "0 and up", "", ""
    ),
    "rank_expected": Definition("the same of the expected representation", "0 and up", "", ""),
}


def pooled(x: Tensor) -> Tensor:
    """Return the mean over positions of each channel, (n, C)."""
    return x.float().flatten(2).mean(2) if x.ndim > 2 else x.float()


def measure(material: Material) -> list[Measurement]:
    """Measure provided against expected representation; the cosine needs as many channels on both sides."""
    some = slice(None, None, -(-material.n // EXAMPLES))  # evenly over the classes
    x, y = pooled(material.raw_provided[some]), pooled(material.raw_expected()[some])
    names = [name for name in NAMES if name != "cosine" or x.shape[1] == y.shape[1]]
    measurements: list[Measurement] = []

    def add(name: str, value: float, half: float | None = None) -> None:
        low, high = (None, None) if half is None else (value - half, value + half)
        measurements.append(
            Measurement(kind=NAME, name=name, where=material.cut, value=value, low=low, high=high, n=len(x))
        )

    for result in _measured(x, y, names):
        add(result.name, result.value, half_width(result.standard_error))
        add(f"{result.name}_null", result.null_mean)
        add(f"{result.name}_thin", float(bool(result.warning)))
    add("features_provided", x.shape[1])
    add("features_expected", y.shape[1])
    add("rank_provided", centre(x).rank)
    add("rank_expected", centre(y).rank)
    if len(x) < LEAST:
        for name in names:
            for of in ("", "_null", "_thin"):
                add(f"{name}{of}", math.nan)
    return measurements


def _measured(x: Tensor, y: Tensor, names: Sequence[str]) -> list[Measured]:
    """Return the measures that are defined: not with too few examples, repeated values or one channel."""
    if len(x) < LEAST:
        return []
    try:
        return _compare(x, y, names)
    except GeometryError:
        return [result for name in names for result in _allowed(x, y, name)]


def _compare(x: Tensor, y: Tensor, names: Sequence[str]) -> list[Measured]:
    return compare(x, y, names, null=PERMUTATIONS, generator=torch.Generator().manual_seed(0))


def _allowed(x: Tensor, y: Tensor, name: str) -> list[Measured]:
    try:
        return _compare(x, y, [name])
    except GeometryError:
        return []
