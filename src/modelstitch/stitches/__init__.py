"""Families of stitches, and their bridges. A family is one file here and one row of
:data:`modelstitch.specs.FAMILIES`."""

from __future__ import annotations

from modelstitch.stitches.affine import Affine
from modelstitch.stitches.base import Stitch
from modelstitch.stitches.build import build, class_of
from modelstitch.stitches.conv import Conv
from modelstitch.stitches.fittable import Fittable, Values
from modelstitch.stitches.identity import Identity
from modelstitch.stitches.lowrank import LowRank
from modelstitch.stitches.mlp import Mlp
from modelstitch.stitches.orthogonal import Orthogonal
from modelstitch.stitches.pooled import Pooled
from modelstitch.stitches.scale import Scale

__all__ = [
    "Affine",
    "Conv",
    "Fittable",
    "Identity",
    "LowRank",
    "Mlp",
    "Orthogonal",
    "Pooled",
    "Scale",
    "Stitch",
    "Values",
    "build",
    "class_of",
]
