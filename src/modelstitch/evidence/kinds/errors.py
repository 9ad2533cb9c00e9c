"""EV, ES and SV: errors of expected (E), task-fitted (V, "vanilla") and match-fitted (S) representation."""

from __future__ import annotations

import math

from modelstitch.evidence.material import Definition, Material, Measurement
from modelstitch.evidence.pairing import Pairing

NAME = "errors"

_SOURCE = "Hernandez et al. 2022, section 4"
DEFINITIONS = {
    "ev": Definition(
        "mean squared error of the stitch as it was fitted (by default to the task)",
        "0 and up",
        "lower",
        _SOURCE,
    ),
    "es": Definition(
        "mean squared error of the match-fitted stitch: least squares on 1,500 training examples, the "
        "same family",
        "0 and up",
        "lower",
        _SOURCE,
    ),
    "sv": Definition("mean squared difference of the two stitches", "0 and up", "lower", _SOURCE),
    "ev_share": Definition("ev over the variance of the expected representation", "0 and up", "lower", ""),
    "es_share": Definition(
        "es over the same variance; 1 says no better than the mean", "0 and up", "lower", ""
    ),
    "sv_share": Definition("sv over the same variance", "0 and up", "lower", ""),
}


def measure(material: Material) -> list[Measurement]:
    """Measure the three errors, raw as in the paper and as shares of the expected representation's variance.

    The variance is that of each value over examples, averaged over values. es and sv are NaN without a
    match-fitted stitch.
    """
    pair, matched = material.pairing(material.cut), material.matched
    n_values = pair.other.residuals.numel()
    variance = pair.other.variance / n_values
    errors = {"ev": pair.error() * variance if variance > 0 else math.nan, "es": math.nan, "sv": math.nan}
    if matched is not None:
        errors["es"] = Pairing(matched, pair.other).error() * variance if variance > 0 else math.nan
        errors["sv"] = Pairing(matched, pair.one).apart() / n_values
    shares = {
        f"{name}_share": value / variance if variance > 0 else math.nan for name, value in errors.items()
    }
    return [
        Measurement(kind=NAME, name=name, where=material.cut, value=value, n=material.n)
        for name, value in {**errors, **shares}.items()
    ]
