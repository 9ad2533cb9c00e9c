"""The families in order of capacity, and which lies within which."""

from __future__ import annotations

from collections.abc import Sequence

from modelstitch.specs import FAMILIES, StitchSpec

LADDER_NAME = "ladder"
"""Stands for all stitches of the ladder, where stitches are named."""

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


def stitches_named(names: Sequence[StitchSpec | str], norm: str = "none") -> tuple[StitchSpec, ...]:
    """Return stitches by name; ``ladder`` stands for all of :data:`LADDER`.

    Args:
        names: such as ``lowrank(8)``, or specs, which stay as they are.
        norm: of the stitches whose name says none.

    Raises:
        SpecError: a name that is no stitch.

    Example:
        >>> [stitch.label for stitch in stitches_named(["conv(5)", "ladder"])][:3]
        ['conv(5)', 'identity', 'scale']
    """
    return tuple(
        stitch
        for name in names
        for stitch in (
            [name]
            if isinstance(name, StitchSpec)
            else LADDER
            if name == LADDER_NAME
            else [StitchSpec.parse(name, norm)]
        )
    )
