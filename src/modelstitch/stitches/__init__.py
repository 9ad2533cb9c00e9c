"""The families of stitches, one file each."""

from __future__ import annotations

import torch

from modelstitch.cutting.layouts import Shaped
from modelstitch.specs import StitchSpec
from modelstitch.stitches.affine import Affine
from modelstitch.stitches.base import Stitch, Values
from modelstitch.stitches.conv import Conv
from modelstitch.stitches.identity import Identity
from modelstitch.stitches.lowrank import LowRank
from modelstitch.stitches.mlp import Mlp
from modelstitch.stitches.orthogonal import Orthogonal
from modelstitch.stitches.pooled import Pooled
from modelstitch.stitches.scale import Scale

__all__ = [
    "FAMILY_CLASSES",
    "Affine",
    "Conv",
    "Identity",
    "LowRank",
    "Mlp",
    "Orthogonal",
    "Pooled",
    "Scale",
    "Stitch",
    "Values",
    "build",
]

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
        provided_layout, expected_layout: of the representations, or their shapes (batch axis left out) where these say it all.
        generator: source of the random start; without one, the global state of torch.

    Raises:
        StitchError: the family does not fit the shapes.

    Example:
        >>> build(StitchSpec(), (16, 8, 8), (8, 8, 8)).bridge.label
        'same'
    """
    stitch = FAMILY_CLASSES[spec.family](spec, provided_layout, expected_layout)
    stitch.initialise(generator)
    return stitch
