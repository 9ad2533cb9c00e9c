"""The families in order of capacity, and which lies within which."""

from __future__ import annotations

from modelstitch.specs import FAMILIES, StitchSpec

LADDER = tuple(StitchSpec(family=name, size=size) for name, info in FAMILIES.items() for size in info.ladder)
"""What ``--ladder`` fits, from the smallest capacity up."""


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
    return other.family in one.info.within
