"""The families in order of capacity, and which lies within which."""

from __future__ import annotations

from modelstitch.specs import StitchSpec

LADDER = tuple(
    StitchSpec.parse(text)
    for text in (
        "identity",
        "scale",
        "orthogonal",
        "lowrank(1)",
        "lowrank(2)",
        "lowrank(4)",
        "lowrank(8)",
        "pooled",
        "affine",
        "conv(3)",
    )
)
"""What ``--ladder`` fits, from the smallest capacity up."""

_WIDER = {
    "identity": ("scale", "orthogonal", "pooled", "affine", "conv"),
    "scale": ("pooled", "affine", "conv"),
    "orthogonal": ("affine", "conv"),
    "pooled": ("affine", "conv"),
    "lowrank": ("affine", "conv"),
    "affine": ("conv",),
    "conv": (),
    "mlp": (),
}


def within(one: StitchSpec, other: StitchSpec) -> bool:
    """Tell whether every stitch of ``one`` is also a stitch of ``other``: the partial order of capacity.

    Example:
        >>> within(StitchSpec.parse("lowrank(2)"), StitchSpec.parse("conv(3)"))
        True
        >>> within(StitchSpec.parse("scale"), StitchSpec.parse("orthogonal"))
        False
    """
    if one.norm != other.norm:
        return False
    if one.family == other.family:
        return (one.size or 0) <= (other.size or 0)
    return other.family in _WIDER[one.family]
