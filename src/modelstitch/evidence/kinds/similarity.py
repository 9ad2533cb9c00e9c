"""Similarity of stitched and expected representation, whole and within classes."""

from __future__ import annotations

from modelstitch.evidence.material import Definition, Material, Measurement
from modelstitch.evidence.pairing import EXAMPLES
from modelstitch.geometry import grams
from modelstitch.geometry.intervals import ValueWithInterval

NAME = "similarity"

DEFINITIONS = {
    "cka": Definition(
        "debiased linear CKA of stitched and expected representation, 500 examples",
        "at most 1, about 0 if unrelated",
        "higher",
        "Kornblith et al. 2019; debiased as in Nguyen et al. 2021",
    ),
    "within_cka": Definition(
        "the same of what is left when the mean of each class is taken away: 0 for a stitch that keeps "
        "the label alone",
        "at most 1, about 0 if unrelated",
        "higher",
        "the same, summed over classes",
        within=True,
    ),
    "procrustes": Definition(
        "largest cosine of the two after a rotation, 500 examples",
        "0 to 1",
        "higher",
        "Williams et al. 2021",
    ),
    "r2": Definition(
        "1 - mean squared error / variance of the expected representation, nothing fitted",
        "at most 1; often below 0, since the scale of a task-fitted stitch drifts",
        "higher",
        "",
    ),
    "within_r2": Definition(
        "the same of residuals after class means", "at most 1", "higher", "", within=True
    ),
}


def measure(material: Material) -> list[Measurement]:
    """Measure stitched against expected at the cut."""
    pair = material.pairing(material.cut)
    return [
        _interval("cka", material, pair.cka()),
        _interval("within_cka", material, pair.within_cka()),
        _plain(
            "procrustes",
            material,
            grams.procrustes_similarity(pair.one.spectrum(EXAMPLES), pair.other.spectrum(EXAMPLES)),
        ),
        _plain("r2", material, 1 - pair.error()),
        _plain("within_r2", material, 1 - pair.within_error()),
    ]


def _interval(name: str, material: Material, interval: ValueWithInterval) -> Measurement:
    value, low, high = interval
    n = material.n_for(DEFINITIONS[name])
    return Measurement(kind=NAME, name=name, where=material.cut, value=value, low=low, high=high, n=n)


def _plain(name: str, material: Material, value: float) -> Measurement:
    n = material.n_for(DEFINITIONS[name])
    return Measurement(kind=NAME, name=name, where=material.cut, value=value, n=n)
