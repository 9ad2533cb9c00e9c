"""The training score on the labels that a stitch was fitted to; against shuffled labels, its selectivity."""

from __future__ import annotations

from modelstitch.evidence.material import Definition, Material, Measurement
from modelstitch.geometry.intervals import wilson

NAME = "selectivity"

DEFINITIONS = {
    "train_score": Definition(
        "score on training examples with the labels that the stitch was fitted to; its selectivity is "
        "this less the same under "
        "the control shuffled-labels",
        "0 to 1",
        "",
        "Hewitt & Liang 2019",
        least=1,
    ),
}


def measure(material: Material) -> list[Measurement]:
    """Measure the score on as many training examples as evidence is measured on."""
    right = material.train_right()
    n, hits = len(right), float(right.sum())
    low, high = wilson(round(hits), n)
    return [
        Measurement(kind=NAME, name="train_score", where="output", value=hits / n, low=low, high=high, n=n)
    ]
