"""Stitched against expected representation at later cuts: does a difference heal, or only not show?"""

from __future__ import annotations

from modelstitch.evidence.material import Definition, Material, Measurement

NAME = "trajectory"

DEFINITIONS = {
    "error": Definition(
        "mean squared error at a cut over the variance of the expected representation there",
        "0 and up",
        "lower",
        "",
    ),
    "within_error": Definition(
        "the same of residuals after class means", "0 and up", "lower", "", within=True
    ),
    "retrieval": Definition(
        "share of examples whose stitched representation is nearest, by cosine of residuals after "
        "class means, to the "
        "expected representation of the same example among its class",
        "0 to 1; one in the size of the class by chance",
        "higher",
        "instance retrieval within a class",
        within=True,
    ),
    "within_cka": Definition(
        "debiased linear CKA of residuals after class means",
        "at most 1, about 0 if unrelated",
        "higher",
        "Nguyen et al. 2021",
        within=True,
    ),
}


def measure(material: Material) -> list[Measurement]:
    """Measure stitched against expected at the cut and at every later cut."""
    measurements = []
    for cut in material.stitched:
        pair = material.pairing(cut)

        def add(name: str, value: float, low: float | None = None, high: float | None = None) -> None:
            measurements.append(
                Measurement(
                    kind=NAME,
                    name=name,
                    where=cut,  # noqa: B023
                    value=value,
                    low=low,
                    high=high,
                    n=material.n_for(DEFINITIONS[name]),
                )
            )

        add("error", pair.error())
        add("within_error", pair.within_error())
        add("retrieval", *pair.retrieval())
        add("within_cka", *pair.within_cka())
    return measurements
