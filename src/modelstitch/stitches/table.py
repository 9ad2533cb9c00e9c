"""The table of families: one row for each name in ``specs.FAMILIES``."""

from __future__ import annotations

import torch

from modelstitch.cutting.layouts import Shaped
from modelstitch.specs import StitchSpec
from modelstitch.stitches.affine import Affine
from modelstitch.stitches.base import Stitch
from modelstitch.stitches.conv import Conv
from modelstitch.stitches.identity import Identity
from modelstitch.stitches.lowrank import LowRank
from modelstitch.stitches.mlp import Mlp
from modelstitch.stitches.orthogonal import Orthogonal
from modelstitch.stitches.pooled import Pooled
from modelstitch.stitches.scale import Scale

FAMILY_CLASSES: dict[str, type[Stitch]] = {
    "identity": Identity,
    "scale": Scale,
    "orthogonal": Orthogonal,
    "pooled": Pooled,
    "lowrank": LowRank,
    "affine": Affine,
    "conv": Conv,
    "mlp": Mlp,
}


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
        generator: source of the random start; torch's global state without it.

    Raises:
        StitchError: the family does not fit the layouts.

    Example:
        >>> build(StitchSpec(), (16, 8, 8), (8, 8, 8)).bridge.label
        'same'
    """
    stitch = FAMILY_CLASSES[spec.family](spec, provided_layout, expected_layout)
    stitch.initialise(generator)
    return stitch
