"""A stitch from its spec: the class of its family, as the table of families names it, for two layouts."""

from __future__ import annotations

import torch

from modelstitch.cutting.layouts import Shaped
from modelstitch.errors import SpecError
from modelstitch.specs import FAMILIES, StitchSpec
from modelstitch.stitches.base import Stitch, fixed_generator
from modelstitch.util.imported import imported


def class_of(family: str) -> type[Stitch]:
    """Return the class of a family, which the table names as its code.

    Example:
        >>> class_of("lowrank").__name__
        'LowRank'
    """
    stitch_class: type[Stitch] = imported(FAMILIES[family].code, "class", "family", SpecError)
    return stitch_class


def build(
    spec: StitchSpec,
    provided_layout: Shaped,
    expected_layout: Shaped,
    generator: torch.Generator | None = None,
) -> Stitch:
    """Build an unfitted stitch.

    Args:
        spec: family, size and norm.
        provided_layout, expected_layout: layouts of the representations, or shapes without the batch axis
            where the layout follows from the shape.
        generator: source of the random start; a fixed one without it.

    Raises:
        StitchError: the family does not fit the layouts.

    Example:
        >>> build(StitchSpec(), (16, 8, 8), (8, 8, 8)).bridge.label
        'same'
    """
    stitch = class_of(spec.family)(spec, provided_layout, expected_layout)
    stitch.initialise(fixed_generator() if generator is None else generator)
    return stitch
