"""How many directions a representation uses: at about (classes - 1), a stitch passes little but the label."""

from __future__ import annotations

import torch

from modelstitch.evidence.material import Definition, Material, Measurement
from modelstitch.evidence.pairing import EXAMPLES
from modelstitch.geometry import grams

NAME = "rank"

_SIDES = ("provided", "stitched", "expected")
DEFINITIONS = {
    **{
        f"effective_rank_{side}": Definition(
            f"exponential of the entropy of the variance's shares over directions, {side} representation",
            "1 to the number of examples or features",
            "",
            "Roy & Vetterli 2007",
        )
        for side in _SIDES
    },
    **{
        f"rank_95_{side}": Definition(
            f"directions that hold 95 % of the variance, {side} representation", "1 and up", "", ""
        )
        for side in _SIDES
    },
    "effective_rank_stitch": Definition(
        "the same of the squared singular values of the stitch's weight, where it is one linear map",
        "1 and up",
        "",
        "",
        least=0,
    ),
    "rank_95_stitch": Definition(
        "directions that hold 95 % of the weight's squares", "1 and up", "", "", least=0
    ),
}


def measure(material: Material) -> list[Measurement]:
    """Measure ranks of the three representations (500 examples) and of the stitch itself."""
    spectra = {
        "provided": material.provided.spectrum(EXAMPLES)[0],
        "stitched": material.stitched[material.cut].spectrum(EXAMPLES)[0],
        "expected": material.expected[material.cut].spectrum(EXAMPLES)[0],
    }
    if material.weight is not None:
        weight = material.weight.double()
        spectra["stitch"] = torch.linalg.svdvals(weight).square().flip(0)
    measurements = []
    for side, values in spectra.items():
        for name, value in (
            (f"effective_rank_{side}", grams.effective_rank(values)),
            (f"rank_95_{side}", float(grams.mass_rank(values))),
        ):
            measurements.append(
                Measurement(
                    kind=NAME, name=name, where=material.cut, value=value, n=min(EXAMPLES, material.n)
                )
            )
    return measurements
