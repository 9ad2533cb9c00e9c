"""How much of the image survives in the stitched representation, and how much the expected one holds."""

from __future__ import annotations

from modelstitch.evidence.material import Definition, Material, Measurement
from modelstitch.evidence.pairing import EXAMPLES, Pairing
from modelstitch.evidence.residuals import Rows
from modelstitch.geometry import grams

NAME = "information"

DEFINITIONS = {
    "retrieval": Definition(
        "share of examples whose stitched representation is nearest to the expected one of the same "
        "example, within its class",
        "0 to 1; one in the size of the class by chance",
        "higher",
        "instance retrieval",
        within=True,
    ),
    "retrieval_chance": Definition("what a guess retrieves", "0 to 1", "", "", within=True),
    "retrieval_moved": Definition(
        "the same for the expected representation of the image shifted by one pixel: what the "
        "representation itself keeps",
        "0 to 1",
        "",
        "",
        within=True,
    ),
    "pixels_r2": Definition(
        "share of the variance of the image, averaged to 8 x 8, that a linear map of the stitched "
        "representation explains on "
        "examples left out (ridge, 500 examples)",
        "at most 1",
        "higher",
        "Alain & Bengio 2017, linear probes",
    ),
    "pixels_r2_expected": Definition("the same of the expected representation", "at most 1", "", ""),
}


def measure(material: Material) -> list[Measurement]:
    """Measure retrieval and linear reconstruction of the image, for stitched and expected representation."""
    pair = material.pairing(material.cut)
    assert material.moved is not None
    moved = Pairing(material.moved, material.expected[material.cut])
    measurements = [
        ("retrieval", pair.retrieval()),
        ("retrieval_chance", (pair.retrieval_chance, None, None)),
        ("retrieval_moved", moved.retrieval()),
        ("pixels_r2", (pixels_r2(pair.one, material.pixels), None, None)),
        ("pixels_r2_expected", (pixels_r2(pair.other, material.pixels), None, None)),
    ]
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
        for name, (value, low, high) in measurements
    ]


def pixels_r2(rows: Rows, pixels: Rows) -> float:
    """Return the share of the variance of the small image that a linear map of ``rows`` explains."""
    return grams.linear_r2(rows.folds(EXAMPLES), pixels.first(EXAMPLES))
