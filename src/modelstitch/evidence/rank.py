"""How many directions a representation uses; near (classes - 1) a stitch passes little more than the label."""

from __future__ import annotations

from modelstitch.evidence import grams
from modelstitch.evidence.material import Definition, Material, Measurement

NAME = "rank"

EXAMPLES = 1000
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
    ),
    "rank_95_stitch": Definition("directions that hold 95 % of the weight's squares", "1 and up", "", ""),
}


def measure(material: Material) -> list[Measurement]:
    """Measure ranks of the three representations (first 1,000 examples) and of the stitch itself."""
    few = slice(EXAMPLES)
    matrices = {
        "provided": material.provided.gram[few, few],
        "stitched": material.stitched[material.cut].gram[few, few],
        "expected": material.expected[material.cut].gram[few, few],
    }
    if material.weight is not None:
        weight = material.weight.double()
        matrices["stitch"] = weight @ weight.T
    found = []
    for side, gram in matrices.items():
        for name, value in (
            (f"effective_rank_{side}", grams.effective_rank(gram)),
            (f"rank_95_{side}", float(grams.mass_rank(gram))),
        ):
            found.append(
                Measurement(
                    kind=NAME, name=name, where=material.cut, value=value, n=min(EXAMPLES, material.n)
                )
            )
    return found
